"""Slots that any application can book."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodtest_assets.caller import Persona, draw_start

ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]


@given(
    now=st.integers(0, 27 * 366 * 24 * 60).map(
        lambda minutes: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    seed=st.integers(),
    duration_min=st.sampled_from([15, 30, 60, 90, 480]),
)
def test_a_drawn_slot_lies_on_a_coming_workday_within_business_hours(
    now: datetime, zone: ZoneInfo, seed: int, duration_min: int
) -> None:
    start = draw_start(now, zone, random.Random(seed), duration_min=duration_min)

    assert start.utcoffset() == start.astimezone(UTC).astimezone(zone).utcoffset()
    assert start.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == start.replace(tzinfo=None)
    assert start > now
    assert start.weekday() < 5
    assert start.minute in (0, 30)
    assert start.hour >= 9
    assert start.replace(tzinfo=None) + timedelta(minutes=duration_min) <= start.replace(tzinfo=None, hour=17, minute=0)
    assert start.date() - now.astimezone(zone).date() <= timedelta(days=28)


def test_the_hour_is_the_local_one_on_both_sides_of_a_clock_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    starts = [draw_start(datetime(2026, 10, 20, 22, tzinfo=UTC), berlin, random.Random(seed)) for seed in range(50)]

    assert {start.utcoffset() for start in starts} == {timedelta(hours=1), timedelta(hours=2)}
    assert all(9 <= start.hour < 17 for start in starts)


def test_the_day_is_counted_in_the_zone_of_the_application() -> None:
    friday_in_apia = datetime(2026, 11, 19, 23, tzinfo=UTC)
    starts = [draw_start(friday_in_apia, ZoneInfo("Pacific/Apia"), random.Random(seed)) for seed in range(200)]

    assert min(start.date() for start in starts) == date(2026, 11, 23)


def test_a_slot_lies_no_farther_ahead_than_the_application_books() -> None:
    thursday = datetime(2026, 11, 19, 12, tzinfo=UTC)
    days = {draw_start(thursday, UTC, random.Random(seed), workdays=4).day for seed in range(200)}

    assert days == {20, 23, 24, 25}


def test_the_same_chance_draws_the_same_slot() -> None:
    now = datetime(2026, 11, 19, 23, tzinfo=UTC)

    assert draw_start(now, UTC, random.Random(7)) == draw_start(now, UTC, random.Random(7))


@pytest.mark.parametrize("duration_min", [0, -30, 481])
def test_a_duration_that_fits_no_business_day_is_refused(duration_min: int) -> None:
    with pytest.raises(ValueError, match="between 9 and 17"):
        draw_start(datetime(2026, 11, 19, tzinfo=UTC), UTC, random.Random(1), duration_min=duration_min)


def test_a_persona_needs_a_time_with_a_zone() -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        Persona("quick", datetime(2026, 11, 23, 14))  # noqa: DTZ001


def test_a_persona_needs_a_duration_and_a_confidence_that_can_be() -> None:
    start = datetime(2026, 11, 23, 14, tzinfo=UTC)
    with pytest.raises(ValueError, match="duration_min"):
        Persona("quick", start, duration_min=0)
    with pytest.raises(ValueError, match="confidence"):
        Persona("quick", start, confidence=1.5)
