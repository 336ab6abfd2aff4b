"""What the telephony provider reports when an application's answer is none, under the provider's own numbers.

Each number is described at `https://www.twilio.com/docs/api/errors/<number>`:

11100  an address is not valid                  11235  the certificate is for another name
11200  the answer has an error status           11236  the certificate has expired
11205  no connection, or no answer in 15 s      11237  the certificate is signed by nobody known
11206  the answer breaks HTTP's own rules       12100  the document cannot be parsed
11210  the host's name does not resolve         12300  the Content-Type is not one of those taken
11215  too many redirects                       12200 13210 13312 13313 13314 13320 13327 13520 13710 13910
11220  TLS does not come about                         a verb, an attribute or a text is wrong: a warning, the
11750  the answer is longer than 64 KiB                provider takes its default and the call goes on
"""

import socket
import ssl
from collections.abc import Iterator

from prodtest_assets.errors import CallFailed

_CERTIFICATE = {
    10: (11236, "has a certificate that has expired"),
    62: (11235, "has a certificate for another name"),
    64: (11235, "has a certificate for another name"),
}
"""By OpenSSL's number of what is wrong with it. https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/"""


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
        reason: why, naming scheme, host and port.
    """

    def __init__(self, message: str, code: int, *, reason: str, url: str, latency: float) -> None:
        super().__init__(message, code, url=url, latency=latency)
        self.reason = reason


def why_no_connection(error: BaseException, origin: str) -> tuple[int, str]:
    """The provider's number for a connection that was not made, and the reason in words.

    Args:
        error: as the HTTP client raised it.
        origin: scheme, host and port.
    """
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return 11210, f"the name in {origin} does not resolve"
        if isinstance(cause, ssl.SSLCertVerificationError):
            code, what = _CERTIFICATE.get(cause.verify_code, (11237, "has a certificate signed by nobody known"))
            return code, f"{origin} {what}"
        if isinstance(cause, ssl.SSLError):
            return 11220, f"{origin} does not speak TLS as it should"
    return 11205, f"nothing answers at {origin}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class BadTwiml(ProviderError):
    """The answer is not TwiML."""
