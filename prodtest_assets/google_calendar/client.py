"""Google's client as it is used here: signed in, patient with quotas, and with errors that say what to do."""

import http.client
import json
import random
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prodtest_assets.errors import ConfigurationError, ProdtestError, Unreachable

if TYPE_CHECKING:
    from googleapiclient.errors import HttpError

GONE = frozenset({404, 410})
NOT_THE_API = "what answers is not the calendar API: check PRODTEST_CALENDAR_API_URL"

_SCOPE = "https://www.googleapis.com/auth/calendar.events"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST_WAIT = 32.0
# https://developers.google.com/workspace/calendar/api/guides/errors
_RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_QUOTA_REASONS = _RATE_REASONS | {"quotaExceeded", "dailyLimitExceeded"}


@dataclass(frozen=True, slots=True)
class Waits:
    """How often a request is tried again, and how long after what.

    Truncated exponential backoff, as https://developers.google.com/workspace/calendar/api/guides/quota asks for it:
    1 s, 2 s, 4 s and so on, up to 32 s, each with up to a second more by chance; longer where the API says so.

    Attributes:
        retries: how often.
        sleep: waits for so many seconds.
    """

    retries: int
    sleep: Callable[[float], None]

    def before_retry(self, attempt: int, error: Exception) -> None:
        """Wait.

        Args:
            attempt: 0 before the first retry.
            error: what the request met.
        """
        # The chance keeps clients apart from each other; it guards no secret.
        backoff = 2.0**attempt + random.random()
        self.sleep(min(max(backoff, _asked_wait(error)), _LONGEST_WAIT))


class Client:
    """The calendar part of Google's client.

    Args:
        service_account_json, api_url: as in `Calendar`.
        timeout: seconds for one request.
        waits: between tries.

    Raises:
        ConfigurationError: the extra is not installed, or there is no usable key.
    """

    def __init__(self, service_account_json: str | None, api_url: str | None, *, timeout: float, waits: Waits) -> None:
        self._waits = waits
        self._service = _build_service(service_account_json, api_url, timeout)

    def events(self) -> Any:
        """The client's resource `events`, whose methods make requests."""
        return self._service.events()

    def execute(self, request: Any) -> dict[str, Any]:
        """Send a request, again when it met what passes. Raises the client's own errors, and `Unreachable`."""
        attempt = 0
        while True:
            try:
                answer = request.execute() or {}
            except Exception as error:
                if attempt == self._waits.retries or not _passes(error):
                    raise
                self._waits.before_retry(attempt, error)
                attempt += 1
            else:
                # A proxy's sign-in page comes with status 200 as well, and must not confirm anything.
                if not isinstance(answer, dict):
                    raise Unreachable(NOT_THE_API)
                return answer

    def close(self) -> None:
        """Close the connections to the API."""
        self._service.close()


@contextmanager
def problems_named() -> Iterator[None]:
    """Turn the client's errors into ours. Their own texts are left out: they may quote what was sent."""
    from google.auth.exceptions import GoogleAuthError, TransportError
    from googleapiclient.errors import HttpError
    from httplib2 import HttpLib2Error

    try:
        yield
    except HttpError as error:
        raise _refusal(error) from error
    except (TransportError, HttpLib2Error, http.client.HTTPException, ssl.SSLError, OSError) as error:
        raise Unreachable(f"the calendar API does not answer ({type(error).__name__})") from error
    except GoogleAuthError as error:
        raise ConfigurationError("Google refuses the service account: check GOOGLE_SERVICE_ACCOUNT_JSON") from error
    except (ValueError, KeyError) as error:
        raise Unreachable(NOT_THE_API) from error


def _passes(error: Exception) -> bool:
    """Whether the same request may succeed in a moment. A quota for the whole day does not come back by waiting."""
    from google.auth.exceptions import TransportError
    from googleapiclient.errors import HttpError
    from httplib2 import HttpLib2Error

    if isinstance(error, HttpError):
        status = error.status_code
        is_limited = status == http.client.FORBIDDEN and bool(_reasons(error) & _RATE_REASONS)
        return is_limited or status == http.client.TOO_MANY_REQUESTS or status >= http.client.INTERNAL_SERVER_ERROR
    lost = (TransportError, HttpLib2Error, http.client.HTTPException, ConnectionError, TimeoutError)
    return isinstance(error, lost)


def _asked_wait(error: Exception) -> float:
    """Seconds that the API asks to wait for; 0 when it does not."""
    answer = getattr(error, "resp", None)
    text = str(answer.get("retry-after", "")) if answer is not None else ""
    return float(text) if text.isdecimal() else 0.0


def _refusal(error: "HttpError") -> ProdtestError:
    status = error.status_code
    if status in GONE:
        return ConfigurationError(
            "there is no such calendar, or it is not shared with the account: check GOOGLE_CALENDAR_ID"
        )
    is_quota = status == http.client.FORBIDDEN and _reasons(error) & _QUOTA_REASONS
    if is_quota or status == http.client.TOO_MANY_REQUESTS:
        return Unreachable("the calendar API's quota is used up; the next cleanup tries again")
    if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        return ConfigurationError("the account may not change the calendar: share it with the right to make changes")
    return Unreachable(f"the calendar API answered {status}")


def _reasons(error: "HttpError") -> frozenset[str]:
    details = error.error_details if isinstance(error.error_details, list) else []
    return frozenset(str(detail.get("reason")) for detail in details if isinstance(detail, dict))


def _build_service(service_account_json: str | None, api_url: str | None, timeout: float) -> Any:
    try:
        import google_auth_httplib2
        import httplib2
        from google.auth.exceptions import GoogleAuthError
        from googleapiclient.discovery import build
    except ImportError as error:
        raise ConfigurationError(
            "the calendar checks need Google's client: pip install 'prodtest-assets[calendar]'"
        ) from error
    try:
        credentials = _credentials(service_account_json, api_url)
    except (GoogleAuthError, ValueError, OSError) as error:
        raise ConfigurationError(
            "GOOGLE_SERVICE_ACCOUNT_JSON is neither a service account's key nor a path to one"
        ) from error
    # The client's default asks the proxies of the environment, also for the own machine.
    options = {"proxy_info": None} if api_url and urlsplit(api_url).hostname in _LOOPBACK else {}
    transport = google_auth_httplib2.AuthorizedHttp(credentials, http=httplib2.Http(timeout=timeout, **options))
    return build(
        "calendar",
        "v3",
        http=transport,
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": api_url} if api_url else None,
    )


def _credentials(service_account_json: str | None, api_url: str | None) -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.oauth2.service_account import Credentials

    if service_account_json:
        is_text = service_account_json.lstrip().startswith("{")
        text = service_account_json if is_text else Path(service_account_json).read_text(encoding="utf-8")
        return Credentials.from_service_account_info(json.loads(text), scopes=[_SCOPE])  # type: ignore[no-untyped-call]
    if api_url:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    raise ConfigurationError("the calendar checks need GOOGLE_SERVICE_ACCOUNT_JSON")
