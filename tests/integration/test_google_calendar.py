"""The calendar through Google's own client: against the sandbox's stand-in, and against answers that go wrong."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from prodtest_assets.errors import ConfigurationError, Unreachable
from prodtest_assets.google_calendar import Calendar, open_calendar, remove_pending_events
from prodtest_assets.sandbox.calendar_store import CALENDAR_ID
from prodtest_assets.sandbox.server import running_app
from tests.scripted_api import Answer, Answering, scripted_api

_EVENT = {
    "summary": "Appointment: Alma Bakelido",
    "start": {"dateTime": "2030-06-03T16:00:00+02:00"},
    "end": {"dateTime": "2030-06-03T16:30:00+02:00"},
    "extendedProperties": {"private": {"appointment_id": "7"}},
}


@pytest.fixture
def api_url(booking_url: str) -> Iterator[str]:
    """Where the sandbox's stand-in answers."""
    with running_app(booking_url) as app:
        yield app.calendar_api_url


@pytest.fixture
def calendar(api_url: str) -> Iterator[Calendar]:
    """The sandbox's calendar."""
    with open_calendar(calendar_id=CALENDAR_ID, api_url=api_url) as calendar:
        yield calendar


@pytest.fixture
def insert(api_url: str) -> Callable[..., str]:
    """Puts an event into the calendar, as the application does, and gives its id."""

    def insert(**changes: Any) -> str:
        answer = httpx.post(f"{api_url}calendars/{CALENDAR_ID}/events", json=_EVENT | changes).raise_for_status()
        return str(answer.json()["id"])

    return insert


def test_an_event_is_found_with_its_times_and_the_applications_properties(
    calendar: Calendar, insert: Callable[..., str]
) -> None:
    event = calendar.event(insert())

    assert event is not None
    assert event.status == "confirmed"
    assert event.start == datetime(2030, 6, 3, 14, 0, tzinfo=UTC)
    assert event.end == datetime(2030, 6, 3, 14, 30, tzinfo=UTC)
    assert event.private == {"appointment_id": "7"}


def test_an_event_for_whole_days_has_no_times(calendar: Calendar, insert: Callable[..., str]) -> None:
    event = calendar.event(insert(start={"date": "2030-06-03"}, end={"date": "2030-06-04"}))

    assert event is not None
    assert (event.start, event.end) == (None, None)


def test_a_deleted_event_is_gone_and_deleting_it_again_confirms_that(
    calendar: Calendar, insert: Callable[..., str]
) -> None:
    event_id = insert()

    assert calendar.delete(event_id)
    assert calendar.event(event_id) is None
    assert calendar.delete(event_id)


def test_an_event_that_never_was_is_gone(calendar: Calendar) -> None:
    assert calendar.event("neverwas00") is None
    assert calendar.delete("neverwas00")


def test_an_unknown_calendar_does_not_pass_for_an_event_that_is_gone(api_url: str) -> None:
    with (
        open_calendar(calendar_id="nobody@example.invalid", api_url=api_url) as calendar,
        pytest.raises(ConfigurationError, match="GOOGLE_CALENDAR_ID"),
    ):
        calendar.delete("neverwas00")


