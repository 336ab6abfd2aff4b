"""One calendar: its events, by their id and by the application's own properties."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from prodtest_assets.errors import ConfigurationError, ProdtestError, Unreachable
from prodtest_assets.google_calendar.client import GONE, NOT_THE_API, Client, Waits, problems_named

_TIMEOUT_SECONDS = 30.0
_RETRIES = 3
_FAILURES_IN_A_ROW = 3
_PAGE = 250
_CANCELLED = "cancelled"


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
        created: by the calendar's clock; None where it does not say.
    """

    id: str
    status: str
    summary: str
    start: datetime | None
    end: datetime | None
    private: Mapping[str, str]
    created: datetime | None = None


class Calendar:
    """One calendar. Use it as a context manager, and in one thread at a time.

    Args:
        calendar_id: as the calendar's settings show it.
        service_account_json: the key file's text, or the path to it; the calendar must be shared with that account.
        api_url: where the API answers instead of Google's address; without a key it is then asked anonymously.
        timeout: seconds for one request.
        retries: how often a request that met a quota, a 5xx or no answer is tried again, each time after a
            longer wait.
        sleep: waits for so many seconds.

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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calendar_id = calendar_id
        self._is_known = False
        self._client = Client(service_account_json, api_url, timeout=timeout, waits=Waits(retries, sleep))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the API."""
        self._client.close()

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
            raise Unreachable(NOT_THE_API)
        return None if found.get("status") == _CANCELLED else _event(found)

    def events(self, private: Mapping[str, str], *, limit: int) -> tuple[Event, ...]:
        """Events that carry the application's own properties; `is_test_data: true` finds those of test rows.

        https://developers.google.com/workspace/calendar/api/guides/extended-properties

        Args:
            private: properties with their values, all of which must be there.
            limit: so many events at most.

        Raises:
            ConfigurationError, Unreachable: as `event`.
        """
        found: list[Event] = []
        request = self._client.events().list(
            calendarId=self.calendar_id,
            privateExtendedProperty=[f"{name}={value}" for name, value in private.items()],
            singleEvents=True,
            showDeleted=False,
            maxResults=min(limit, _PAGE),
        )
        with problems_named():
            while request is not None and len(found) < limit:
                page = self._client.execute(request)
                found += map(_event, page.get("items", ()))
                request = self._client.events().list_next(request, page)
        return tuple(found[:limit])

    def delete(self, event_id: str) -> bool:
        """Delete an event, telling none of its guests.

        Returns:
            True: the event is gone, whether by this call or before it.

        Raises:
            ConfigurationError: there is no such calendar, or the account may not write to it.
            Unreachable: the API did not answer, or its quota is used up.
        """
        if self._ask("delete", eventId=event_id, sendUpdates="none"):
            raise Unreachable(NOT_THE_API)
        return True

    def _ask(self, method: str, **parameters: object) -> dict[str, Any] | None:
        """The API's answer about one event; None when there is no such event."""
        from googleapiclient.errors import HttpError

        with problems_named():
            try:
                return self._execute(method, **parameters)
            except HttpError as error:
                if error.status_code not in GONE:
                    raise
        self._must_know_calendar()
        return None

    def _must_know_calendar(self) -> None:
        """An unknown calendar answers 404 as well, and must not pass for an event that is gone."""
        if not self._is_known:
            with problems_named():
                self._execute("list", maxResults=1)
            self._is_known = True

    def _execute(self, method: str, **parameters: object) -> dict[str, Any]:
        request = getattr(self._client.events(), method)(calendarId=self.calendar_id, **parameters)
        return self._client.execute(request)


def open_calendar(
    *,
    calendar_id: str | None,
    service_account_json: str | None = None,
    api_url: str | None = None,
    timeout: float = _TIMEOUT_SECONDS,
    retries: int = _RETRIES,
    sleep: Callable[[float], None] = time.sleep,
) -> Calendar:
    """A `Calendar` from plain settings; its constructor explains them.

    Raises:
        ConfigurationError: no calendar is named, the extra is not installed, or there is no usable key.
    """
    if not calendar_id:
        raise ConfigurationError("no calendar: set GOOGLE_CALENDAR_ID")
    return Calendar(calendar_id, service_account_json, api_url, timeout=timeout, retries=retries, sleep=sleep)


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


def _event(found: Mapping[str, Any]) -> Event:
    properties = found.get("extendedProperties") or {}
    created = found.get("created")
    return Event(
        id=str(found["id"]),
        status=str(found.get("status", "")),
        summary=str(found.get("summary", "")),
        start=_moment(found.get("start")),
        end=_moment(found.get("end")),
        private=dict(properties.get("private") or {}),
        created=datetime.fromisoformat(created) if created else None,
    )


def _moment(given: Mapping[str, Any] | None) -> datetime | None:
    text = (given or {}).get("dateTime")
    if not given or not text:
        return None
    moment = datetime.fromisoformat(text)
    # Google writes an offset; others may leave it to the zone beside it.
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(given.get("timeZone") or "UTC"))
