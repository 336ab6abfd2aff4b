"""What the telephony provider reports when an application's answer is none, under the provider's own numbers.

Each number is described at `https://www.twilio.com/docs/api/errors/<number>`:

11100  an address is not valid                  12100  the document cannot be parsed
11200  the answer has an error status           12200  a verb is unknown, or stands where it may not
11205  no connection, or no answer in 15 s      12300  the Content-Type is not one of those taken
11206  the answer breaks HTTP's own rules       13210 13312 13313 13314 13320 13327 13520 13710 13910
11210  the host's name does not resolve                an attribute or a text is wrong: a warning, the
11215  too many redirects                              provider takes its default and the call goes on
11750  the answer is longer than 64 KiB
"""

from prodtest_assets.errors import CallFailed


class ProviderError(CallFailed):
    """The provider cannot go on with the application's answer.

    Attributes:
        code: the provider's number; it is named in the message.
        plain: the message without the number.
        url: what was asked for; empty where it is not known.
        status: the HTTP status, when there was one.
        latency: seconds until the request was given up, when there was one.
        is_timeout: a connection stood, and no answer came over it in time.
    """

    def __init__(
        self,
        message: str,
        code: int,
        *,
        url: str = "",
        status: int | None = None,
        latency: float | None = None,
        is_timeout: bool = False,
    ) -> None:
        super().__init__(f"{message} (provider error {code})")
        self.plain = message
        self.code = code
        self.url = url
        self.status = status
        self.latency = latency
        self.is_timeout = is_timeout


class NothingListens(ProviderError):
    """Nobody takes the connection.

    Attributes:
        origin: scheme, host and port.
    """

    def __init__(self, message: str, code: int, *, origin: str, url: str, latency: float) -> None:
        super().__init__(message, code, url=url, latency=latency)
        self.origin = origin


class BadTwiml(ProviderError):
    """The answer is not TwiML."""
