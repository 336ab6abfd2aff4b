"""What our own booking line promises, checked from the telephone to the row."""

from datetime import timedelta

import pytest

from prodtest_assets.caller import Ended, Habits
from prodtest_assets.pytest_plugin import CallContext, Caller, explain
from prodtest_assets.testdata.connection import Database

pytestmark = [pytest.mark.production, pytest.mark.prod_db_write]


@pytest.mark.essential
def test_a_booking_is_stored_as_it_was_said(caller: Caller) -> None:
    """The whole promise in one line: every field the caller said is the field that was stored."""
    assert not caller.differences(caller.book())


def test_an_hour_is_an_hour(caller: Caller, test_call_context: CallContext) -> None:
    """The caller asks for a certain time and length, and gets them."""
    call = caller.book(test_call_context.draw_start(60), duration_min=60)
    stored = caller.stored(call)
    assert stored is not None, explain(call)
    minutes = stored.duration_min
    assert minutes == 60


def test_callers_who_need_patience_are_booked(caller: Caller) -> None:
    """A kind of caller that comes with the package."""
    assert not caller.differences(caller.call(caller.preset("elderly_caller")))


def test_one_who_hangs_up_first_is_not_booked(caller: Caller) -> None:
    """A kind of caller of our own."""
    assert not caller.differences(caller.book())
    call = caller.call(caller.preset("quick_booking", habits=Habits(hangs_up_at=2)))
    ended, is_stored = call.ended, caller.stored(call) is not None
    assert ended is Ended.caller_hung_up
    assert not is_stored


def test_five_callers_at_once_are_five_appointments(caller: Caller, prod_db: Database) -> None:
    """The database itself can be asked, too; the connection only reads."""
    calls = caller.call_at_once([caller.persona() for _ in range(5)])
    stored = [row for row in map(caller.stored, calls) if row]
    ends = {row.starts_at + timedelta(minutes=row.duration_min) for row in stored}
    assert (len(stored), len(ends)) == (5, 5)
    assert all(len(prod_db.rows("bookings_of_user", user_id=row.user_id)) == 1 for row in stored)
