"""Which appointments the callers of a run ask for."""

from datetime import UTC, datetime, timedelta

from prodtest_assets.caller.persona import WORKDAYS_AHEAD
from prodtest_assets.pytest_plugin.context import Slots


def test_the_first_slots_lie_so_near_that_a_weekday_alone_says_which_day_is_wanted() -> None:
    slots = Slots(UTC, WORKDAYS_AHEAD)
    today = datetime.now(UTC).date()
    wanted = {slots.draw(30).date() for _ in range(20)}

    assert all(timedelta() < day - today < timedelta(days=7) for day in wanted)


def test_slots_lie_further_ahead_when_the_near_ones_are_given_out() -> None:
    slots = Slots(UTC, WORKDAYS_AHEAD)
    starts = {slots.draw(480) for _ in range(10)}

    assert len(starts) == 10
    assert max(starts) > datetime.now(UTC) + timedelta(days=5)
