"""What callers say, and what they mean by it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodtest_assets.sandbox.speech import say_time, spoken_duration, spoken_name, spoken_time, yes_or_no

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = datetime(2026, 11, 22, 9, 50, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yes", "Yes, please.", "Yeah!", "that is correct", "Okay", "Yes, November 23"])
def test_yes_is_heard(text: str) -> None:
    assert yes_or_no(text) is True


@pytest.mark.parametrize("text", ["no", "No, thanks", "that is not right", "That's wrong", "nope", "don't"])
def test_no_is_heard(text: str) -> None:
    assert yes_or_no(text) is False


@pytest.mark.parametrize(
    "text", ["", "November", "Monday, November 23 at noon", "I know Noah", "eyes", "Repeat that, please"]
)
def test_neither_is_heard_inside_other_words(text: str) -> None:
    assert yes_or_no(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Anna Berg", "Anna Berg"),
        ("My name is Anna Berg.", "Anna Berg"),
        ("hello, this is  Anna   Berg", "Anna Berg"),
        ("I'm Seán O'Neill-Smith", "Seán O'Neill-Smith"),
        ("It is Ian", "Ian"),
        ("Hiram Wellington", "Hiram Wellington"),
    ],
)
def test_the_name_is_what_follows_the_introduction(text: str, name: str) -> None:
    assert spoken_name(text) == name


@pytest.mark.parametrize("text", ["", "my name is", "4711", "Anna <b>Berg</b>", "A" * 121, "..."])
def test_what_cannot_be_a_name_is_none(text: str) -> None:
    assert spoken_name(text) is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("30", 30),
        ("30#", 30),
        ("15 minutes", 15),
        ("sixty, please", 60),
        ("an hour", 60),
        ("half an hour", 30),
        ("a quarter of an hour", 15),
        ("thirty minutes", 30),
        ("45", None),
        ("", None),
        ("15 or 30", None),
        ("an hour and a half", None),
        ("130", None),
        ("Monday, November 30 at 2 PM", None),
        ("the 15th at 2:15", None),
        ("2:30 p.m.", None),
        ("at 30 o'clock", None),
    ],
)
def test_durations_are_heard_and_pressed(text: str, minutes: int | None) -> None:
    assert spoken_duration(text) == minutes


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("Monday, November 23 at 2 PM", "2026-11-23T14:00"),
        ("Monday, November 23rd at 2:30 p.m.", "2026-11-23T14:30"),
        ("Monday, November 23, 2026 at 2 PM", "2026-11-23T14:00"),
        ("on Monday the 30th of November at 4 PM, please", "2026-11-30T16:00"),
        ("Thursday, January 7 at 9 AM", "2027-01-07T09:00"),
        ("Friday, November 27 at noon", "2026-11-27T12:00"),
        ("Friday, November 27 at 12 PM", "2026-11-27T12:00"),
        ("tomorrow at 10 AM", "2026-11-23T10:00"),
        ("the day after tomorrow at 2 PM", "2026-11-24T14:00"),
        ("at 2 PM the day after tomorrow", "2026-11-24T14:00"),
        ("in two days at 3 PM", "2026-11-24T15:00"),
        ("Tuesday at two o'clock", "2026-11-24T14:00"),
        ("Wednesday at half past two", "2026-11-25T14:30"),
        ("Wednesday, quarter to three in the afternoon", "2026-11-25T14:45"),
        ("Wednesday at 3 in the afternoon", "2026-11-25T15:00"),
        ("this Friday at 11", "2026-11-27T11:00"),
        ("2026-11-25 14:00", "2026-11-25T14:00"),
        ("May 5th at 2 PM", "2027-05-05T14:00"),
        ("November 24, 2031 at 2 PM", "2031-11-24T14:00"),
    ],
)
def test_a_time_is_understood_where_the_application_is(text: str, local: str) -> None:
    assert spoken_time(text, SUNDAY, BERLIN) == datetime.fromisoformat(local).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "tomorrow",
        "at 2 PM",
        "Tuesday, November 23 at 2 PM",
        "the 25th at 2 PM",
        "a week from Monday at 2 PM",
        "the day before tomorrow at 2 PM",
        "Monday, November 23 at 14 PM",
        "Monday, November 31 at 2 PM",
        "Monday at 25:00",
    ],
)
def test_a_time_with_a_doubt_in_it_is_not_guessed(text: str) -> None:
    assert spoken_time(text, SUNDAY, BERLIN) is None


@given(
    day=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    ahead=st.integers(1, 300),
    quarter=st.integers(0, 31),
    zone=st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"]),
)
def test_what_the_application_says_it_also_understands(day: date, ahead: int, quarter: int, zone: str) -> None:
    there = ZoneInfo(zone)
    now = datetime(day.year, day.month, day.day, 12, tzinfo=there)
    meant = (now + timedelta(days=ahead)).replace(hour=9) + timedelta(minutes=15 * quarter)

    assert spoken_time(say_time(meant), now, there) == meant
    assert spoken_time(say_time(meant, year=True), now, there) == meant


def test_the_day_is_the_callers_when_the_zones_differ() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)

    assert spoken_time("tomorrow at 9 AM", late, BERLIN) == datetime(2026, 11, 24, 9, tzinfo=BERLIN)
