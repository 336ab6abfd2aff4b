"""The reference application, as a caller and a program meet it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from prodtest_assets.errors import ConfigurationError, RefusedForSafety, Unreachable
from prodtest_assets.sandbox.app import build_app
from prodtest_assets.sandbox.marker import mark_as_sandbox
from prodtest_assets.sandbox.speech import say_time
from tests.phone import NUMBER, Sandbox, Start


def test_a_booking_is_stored_as_it_was_said(sandbox: Sandbox, soon: datetime) -> None:
    phone = sandbox.phone()

    goodbye = phone.book("My name is Anna Berg", soon, minutes=60)

    assert phone.over
    assert goodbye == f"You are booked for {say_time(soon)}, for 60 minutes. Goodbye."
    (row,) = sandbox.rows()
    assert (row["full_name"], row["mobile"]) == ("Anna Berg", NUMBER)
    assert (row["starts_at"], row["duration_min"], row["status"]) == (soon, 60, "booked")
    assert row["is_test_data"]
    assert datetime.now(UTC) - row["created_at"] < timedelta(minutes=1)


def test_a_booking_stands_in_the_calendar_with_the_way_back_to_its_row(sandbox: Sandbox, soon: datetime) -> None:
    sandbox.phone().book("Anna Berg", soon)

    (row,) = sandbox.query("SELECT * FROM appointments")
    event = sandbox.client.get(f"/calendar/v3/calendars/primary/events/{row['google_event_id']}").json()

    assert event["extendedProperties"]["private"] == {"appointment_id": str(row["id"]), "is_test_data": "true"}
    assert datetime.fromisoformat(event["start"]["dateTime"]) == soon
    assert datetime.fromisoformat(event["end"]["dateTime"]) == soon + timedelta(minutes=30)
    assert "Anna Berg" in event["summary"]


@pytest.mark.parametrize(("number", "test"), [(NUMBER, False), ("+447700900123", True), ("+12025550200", True)])
def test_a_row_is_marked_only_for_a_fiction_number_that_also_says_it_is_a_test(
    sandbox: Sandbox, soon: datetime, number: str, test: bool
) -> None:
    sandbox.phone(number, test=test).book("Anna Berg", soon)

    (row,) = sandbox.rows()
    assert not row["is_test_data"]


def test_spoken_times_are_meant_in_the_applications_zone(start: Start, soon: datetime) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    local = soon.astimezone(berlin).replace(hour=9)

    start(time_zone="Europe/Berlin").phone().book("Anna Berg", local)
    (row,) = start().rows()

    assert row["starts_at"] == local


def test_a_returning_caller_is_greeted_by_name_and_keeps_one_user_row(sandbox: Sandbox, soon: datetime) -> None:
    sandbox.phone().book("Anna Berg", soon)
    again = sandbox.phone()

    assert again.say().startswith("Welcome back, Anna Berg.")
    sandbox.phone().book("Anna Berg", soon + timedelta(hours=1))

    assert len(sandbox.rows()) == 2
    assert len(sandbox.query("SELECT * FROM users")) == 1


def test_a_clash_is_refused_and_the_alternative_can_be_taken(sandbox: Sandbox, soon: datetime) -> None:
    sandbox.phone().book("Anna Berg", soon)
    phone = sandbox.phone()

    refusal = phone.book("Anna Berg", soon)

    assert "did not book" in refusal
    assert not phone.over
    assert len(sandbox.rows()) == 1
    assert phone.say("yes").startswith("You are booked")
    assert [row["starts_at"] for row in sandbox.rows()] == [soon, soon + timedelta(minutes=30)]


def test_who_declines_the_alternative_hears_that_nothing_was_made(sandbox: Sandbox, soon: datetime) -> None:
    sandbox.phone().book("Anna Berg", soon)
    phone = sandbox.phone()
    phone.book("Anna Berg", soon)

    assert phone.say("no, thanks") == "All right, no new appointment was made. Goodbye."
    assert phone.over
    assert len(sandbox.rows()) == 1


def test_overlapping_calls_of_one_caller_get_one_appointment(sandbox: Sandbox, soon: datetime) -> None:
    phones = [sandbox.phone() for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda phone: phone.book("Anna Berg", soon), phones))

    assert sum(answer.startswith("You are booked") for answer in answers) == 1
    assert len(sandbox.rows()) == 1


def test_callers_do_not_disturb_each_other(sandbox: Sandbox, soon: datetime) -> None:
    phones = [sandbox.phone(f"+1202555010{line}") for line in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda phone: phone.book(f"Anna B{'e' * int(phone.number[-1])}rg", soon), phones))

    stored = {row["mobile"]: row["full_name"] for row in sandbox.rows()}
    assert stored == {phone.number: f"Anna B{'e' * int(phone.number[-1])}rg" for phone in phones}


def test_a_time_outside_opening_hours_is_explained_and_asked_again(sandbox: Sandbox, soon: datetime) -> None:
    phone = sandbox.phone()
    for line in ("", "Anna Berg", "yes"):
        phone.say(line)
    saturday = soon + timedelta(days=5 - soon.weekday())

    assert phone.say(say_time(saturday)).startswith("We are open Monday to Friday only.")
    assert phone.say(say_time(soon.replace(hour=18))).startswith("We are open from 9 AM to 5 PM.")
    assert phone.say("some day").startswith("Sorry, I did not understand")
    phone.say(say_time(soon.replace(hour=16, minute=30)))
    assert phone.say("an hour").startswith("That would end after we close")
    assert not phone.over


def test_the_time_that_the_application_suggests_is_one_it_takes(sandbox: Sandbox) -> None:
    phone = sandbox.phone()
    for line in ("", "Anna Berg"):
        phone.say(line)
    suggested = phone.say("yes").partition("For example, ")[2].rstrip(".")

    assert phone.say(suggested).startswith("How long should the appointment be")


def test_a_wrong_name_and_a_wrong_time_can_be_corrected(sandbox: Sandbox, soon: datetime) -> None:
    phone = sandbox.phone()
    for line in ("", "Hannah Burg", "no", "Anna Berg", "yes", say_time(soon.replace(hour=10)), "30", "no"):
        phone.say(line)
    for line in (say_time(soon), "half an hour", "yes"):
        phone.say(line)

    (row,) = sandbox.rows()
    assert (row["full_name"], row["starts_at"]) == ("Anna Berg", soon)


def test_a_silent_caller_is_asked_again_and_then_let_go(sandbox: Sandbox) -> None:
    phone = sandbox.phone()
    phone.say()

    answers = [phone.say() for _ in range(5)]

    assert answers[0].endswith("May I have your full name, please?")
    assert answers[-1].endswith("no appointment was made. Goodbye.")
    assert phone.over
    assert sandbox.query("SELECT * FROM users") == []


def test_a_caller_without_a_number_is_let_go(sandbox: Sandbox) -> None:
    phone = sandbox.phone("anonymous")

    phone.say()

    assert phone.over


def test_a_call_that_the_application_does_not_know_starts_over(sandbox: Sandbox) -> None:
    phone = sandbox.phone()
    phone.path = "/twilio/voice/collect"

    assert phone.say("yes").endswith("May I have your full name, please?")


def test_only_what_the_provider_has_signed_is_answered(start: Start, soon: datetime) -> None:
    signed = start(auth_token="sesame")
    url = str(signed.client.base_url.join("/twilio/voice"))
    form = {"CallSid": "CA1", "From": NUMBER, "To": "+12025550100", "Digits": ""}
    right = RequestValidator("sesame").compute_signature(url, form)

    def answer(signature: str | None) -> int:
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        return int(signed.client.post("/twilio/voice", data=form, headers=headers).status_code)

    assert answer(right) == 200
    assert answer(None) == 403
    assert answer("") == 403
    assert answer(RequestValidator("other").compute_signature(url, form)) == 403


def test_programs_book_and_list_with_their_key(start: Start, soon: datetime) -> None:
    client = start(api_key="open sesame").client
    order = {"full_name": "Anna Berg", "mobile": NUMBER, "starts_at": soon.isoformat(), "duration_min": 15}
    key = {"X-API-Key": "open sesame", "X-Test-Data": "true"}

    assert client.post("/appointments", json=order).status_code == 401
    assert client.get("/appointments", headers={"X-API-Key": "guess"}).status_code == 401
    assert client.post("/appointments", json=order, headers=key).status_code == 201
    refused = client.post("/appointments", json=order, headers=key)
    assert refused.status_code == 409
    assert datetime.fromisoformat(refused.json()["alternative"]) > soon
    (listed,) = client.get("/appointments", headers=key, params={"mobile": NUMBER}).json()["appointments"]
    assert datetime.fromisoformat(listed["starts_at"]) == soon
    assert (listed["duration_min"], listed["is_test_data"]) == (15, True)


@pytest.mark.parametrize(
    "change",
    [
        {"mobile": "nobody"},
        {"full_name": "4711"},
        {"starts_at": "soon"},
        {"starts_at": "2020-01-06T10:00:00+00:00"},
        {"duration_min": 31},
        {"duration_min": [30]},
    ],
)
def test_an_order_that_makes_no_sense_is_refused_and_stores_nothing(
    sandbox: Sandbox, soon: datetime, change: dict[str, object]
) -> None:
    order = {"full_name": "Anna Berg", "mobile": NUMBER, "starts_at": soon.isoformat()}

    assert sandbox.client.post("/appointments", json=order | change).status_code == 422
    assert sandbox.client.post("/appointments", content=b"[").status_code == 422
    assert sandbox.query("SELECT * FROM users") == []


def test_health_follows_the_database(sandbox: Sandbox) -> None:
    assert sandbox.client.get("/healthz").status_code == 200

    with psycopg.connect(sandbox.url) as connection:
        connection.execute("ALTER TABLE appointments RENAME TO mislaid")

    assert sandbox.client.get("/healthz").status_code == 503


def test_it_refuses_every_database_but_its_own(empty_database: str) -> None:
    with pytest.raises(RefusedForSafety, match="marker"):
        build_app(empty_database)


def test_a_database_with_people_in_it_never_becomes_a_sandbox(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE TABLE users AS SELECT 1 AS id")

    with pytest.raises(RefusedForSafety, match="holds booking rows"):
        mark_as_sandbox(empty_database)


def test_wrong_options_are_named(booking_url: str) -> None:
    with pytest.raises(ConfigurationError, match="no fault 'nonsense'"):
        build_app(booking_url, faults=["nonsense"])
    with pytest.raises(ConfigurationError, match="Mars"):
        build_app(booking_url, time_zone="Mars/Base")
    with pytest.raises(Unreachable):
        build_app(booking_url.rpartition("/")[0] + "/no_such_database")
