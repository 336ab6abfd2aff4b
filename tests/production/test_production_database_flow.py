"""The booking flow of a deployment, from the first ring to the row in its database, and the cleanup after it.

The tests know the application as a caller does: by telephone. What it stored is compared with what was said.
A failed assert shows what it compared, so only counts, times and masked texts stand in one.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest

from prodtest_assets.calendar_audit import MARK, ROW
from prodtest_assets.caller import Call, Ended
from prodtest_assets.google_calendar import Calendar
from prodtest_assets.pytest_plugin import CallContext, Caller, ending_of, explain
from prodtest_assets.testdata.cleanup.models import Policy, Scope
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.identity import digits
from prodtest_assets.testdata.models import StoredBooking
from prodtest_assets.testdata.proof import prove_untouched, sample_customers
from prodtest_assets.testdata.snapshot import take_snapshot

pytestmark = [pytest.mark.production, pytest.mark.prod_e2e, pytest.mark.prod_db, pytest.mark.prod_db_write]

_CALLS_AT_ONCE = 5
_CALENDAR_SECONDS = 10.0
_WHO_AND_WHEN = ("row", "name", "number", "start")

Book = Callable[..., tuple[Call, StoredBooking]]


class TestProductionCallFlowWithDatabase:
    """What callers ask for is what the database holds."""

    @pytest.mark.essential
    def test_complete_booking_saves_to_database(self, caller: Caller, prod_db: Database) -> None:
        """A caller books, the application ends the call, and the user has exactly this one appointment."""
        call = caller.book()
        stored = caller.stored(call)
        assert stored is not None, explain(call)
        ended = call.ended
        assert ended is Ended.hung_up_by_application, f"the call was not led to its end: {ending_of(call)}"
        bookings = len(prod_db.rows("bookings_of_user", user_id=stored.user_id))
        assert bookings == 1, f"appointments of a new caller after one call: expected 1, stored {bookings}"

    def test_duplicate_prevention_in_production(
        self, book: Book, caller: Caller, standing_bookings: Callable[..., list[Any]]
    ) -> None:
        """A caller who asks twice for the same time holds one appointment at that time, not two."""
        call, first = book()
        again = caller.book(call.requested_start, number=call.number, name=call.name)
        second = caller.stored(again)
        users = [first.user_id, second.user_id if second else first.user_id]
        standing = len(standing_bookings(users, first.starts_at, first.duration_min))
        assert standing == 1, f"appointments in the slot asked for twice: expected 1, stored {standing}"

    def test_user_creation_and_reuse(self, book: Book, prod_db: Database) -> None:
        """A new caller becomes a user, and the same number calling again books for that same user."""
        call, first = book()
        _, second = book(number=call.number, name=call.name)
        is_reused = second.user_id == first.user_id
        assert is_reused, "user: expected the caller's first user again, stored a second one"
        users = len(prod_db.rows("users_with_number", digits=digits(call.number)))
        assert users == 1, f"users with the caller's number: expected 1, stored {users}"
        bookings = len(prod_db.rows("bookings_of_user", user_id=first.user_id))
        assert bookings == 2, f"appointments of that user: expected 2, stored {bookings}"

    @pytest.mark.essential
    def test_appointment_data_accuracy(self, book: Book, caller: Caller) -> None:
        """Name, number, start, duration, status, mark and time of creation are stored as they were said."""
        call, _ = book()
        differing = [str(difference) for difference in caller.differences(call)]
        assert not differing, "; ".join(differing)

    def test_google_calendar_integration(self, book: Book, caller: Caller, calendar: Calendar) -> None:
        """A booked appointment stands in the calendar, at the time and for as long as the database says."""
        call, stored = book()
        event_id = _awaited_event_id(caller, call)
        assert event_id is not None, f"google_event_id: expected one within {_CALENDAR_SECONDS:g} s, stored none"
        event = calendar.event(event_id)
        assert event is not None, "event: expected the one in google_event_id, the calendar holds none with that id"
        expected = (stored.starts_at, stored.starts_at + timedelta(minutes=stored.duration_min))
        start_and_end = (event.start, event.end)
        assert start_and_end == expected, "event: expected start and end of the stored appointment"
        # Applications that do not write the row's id into the event have none to find here.
        others = {found.id for found in calendar.events({ROW: str(stored.appointment_id)} | MARK, limit=9)} - {event_id}
        assert not others, f"events of one appointment: expected 1, the calendar holds {len(others) + 1}"

    def test_concurrent_bookings_isolation(self, caller: Caller) -> None:
        """Callers who phone at the same time each get their own appointment: no name, number or time is mixed up."""
        calls = caller.call_at_once([caller.persona() for _ in range(_CALLS_AT_ONCE)])
        mixed_up = [
            f"caller {place}: {difference}"
            for place, call in enumerate(calls, start=1)
            for difference in caller.differences(call)
            if difference.field in _WHO_AND_WHEN
        ]
        assert not mixed_up, "; ".join(mixed_up)
        users = {stored.user_id for call in calls if (stored := caller.stored(call))}
        assert len(users) == _CALLS_AT_ONCE, f"users: expected {_CALLS_AT_ONCE}, stored {len(users)}"


class TestProductionDataCleanup:
    """Cleanup finds what tests made, and nothing else. No test here removes more than its own calls' rows."""

    @pytest.mark.essential
    def test_cleanup_identifies_test_data(
        self, book: Book, prod_db: Database, verdict_on: Callable[..., str], test_call_context: CallContext
    ) -> None:
        """The appointment of a call is in scope for the run that made it, and for nobody else while that run lives."""
        _, stored = book()
        run_id, retention = test_call_context.run_id, test_call_context.retention
        for_its_run = verdict_on(stored.appointment_id, retention=retention, run_id=run_id)
        assert for_its_run == "call", f"verdict for its own run: expected call, found {for_its_run}"
        for_others = verdict_on(stored.appointment_id, retention=retention, run_id=None)
        assert for_others == "live", f"verdict for anyone else: expected live, found {for_others}"
        plan = plan_cleanup(prod_db, Policy(retention=retention), scope=Scope.CALL, run_id=run_id)
        planned = {table for table, rows in plan.rows.items() if rows}
        assert planned >= {"appointments", "users"}, f"plan: expected appointments and users, found {planned}"

    def test_cleanup_respects_age_filter(
        self, book: Book, prod_db: Database, verdict_on: Callable[..., str], test_call_context: CallContext
    ) -> None:
        """A fresh appointment lies after the cutoff and is not stale, not even for a cleanup that spares no age."""
        _, stored = book()
        is_younger = stored.created_at > take_snapshot(prod_db, retention=timedelta(hours=24)).cutoff
        assert is_younger, "created_at: expected after the cutoff of 24 hours, stored before it"
        for retention in (timedelta(hours=24), test_call_context.retention, timedelta(0)):
            verdict = verdict_on(stored.appointment_id, retention=retention, run_id=None)
            assert verdict != "stale", f"verdict with a retention of {retention}: expected not stale"

    def test_verify_cleanup_rules(
        self, book: Book, caller: Caller, prod_db: Database, test_call_context: CallContext
    ) -> None:
        """A plan removes nothing; removing one call archives its rows, and spares other callers and customers."""
        (call, _), (other_call, other) = book(), book()
        customers = sample_customers(prod_db)
        plan = plan_cleanup(prod_db, Policy(), scope=Scope.CALL, run_id=test_call_context.run_id)
        assert plan.id is None, "plan: expected one that is only shown, found a stored one"
        stands = caller.stored(call) is not None
        assert stands, "row: expected to stand after a plan, found none"

        removed = caller.remove(call)
        assert removed >= 2, f"rows removed: expected the appointment and its user, removed {removed}"
        stands = caller.stored(call) is not None
        assert not stands, "row: expected to be gone, it still stands"
        now = caller.stored(other_call)
        is_unchanged = now is not None and replace(now, clock=other.clock) == other
        assert is_unchanged, "row of the other caller: expected unchanged, stored something else"
        proof = prove_untouched(prod_db, customers, test_call_context.run_id)
        assert proof.changed_by_us == 0, f"customers' rows changed: expected 0, found {proof.changed_by_us}"
        assert proof.unarchived == 0, f"rows removed without a copy: expected 0, found {proof.unarchived}"


def _awaited_event_id(caller: Caller, call: Call) -> str | None:
    """The id of the calendar's event, which an application may write after it has confirmed the booking."""
    deadline = monotonic() + _CALENDAR_SECONDS
    while True:
        stored = caller.stored(call)
        if stored is None or stored.google_event_id or monotonic() > deadline:
            return stored.google_event_id if stored else None
        sleep(0.2)