def test_pending_events_are_confirmed_gone_one_by_one(calendar: Calendar, insert: Callable[..., str]) -> None:
    events = [insert(), insert()]

    assert list(remove_pending_events(calendar, [*events, "neverwas00"])) == [*events, "neverwas00"]
    assert [calendar.event(event_id) for event_id in events] == [None, None]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Starts an API that answers as a test wants it."""
    with scripted_api() as start:
        yield start


# Answers that go wrong ---------------------------------------------------------------------------------------


def _error(status: int, reason: str) -> Answer:
    problem = {"code": status, "message": "No.", "errors": [{"domain": "global", "reason": reason, "message": "No."}]}
    return status, json.dumps({"error": problem})


@pytest.mark.parametrize(
    "passing",
    [
        _error(503, "backendError"),
        _error(429, "rateLimitExceeded"),
        _error(403, "rateLimitExceeded"),
        _error(403, "userRateLimitExceeded"),
    ],
)
def test_what_passes_is_tried_again_after_longer_and_longer_waits(answering: Answering, passing: Answer) -> None:
    answers = iter([passing, passing, passing, (200, json.dumps({"id": "abcde", "status": "confirmed"}))])
    api, waits = answering(lambda request: next(answers)), list[float]()

    with open_calendar(calendar_id="mine", api_url=api.url, sleep=waits.append) as calendar:
        assert calendar.event("abcde") is not None
    assert len(api.requests) == 4
    assert [int(seconds) for seconds in waits] == [1, 2, 4]


@pytest.mark.parametrize("status", [403, 429])
def test_a_quota_that_stays_used_up_is_no_fault_of_the_configuration(answering: Answering, status: int) -> None:
    api = answering(lambda request: _error(status, "rateLimitExceeded"))

    with (
        open_calendar(calendar_id="mine", api_url=api.url, retries=1, sleep=lambda seconds: None) as calendar,
        pytest.raises(Unreachable, match="quota"),
    ):
        calendar.delete("abcde")
    assert len(api.requests) == 2


def test_a_quota_for_the_whole_day_is_not_waited_for(answering: Answering) -> None:
    api = answering(lambda request: _error(403, "dailyLimitExceeded"))

    with (
        open_calendar(calendar_id="mine", api_url=api.url, sleep=lambda seconds: None) as calendar,
        pytest.raises(Unreachable, match="quota"),
    ):
        calendar.delete("abcde")
    assert len(api.requests) == 1


def test_an_api_that_does_not_listen_is_asked_again() -> None:
    waits: list[float] = []

    with (
        open_calendar(calendar_id="mine", api_url="http://127.0.0.1:1/", retries=2, sleep=waits.append) as calendar,
        pytest.raises(Unreachable, match="does not answer"),
    ):
        calendar.event("abcde")
    assert len(waits) == 2


def test_events_are_listed_by_the_applications_properties_over_several_pages(answering: Answering) -> None:
    pages = {
        False: {"items": [{"id": "first"}, {"id": "second"}], "nextPageToken": "2"},
        True: {"items": [{"id": "third"}, {"id": "fourth"}]},
    }
    api = answering(lambda request: (200, json.dumps(pages["pageToken=2" in request.path])))

    with open_calendar(calendar_id="mine", api_url=api.url) as calendar:
        found = calendar.events({"is_test_data": "true"}, limit=3)
    assert [event.id for event in found] == ["first", "second", "third"]
    assert "privateExtendedProperty=is_test_data%3Dtrue" in api.requests[0].path


def test_a_time_without_an_offset_is_one_of_the_zone_beside_it(answering: Answering) -> None:
    winter = {"dateTime": "2030-12-03T16:00:00", "timeZone": "Europe/Berlin"}
    summer = {"dateTime": "2030-06-03T16:00:00", "timeZone": "Europe/Berlin"}
    api = answering(lambda request: (200, json.dumps({"id": "abcde", "start": winter, "end": summer})))

    with open_calendar(calendar_id="mine", api_url=api.url) as calendar:
        event = calendar.event("abcde")
    assert event is not None
    assert (event.start, event.end) == (
        datetime(2030, 12, 3, 15, 0, tzinfo=UTC),
        datetime(2030, 6, 3, 14, 0, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (_error(403, "forbiddenForNonOrganizer"), ConfigurationError, "share it"),
        (_error(500, "backendError"), Unreachable, "answered 500"),
        ((200, "<html>Sign in</html>"), Unreachable, "PRODTEST_CALENDAR_API_URL"),
    ],
)
def test_a_problem_says_what_to_do(answering: Answering, answer: Answer, error: type[Exception], said: str) -> None:
    api = answering(lambda request: answer)

    with (
        open_calendar(calendar_id="mine", api_url=api.url, retries=0) as calendar,
        pytest.raises(error, match=said),
    ):
        calendar.event("abcde")


def test_nobody_listening_is_unreachable() -> None:
    with (
        open_calendar(calendar_id="mine", api_url="http://127.0.0.1:1/", retries=0) as calendar,
        pytest.raises(Unreachable, match="does not answer"),
    ):
        calendar.event("abcde")


def test_guests_are_told_nothing_of_a_deletion(answering: Answering) -> None:
    api = answering(lambda request: (204, ""))

    with open_calendar(calendar_id="mine", api_url=api.url) as calendar:
        calendar.delete("abcde")
    assert api.requests[0].method == "DELETE"
    assert "sendUpdates=none" in api.requests[0].path


def test_one_event_that_is_refused_does_not_keep_the_others(answering: Answering) -> None:
    api = answering(lambda request: _error(500, "backendError") if "/bad" in request.path else (204, ""))
    gone: list[str] = []

    with open_calendar(calendar_id="mine", api_url=api.url, retries=0) as calendar, pytest.raises(Unreachable):
        for event_id in remove_pending_events(calendar, ["bad", "good"]):
            gone.append(event_id)
    assert gone == ["good"]


def test_a_page_of_a_proxy_does_not_confirm_a_deletion(answering: Answering) -> None:
    api = answering(lambda request: (200, "<html>Sign in</html>"))

    with (
        open_calendar(calendar_id="mine", api_url=api.url, retries=0) as calendar,
        pytest.raises(Unreachable, match="not the calendar API"),
    ):
        calendar.delete("abcde")


def test_an_api_that_is_down_is_given_up_after_three_events(answering: Answering) -> None:
    api = answering(lambda request: _error(500, "backendError"))

    with open_calendar(calendar_id="mine", api_url=api.url, retries=0) as calendar, pytest.raises(Unreachable):
        list(remove_pending_events(calendar, [f"event{place}" for place in range(10)]))
    assert len(api.requests) == 3
