"""The calendar in which the application mirrors its appointments, through Google's own client.

The client comes with the extra `calendar` and is imported on first use, so that nobody else waits for it.
Whatever offers the same REST API can stand in for Google's, given its address.
"""

import http.client
import json
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from prodtest_assets.errors import ConfigurationError, ProdtestError, Unreachable

if TYPE_CHECKING:
    from googleapiclient.errors import HttpError

_SCOPE = "https://www.googleapis.com/auth/calendar.events"
_TIMEOUT_SECONDS = 30.0
_RETRIES = 3
_FAILURES_IN_A_ROW = 3
_GONE = frozenset({404, 410})
_CANCELLED = "cancelled"
_NOT_THE_API = "what answers is not the calendar API: check PRODTEST_CALENDAR_API_URL"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# https://developers.google.com/workspace/calendar/api/guides/errors
_QUOTA_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the calendar shows it.

    Attributes:
        id: unique in its calendar.
        status: `confirmed` or `tentative`; a cancelled event counts as gone.
        summary: its title; it may hold a caller's name.
        start: timezone-aware; None for an event that takes whole days.
        end: the like.
        private: the application's own properties, by which it finds its way back to the row.
    """

    id: str
    status: str
    summary: str
    start: datetime | None
    end: datetime | None
    private: Mapping[str, str]


class Calendar:
    """One calendar. Use it as a context manager, and in one thread at a time.

    Args:
        calendar_id: as the calendar's settings show it.
        service_account_json: the key file's text, or the path to it; the calendar must be shared with that account.
        api_url: where the API answers instead of Google's address; without a key it is then asked anonymously.
        timeout: seconds for one request.
        retries: how often a request that met a quota, a 5xx or no answer is tried again, each time after a
            longer wait (https://developers.google.com/workspace/calendar/api/guides/quota).

    Raises:
        ConfigurationError: the extra is not installed, or there is no usable key.
    """

    def __init__(
        self,
        calendar_id: str,
        service_account_json: str | None = None,
        api_url: str | None = None,
        *,
        timeout: float = _TIMEOUT_SECONDS,
        retries: int = _RETRIES,
    ) -> None:
        self.calendar_id = calendar_id
        self._retries = retries
        self._is_known = False
        self._service = _build_service(service_account_json, api_url, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the API."""
        self._service.close()

    def event(self, event_id: str) -> Event | None:
        """The event with this id; None when it is gone or cancelled.

        Raises:
            ConfigurationError: there is no such calendar, or the account may not read it.
            Unreachable: the API did not answer, or its quota is used up.
        """
        found = self._ask("get", eventId=event_id)
        if found is None:
            return None
        if "id" not in found:
            raise Unreachable(_NOT_THE_API)
        return None if found.get("status") == _CANCELLED else _event(found)

    def delete(self, event_id: str) -> bool:
        """Delete an event, telling none of its guests.

        Returns:
            True: the event is gone, whether by this call or before it.

        Raises:
            ConfigurationError: there is no such calendar, or the account may not write to it.
            Unreachable: the API did not answer, or its quota is used up.
        """
        if self._ask("delete", eventId=event_id, sendUpdates="none"):
            raise Unreachable(_NOT_THE_API)
        return True

    def _ask(self, method: str, **parameters: object) -> dict[str, Any] | None:
        """The API's answer about one event; None when there is no such event."""
        from googleapiclient.errors import HttpError

        with _problems_named():
            try:
                return self._execute(method, **parameters)
            except HttpError as error:
                if error.status_code not in _GONE:
                    raise
        self._must_know_calendar()
        return None

    def _must_know_calendar(self) -> None:
        """An unknown calendar answers 404 as well, and must not pass for an event that is gone."""
        if not self._is_known:
            with _problems_named():
                self._execute("list", maxResults=1)
            self._is_known = True

    def _execute(self, method: str, **parameters: object) -> dict[str, Any]:
        request = getattr(self._service.events(), method)(calendarId=self.calendar_id, **parameters)
        answer = request.execute(num_retries=self._retries) or {}
        # A proxy's sign-in page comes with status 200 as well, and must not confirm anything.
        if not isinstance(answer, dict):
            raise Unreachable(_NOT_THE_API)
        return answer


def open_calendar(
    *,
    calendar_id: str | None,
    service_account_json: str | None = None,
    api_url: str | None = None,
    timeout: float = _TIMEOUT_SECONDS,
    retries: int = _RETRIES,
) -> Calendar:
    """A `Calendar` from plain settings; its constructor explains them.

    Raises:
        ConfigurationError: no calendar is named, the extra is not installed, or there is no usable key.
    """
    if not calendar_id:
        raise ConfigurationError("no calendar: set GOOGLE_CALENDAR_ID")
    return Calendar(calendar_id, service_account_json, api_url, timeout=timeout, retries=retries)


def remove_pending_events(calendar: Calendar, event_ids: Iterable[str]) -> Iterator[str]:
    """Delete events and yield the id of each one as soon as it is confirmed gone.

    One event that the API refuses does not keep the others waiting.

    Args:
        calendar: in which they are.
        event_ids: for instance those of `pending_events`.

    Raises:
        ConfigurationError, Unreachable: the first problem, after all others were tried; at once when the
            account may not do this or three events in a row failed.
    """
    first: ProdtestError | None = None
    failures = 0
    for event_id in event_ids:
        try:
            calendar.delete(event_id)
        except Unreachable as error:
            first, failures = first or error, failures + 1
            if failures == _FAILURES_IN_A_ROW:
                break
        else:
            failures = 0
            yield event_id
    if first is not None:
        raise first


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


@contextmanager
def _problems_named() -> Iterator[None]:
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
    except ValueError as error:
        raise Unreachable(_NOT_THE_API) from error


def _refusal(error: "HttpError") -> ProdtestError:
    status = error.status_code
    if status in _GONE:
        return ConfigurationError(
            "there is no such calendar, or it is not shared with the account: check GOOGLE_CALENDAR_ID"
        )
    if status == http.client.FORBIDDEN and _reasons(error) & _QUOTA_REASONS:
        return Unreachable("the calendar API's quota is used up; the next cleanup tries again")
    if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        return ConfigurationError("the account may not change the calendar: share it with the right to make changes")
    return Unreachable(f"the calendar API answered {status}")


def _reasons(error: "HttpError") -> frozenset[str]:
    details = error.error_details if isinstance(error.error_details, list) else []
    return frozenset(str(detail.get("reason")) for detail in details if isinstance(detail, dict))


def _event(found: Mapping[str, Any]) -> Event:
    properties = found.get("extendedProperties") or {}
    return Event(
        id=str(found["id"]),
        status=str(found.get("status", "")),
        summary=str(found.get("summary", "")),
        start=_moment(found.get("start")),
        end=_moment(found.get("end")),
        private=dict(properties.get("private") or {}),
    )


def _moment(given: Mapping[str, Any] | None) -> datetime | None:
    text = (given or {}).get("dateTime")
    return datetime.fromisoformat(text) if text else None
