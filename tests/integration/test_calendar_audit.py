"""The calendar beside the test rows, through Google's own client against the sandbox's stand-in."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from prodtest_assets.calendar_audit import CalendarAudit, Kind, audit_calendar
from prodtest_assets.google_calendar import Calendar, open_calendar
from prodtest_assets.sandbox.calendar_store import CALENDAR_ID
from prodtest_assets.sandbox.server import running_app
from tests.booking_world import START, BookingWorld
from tests.scripted_api import Answering, scripted_api

_AT_ONCE = timedelta(0)
_HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def api_url(world: BookingWorld) -> Iterator[str]:
    """Where the sandbox's stand-in answers."""
    with running_app(world.url) as app:
        yield app.calendar_api_url


@pytest.fixture
def calendar(api_url: str) -> Iterator[Calendar]:
    """The sandbox's calendar."""
    with open_calendar(calendar_id=CALENDAR_ID, api_url=api_url) as calendar:
        yield calendar


@pytest.fixture
def insert(api_url: str) -> Callable[..., str]:
    """Puts an event into the calendar, as the application does, and gives its id."""

    def insert(
        row: int | None = None, *, start: datetime = START, end: datetime | None = None, marked: bool = True
    ) -> str:
        private = {"is_test_data": "true"} if marked else {}
        private |= {} if row is None else {"appointment_id": str(row)}
        event: dict[str, Any] = {
            "start": {"dateTime": start.isoformat()},
            "end": {"dateTime": (end or start + _HALF_AN_HOUR).isoformat()},
            "extendedProperties": {"private": private},
        }
        answer = httpx.post(f"{api_url}calendars/{CALENDAR_ID}/events", json=event).raise_for_status()
        return str(answer.json()["id"])

    return insert


def link(world: BookingWorld, row: int, event_id: str) -> None:
    """Write the event's id into the row, as the application does in the end."""
    world.sql("UPDATE appointments SET google_event_id = %s WHERE id = %s", event_id, row)


def found(audit: CalendarAudit) -> set[tuple[Kind, int | None, str]]:
    return {(finding.kind, finding.appointment_id, finding.event_id) for finding in audit.findings}


def test_events_that_fit_are_found_by_either_way_and_rows_without_one_are_no_finding(
    world: BookingWorld, calendar: Calendar, insert: Callable[..., str]
) -> None:
    both, by_id = world.book(), world.book()
    link(world, both, insert(both, start=START.astimezone(ZoneInfo("America/New_York"))))
    link(world, by_id, insert(marked=False))
    world.book()
    world.book(cancelled=True, event="gonelongago")
    world.customer()

    audit = audit_calendar(world.database, calendar, settled=_AT_ONCE)

    assert (audit.findings, audit.compared, audit.not_asked) == ((), 2, 0)


def test_each_thing_that_does_not_fit_is_named_with_its_row_and_its_event(
    world: BookingWorld, calendar: Calendar, insert: Callable[..., str]
) -> None:
    gone, late, longer, twice, unnamed = rows = [world.book() for _ in range(5)]
    link(world, gone, "neverwas00")
    events = {
        late: insert(late, start=START + timedelta(hours=1)),
        longer: insert(longer, end=START + timedelta(hours=1)),
        twice: insert(twice),
    }
    for row, event_id in events.items():
        link(world, row, event_id)
    second, unlinked, strange = insert(twice), insert(unnamed), insert(4711)

    audit = audit_calendar(world.database, calendar, zone=ZoneInfo("America/New_York"), settled=_AT_ONCE)

    assert found(audit) == {
        (Kind.NO_EVENT, gone, "neverwas00"),
        (Kind.WRONG_TIME, late, events[late]),
        (Kind.WRONG_TIME, longer, events[longer]),
        (Kind.DUPLICATE, twice, second),
        (Kind.NOT_NOTED, unnamed, unlinked),
        (Kind.NO_ROW, 4711, strange),
    }
    (detail,) = [finding.detail for finding in audit.findings if finding.appointment_id == late]
    assert detail == "expected 2030-06-03 10:00-04:00 for 30 minutes, found 2030-06-03 11:00-04:00 for 30 minutes"
    assert all(world.has_appointment(row) for row in rows)


def test_an_event_of_a_removed_row_is_left_behind_until_it_is_gone(
    world: BookingWorld, calendar: Calendar, insert: Callable[..., str]
) -> None:
    with world.run() as run:
        call = run.open_call(persona="test", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name))
        event_id = insert(row)
        link(world, row, event_id)
        run.close_call(call.call_sid, completed=True, transcript=[])
        assert run.remove_call(call.call_sid)

    assert found(audit_calendar(world.database, calendar, settled=_AT_ONCE)) == {(Kind.LEFT_BEHIND, row, event_id)}
    calendar.delete(event_id)
    assert audit_calendar(world.database, calendar, settled=_AT_ONCE).findings == ()


def test_an_event_that_is_younger_than_its_row_may_be_is_given_time(
    world: BookingWorld, calendar: Calendar, insert: Callable[..., str]
) -> None:
    insert(world.book())
    insert(4711)

    assert audit_calendar(world.database, calendar).findings == ()
    assert audit_calendar(world.database, calendar, settled=_AT_ONCE).counts == {Kind.NO_ROW: 1, Kind.NOT_NOTED: 1}


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Starts an API that answers as a test wants it."""
    with scripted_api() as start:
        yield start


def test_a_calendar_is_asked_a_bounded_number_of_times_and_what_is_left_is_counted(
    world: BookingWorld, answering: Answering
) -> None:
    for place in range(60):
        world.book(event=f"event{place}")
    api = answering(lambda request: (404, "{}") if "/events/" in request.path else (200, '{"items": []}'))

    with open_calendar(calendar_id="mine", api_url=api.url) as calendar:
        audit = audit_calendar(world.database, calendar)

    assert (audit.counts, audit.not_asked) == ({Kind.NO_EVENT: 50}, 10)
    assert len(api.requests) == 52
