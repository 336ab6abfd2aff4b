"""Whom the caller phones."""

from dataclasses import dataclass, field
from datetime import UTC, tzinfo

import httpx

from prodtest_assets.caller.script import NO_SCRIPT, CallScript
from prodtest_assets.caller.twiml import Method
from prodtest_assets.errors import ConfigurationError

DIALLED_NUMBER = "+18005550199"
"""The one toll-free number set aside for fiction. https://en.wikipedia.org/wiki/555_(telephone_number)"""


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment of a booking application, seen from the telephone network.

    Attributes:
        base_url: where the deployment lives, with `http://` or `https://`.
        voice_path: where a call starts.
        voice_method: how it starts there.
        auth_token: signs every request when given; applications know it as the account's auth token.
        api_key: sent as `X-API-Key`, and only to the origin of `base_url`.
        timeout: seconds for one request, from the first byte sent to the last one read; the provider never
            waits longer than 15.
        zone: the zone in which the application understands spoken times.
        dialled: the number the caller dialled, `To` in each request.
        account_sid: the account in whose name the calls come, `AccountSid` in each request.
        other_hosts: hosts the application may send a call on to, besides the one of `base_url`.
        fallback_url: asked whenever an answer is none, absolute or relative to `base_url`; None as in an account
            where none is set.
        status_callback_path: told of the call's progress, absolute or relative to `base_url`; None tells nobody.
        script: what the caller answers before the built-in understanding is asked.
    """

    base_url: str
    voice_path: str = "/twilio/voice"
    auth_token: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    zone: tzinfo = UTC
    dialled: str = DIALLED_NUMBER
    account_sid: str = "AC" + "0" * 32
    other_hosts: frozenset[str] = frozenset()
    fallback_url: str | None = None
    status_callback_path: str | None = None
    script: CallScript = NO_SCRIPT
    voice_method: Method = "POST"

    @property
    def voice_url(self) -> httpx.URL:
        """Where the first request of a call goes.

        Raises:
            ConfigurationError: `base_url` is not an http or https address.
        """
        return self.url_of(self.voice_path)

    def url_of(self, place: str) -> httpx.URL:
        """The address of a place in the deployment.

        Args:
            place: a path below `base_url`, or an absolute address.

        Raises:
            ConfigurationError: that is not an http or https address.
        """
        is_absolute = place.startswith(("http://", "https://"))
        try:
            url = httpx.URL(place if is_absolute else self.base_url.rstrip("/") + "/" + place.lstrip("/"))
        except httpx.InvalidURL as error:
            raise ConfigurationError("PRODUCTION_TEST_URL is not a valid address") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ConfigurationError("PRODUCTION_TEST_URL must start with http:// or https://")
        return url

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never stand in a transcript or an error."""
        return tuple(filter(None, (self.auth_token, self.api_key, self.voice_url.password)))
