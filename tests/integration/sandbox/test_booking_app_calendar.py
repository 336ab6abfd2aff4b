"""Google's own client against the calendar stand-in."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from prodtest_assets.sandbox.calendar_store import CALENDAR_ID
from tests.phone import Sandbox

PRIVATE = {"appointment_id": "7", "is_test_data": "true"}


@pytest.fixture
def events(sandbox: Sandbox) -> Iterator[Any]:
    """The client's `events()` resource."""
    endpoint = str(sandbox.client.base_url.join("/calendar/v3/"))
    service = build(
        "calendar",
        "v3",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": endpoint},
        static_discovery=True,
    )
    yield service.events()
    service.close()


def _event(start: datetime, **more: Any) -> dict[str, Any]:
    end = start + timedelta(minutes=30)
    times = {"start": {"dateTime": start.isoformat()}, "end": {"dateTime": end.isoformat()}}
    return {"summary": "Appointment", **times, **more}


def _problem(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(HttpError) as caught:
        call()
    error = json.loads(caught.value.content)["error"]
    assert error["code"] == caught.value.status_code
    return error["code"], error["errors"][0]["reason"]


def test_an_event_comes_back_as_it_was_inserted(events: Any, soon: datetime) -> None:
    body = _event(soon, extendedProperties={"private": PRIVATE})

    inserted = events.insert(calendarId=CALENDAR_ID, body=body, sendUpdates="none").execute()
    found = events.get(calendarId="primary", eventId=inserted["id"]).execute()

    assert found == inserted
    assert found | body == found
    assert found["status"] == "confirmed"


def test_a_deleted_event_is_gone_the_second_time(events: Any, soon: datetime) -> None:
    event_id = events.insert(calendarId=CALENDAR_ID, body=_event(soon)).execute()["id"]
    delete = events.delete(calendarId=CALENDAR_ID, eventId=event_id, sendUpdates="none")

    assert delete.execute() == ""
    assert _problem(delete.execute) == (410, "deleted")
    assert events.get(calendarId=CALENDAR_ID, eventId=event_id).execute()["status"] == "cancelled"
    assert events.list(calendarId=CALENDAR_ID).execute()["items"] == []
    (shown,) = events.list(calendarId=CALENDAR_ID, showDeleted=True).execute()["items"]
    assert shown["id"] == event_id


def test_what_never_was_is_not_found(events: Any, soon: datetime) -> None:
    missing = {"calendarId": CALENDAR_ID, "eventId": "neverwas"}

    assert _problem(events.get(**missing).execute) == (404, "notFound")
    assert _problem(events.delete(**missing).execute) == (404, "notFound")
    assert _problem(events.patch(**missing, body={}).execute) == (404, "notFound")
    assert _problem(events.list(calendarId="nobody@example.com").execute) == (404, "notFound")


def test_a_patch_changes_what_it_names_and_nothing_else(events: Any, soon: datetime) -> None:
    body = _event(soon, location="Room 1", extendedProperties={"private": PRIVATE})
    event_id = events.insert(calendarId=CALENDAR_ID, body=body).execute()["id"]
    change = {"summary": "Moved", "location": None, "extendedProperties": {"private": {"appointment_id": "8"}}}

    patched = events.patch(calendarId=CALENDAR_ID, eventId=event_id, body=change).execute()

    assert patched["summary"] == "Moved"
    assert "location" not in patched
    assert patched["extendedProperties"]["private"] == {"appointment_id": "8", "is_test_data": "true"}
    assert patched["start"] == body["start"]


def test_a_list_can_be_narrowed_by_time_and_by_private_properties(events: Any, soon: datetime) -> None:
    for hours in range(3):
        private = {"is_test_data": "true" if hours else "false", "hour": str(hours)}
        body = _event(soon + timedelta(hours=hours), extendedProperties={"private": private})
        events.insert(calendarId=CALENDAR_ID, body=body).execute()

    def hours_of(**wanted: Any) -> list[str]:
        page = events.list(calendarId=CALENDAR_ID, singleEvents=True, orderBy="startTime", **wanted).execute()
        return [event["extendedProperties"]["private"]["hour"] for event in page["items"]]

    assert hours_of(privateExtendedProperty="is_test_data=true") == ["1", "2"]
    assert hours_of(privateExtendedProperty=["is_test_data=true", "hour=2"]) == ["2"]
    assert hours_of(timeMin=(soon + timedelta(minutes=30)).isoformat()) == ["1", "2"]
    assert hours_of(timeMax=(soon + timedelta(hours=1)).isoformat()) == ["0"]


def test_a_long_list_comes_in_pages(events: Any, soon: datetime) -> None:
    inserted = {
        events.insert(calendarId=CALENDAR_ID, body=_event(soon + timedelta(minutes=minute))).execute()["id"]
        for minute in range(5)
    }
    request = events.list(calendarId=CALENDAR_ID, maxResults=2)
    pages = []
    while request is not None:
        page = request.execute()
        pages.append([event["id"] for event in page["items"]])
        request = events.list_next(request, page)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert {event_id for page in pages for event_id in page} == inserted


def test_bad_requests_are_refused_as_google_does(events: Any, soon: datetime) -> None:
    def insert(**body: Any) -> tuple[int, str]:
        return _problem(events.insert(calendarId=CALENDAR_ID, body=body).execute)

    good = _event(soon)
    assert insert(summary="no times") == (400, "badRequest")
    assert insert(**(good | {"end": {"dateTime": "soon"}})) == (400, "badRequest")
    assert insert(**(good | {"end": {"dateTime": (soon - timedelta(hours=1)).isoformat()}})) == (400, "badRequest")
    events.insert(calendarId=CALENDAR_ID, body=good | {"id": "chosen"}).execute()
    assert insert(**(good | {"id": "chosen"})) == (409, "duplicate")
    assert _problem(events.list(calendarId=CALENDAR_ID, timeMin="noon").execute) == (400, "badRequest")
