"""Opening hours and the next free time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodtest_assets.sandbox.hours import DURATIONS, next_free, reason_against

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 23, 10, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("local", "minutes", "reason"),
    [
        ("2026-11-24T09:00", 60, None),
        ("2026-11-24T16:30", 30, None),
        ("2026-11-23T10:00", 30, "passed already"),
        ("2026-11-24T08:59", 30, "from 9 AM"),
        ("2026-11-24T17:00", 15, "from 9 AM"),
        ("2026-11-24T16:30", 60, "after we close"),
        ("2026-11-28T10:00", 30, "Monday to Friday"),
        ("2026-11-29T10:00", 30, "Monday to Friday"),
    ],
)
def test_who_may_come_when(local: str, minutes: int, reason: str | None) -> None:
    start = datetime.fromisoformat(local).replace(tzinfo=ZONE).astimezone(UTC)

    against = reason_against(start, minutes, now=NOW, zone=ZONE)

    assert (against is None) if reason is None else (against is not None and reason in against)


@given(
    minutes_later=st.integers(0, 60 * 24 * 700),
    minutes=st.sampled_from(DURATIONS),
    busy=st.lists(st.integers(0, 200), max_size=20),
)
def test_the_next_free_time_is_open_and_meets_nothing(minutes_later: int, minutes: int, busy: list[int]) -> None:
    after = NOW.astimezone(UTC) + timedelta(minutes=minutes_later)
    taken = [(after + timedelta(minutes=30 * n), after + timedelta(minutes=30 * n + 30)) for n in busy]

    start = next_free(after, minutes, taken, zone=ZONE)

    assert start > after
    assert reason_against(start, minutes, now=after, zone=ZONE) is None
    end = start + timedelta(minutes=minutes)
    assert all(end <= begin or start >= until for begin, until in taken)
