"""Said against stored: which fields differ, and what is shown of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller import Call, Ended, Turn
from prodtest_assets.pytest_plugin.accuracy import compared, differences, ending_of, explain
from prodtest_assets.testdata.models import StoredBooking

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2030, 6, 3, 16, 0, tzinfo=BERLIN)
NOW = datetime(2030, 5, 20, 8, 0, tzinfo=UTC)
CALL = Call(
    call_sid="CA1",
    run_id=UUID(int=1),
    persona="books",
    number="+12025550123",
    name="Alma Bakelido",
    requested_start=START,
    duration_min=30,
    turns=(
        Turn("application", "What is your name?", NOW),
        Turn("caller", "Alma Bakelido", NOW),
        Turn("application", "For 30 minutes, is that right?", NOW),
        Turn("caller", "yes", NOW),
        Turn("application", "You are booked, Alma Bakelido.", NOW),
    ),
    ended=Ended.hung_up_by_application,
    problem=None,
)
STORED = StoredBooking(
    appointment_id=1,
    user_id=1,
    full_name="Alma Bakelido",
    mobile="+12025550123",
    user_created_at=NOW,
    starts_at=START.astimezone(UTC),
    duration_min=30,
    status="booked",
    notes=None,
    google_event_id=None,
    is_test_data=True,
    created_at=NOW,
    marked_by_app=True,
    proof="number",
    clock=NOW + timedelta(seconds=2),
)


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"full_name": "alma  bakelido"},
        {"mobile": "202-555-0123"},
        {"mobile": "001 202 555 0123"},
        {"status": "Confirmed"},
        {"created_at": NOW.astimezone(BERLIN)},
    ],
)
def test_what_means_the_same_does_not_differ(same: dict[str, Any]) -> None:
    assert differences(CALL, replace(STORED, **same), BERLIN) == ()


@pytest.mark.parametrize("spelling", ["020 7946 0123", "(0)20 7946 0123", "0044 20 7946 0123", "442079460123"])
def test_a_number_from_abroad_may_be_stored_in_any_spelling(spelling: str) -> None:
    call = replace(CALL, number="+442079460123")

    assert differences(call, replace(STORED, mobile=spelling), BERLIN) == ()


@pytest.mark.parametrize("wrong", ["020 7946 0124", "0033 20 7946 0123", "00 20 7946 0123", "0123", "07946 0123"])
def test_another_number_from_abroad_is_none_of_its_spellings(wrong: str) -> None:
    call = replace(CALL, number="+442079460123")

    assert [difference.field for difference in differences(call, replace(STORED, mobile=wrong), BERLIN)] == ["number"]


def test_a_time_in_a_zone_that_nobody_named_leads_to_the_setting() -> None:
    call = replace(CALL, requested_start=START.replace(tzinfo=UTC))
    (found,) = differences(call, replace(STORED, starts_at=START.replace(tzinfo=ZoneInfo("America/New_York"))), UTC)

    assert found.stored == (
        "2030-06-03 20:00:00+00:00"
        " (as if in another time zone; if the application is in one, PRODTEST_TIME_ZONE names it)"
    )


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        ({"full_name": "Clara Wong"}, "name: expected A*** B***, stored C*** W***"),
        ({"full_name": "Anna Berg"}, "name: expected A*** B***, stored A*** B*** (differs where it is masked)"),
        ({"mobile": "+1202555012399"}, "number: expected +1202*****23, stored +1202*******99"),
        (
            {"starts_at": datetime(2030, 6, 3, 16, 0, tzinfo=UTC)},
            "start: expected 2030-06-03 16:00:00+02:00, "
            "stored 2030-06-03 18:00:00+02:00 (as if it had been said in UTC)",
        ),
        (
            {"starts_at": datetime(2030, 6, 3, 15, 0, tzinfo=UTC)},
            "start: expected 2030-06-03 16:00:00+02:00, "
            "stored 2030-06-03 17:00:00+02:00 (as if the clocks had not changed)",
        ),
        (
            {"starts_at": datetime(2030, 6, 4, 14, 0, tzinfo=UTC)},
            "start: expected 2030-06-03 16:00:00+02:00, stored 2030-06-04 16:00:00+02:00",
        ),
        (
            {"starts_at": datetime(2030, 6, 3, 16, 0)},  # noqa: DTZ001
            "start: expected 2030-06-03 16:00:00+02:00, stored 2030-06-03 16:00:00 without a time zone",
        ),
        (
            {"starts_at": START - timedelta(weeks=1)},
            "start: expected 2030-06-03 16:00:00+02:00, stored 2030-05-27 16:00:00+02:00 "
            "(another week; where only the weekday is asked, a call script says [caller] workdays_ahead = 4)",
        ),
        ({"duration_min": 60}, "duration: expected 30 minutes, stored 60 minutes"),
        ({"status": "cancelled"}, "status: expected booked, stored cancelled"),
        ({"is_test_data": False}, "mark: expected is_test_data = true, stored is_test_data = false"),
        (
            {"created_at": NOW + timedelta(hours=2)},
            "created_at: expected within 5 minutes of 2030-05-20 10:00:02+02:00, the database's clock, "
            "stored 2030-05-20 12:00:00+02:00",
        ),
    ],
)
def test_one_wrong_field_is_named_with_what_was_said_and_what_is_stored(wrong: dict[str, Any], shown: str) -> None:
    assert [str(difference) for difference in differences(CALL, replace(STORED, **wrong), BERLIN)] == [shown]


def test_each_field_that_was_said_is_compared_with_its_masked_values() -> None:
    stored = replace(STORED, full_name="Clara Wong", duration_min=15)
    assert [each.as_json() for each in compared(CALL, stored, BERLIN)] == [
        {"field": "name", "said": "A*** B***", "stored": "C*** W***", "equal": False},
        {"field": "number", "said": "+1202*****23", "stored": "+1202*****23", "equal": True},
        {
            "field": "start",
            "said": "2030-06-03 16:00:00+02:00",
            "stored": "2030-06-03 16:00:00+02:00",
            "equal": True,
        },
        {"field": "duration", "said": "30 minutes", "stored": "15 minutes", "equal": False},
        {"field": "status", "said": "booked", "stored": "booked", "equal": True},
    ]


def said(*exchanges: tuple[str, str]) -> Call:
    """A call in which these prompts were answered so."""
    turns = [
        turn for prompt, answer in exchanges for turn in (Turn("application", prompt, NOW), Turn("caller", answer, NOW))
    ]
    return replace(CALL, duration_min=60, turns=tuple(turns))


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("How long do you need?", "60 minutes"),
        ("How many minutes?", "60"),
        ("How many minutes?", "(keypad) 60#"),
        ("Press 1 for 30 minutes, 2 for an hour.", "(keypad) 2"),
        ("Press 1 for 15, 2 for 30, 3 for 60.", "(keypad) 3"),
        ("Monday at 2 PM for one hour. Is that correct?", "yes"),
        ("Sixty minutes on Monday. Say confirm to book it.", "confirm"),
    ],
)
def test_a_length_that_was_told_in_any_way_is_compared(prompt: str, answer: str) -> None:
    assert [each.field for each in differences(said((prompt, answer)), STORED, BERLIN)] == ["duration"]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What is your name?", "Alma Bakelido"),
        ("Press 1 to book, 2 to cancel.", "(keypad) 1"),
        ("All visits take 30 minutes. Is that all right?", "yes"),
        ("I have 202 555 0160. Is that correct?", "yes"),
        ("What day?", "Monday, June 60"),
    ],
)
def test_a_length_that_nobody_asked_for_is_the_application_s_own(prompt: str, answer: str) -> None:
    assert differences(said((prompt, answer)), STORED, BERLIN) == ()


def test_a_name_is_compared_as_far_as_it_was_asked_for() -> None:
    unnamed, first = said(("Which day?", "Monday, June 3")), said(("Your first name?", "Alma"))
    spelled = said(("Please spell your name.", "A-L-M-A B-A-K-E-L-I-D-O"))

    assert differences(unnamed, replace(STORED, full_name="Guest"), BERLIN) == ()
    assert differences(first, replace(STORED, full_name="Alma"), BERLIN) == ()
    for call in (first, spelled):
        assert [each.field for each in differences(call, replace(STORED, full_name="Guest"), BERLIN)] == ["name"]
    assert [each.field for each in differences(spelled, replace(STORED, full_name="Alma"), BERLIN)] == ["name"]


def test_an_appointment_in_winter_is_shown_with_the_offset_of_winter() -> None:
    start = datetime(2030, 12, 2, 16, 0, tzinfo=BERLIN)
    stored = replace(STORED, starts_at=datetime(2030, 12, 2, 14, 0, tzinfo=UTC))
    (wrong,) = differences(replace(CALL, requested_start=start), stored, BERLIN)
    assert (wrong.expected, wrong.stored) == (
        "2030-12-02 16:00:00+01:00",
        "2030-12-02 15:00:00+01:00 (as if the clocks had not changed)",
    )


def test_every_wrong_field_is_named() -> None:
    stored = replace(STORED, duration_min=15, is_test_data=False)
    assert [difference.field for difference in differences(CALL, stored, BERLIN)] == ["duration", "mark"]


def test_a_call_without_a_row_is_explained_by_what_the_application_said_last() -> None:
    assert explain(CALL) == (
        "no appointment of this call is in the database: hung up by application; "
        'it said last: "You are booked, A*** B***."'
    )


def test_a_call_that_went_wrong_is_explained_by_its_problem() -> None:
    failed = replace(CALL, turns=(), ended=Ended.failed, problem="POST /voice answered 500")
    assert explain(failed) == "no appointment of this call is in the database: POST /voice answered 500"


@pytest.mark.parametrize("spelled", ["+12025550123", "202 555 0123", "(202) 555-0123"])
def test_a_callers_name_and_number_are_masked_however_the_application_spells_them(spelled: str) -> None:
    call = replace(CALL, problem=f"who is ALMA BAKELIDO at {spelled}, room 2025551?")
    assert ending_of(call) == "who is A*** B*** at +1202*****23, room 2025551?"
