"""What the booking-flow suite adds to the fixtures of `prodtest_assets.pytest_plugin`."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from prodtest_assets.caller import Call
from prodtest_assets.pytest_plugin import Caller, explain
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.models import StoredBooking

MakeBooking = Callable[..., tuple[Call, StoredBooking]]
FindVerdict = Callable[..., str]
FindStanding = Callable[[Iterable[int], datetime, int], list[Mapping[str, Any]]]

_VERDICTS = ("call", "live", "held", "named", "suspect", "stale", "future", "young")
_MOST_ROWS = 10_000


@pytest.fixture
def book(caller: Caller) -> MakeBooking:
    """Places a call and insists that it left an appointment; takes the arguments of `Caller.book`."""

    def book(start: datetime | None = None, **wishes: Any) -> tuple[Call, StoredBooking]:
        call = caller.book(start, **wishes)
        stored = caller.stored(call)
        assert stored is not None, explain(call)
        return call, stored

    return book


@pytest.fixture
def standing_bookings(prod_db: Database) -> FindStanding:
    """Finds the appointments of some users that stand within a slot, however short the overlap is."""

    def standing_bookings(users: Iterable[int], start: datetime, minutes: int) -> list[Mapping[str, Any]]:
        end = start + timedelta(minutes=minutes)
        return [
            row
            for user in sorted(set(users))
            for row in prod_db.rows("bookings_of_user", user_id=user)
            if "cancel" not in row["status"].lower()
            and row["starts_at"] < end
            and row["starts_at"] + timedelta(minutes=row["duration_min"]) > start
        ]

    return standing_bookings


@pytest.fixture
def verdict_on(prod_db: Database) -> FindVerdict:
    """Asks the rules of cleanup what they say of one appointment; nothing is written."""

    def verdict_on(appointment_id: int, *, retention: timedelta, run_id: UUID | None) -> str:
        for verdict in _VERDICTS:
            rows = prod_db.rows(
                "judged_rows",
                verdicts=[verdict],
                limit=_MOST_ROWS,
                cutoff=None,
                retention=retention,
                run_id=run_id,
                named=[],
                named_users=[],
            )
            if any(row["id"] == appointment_id for row in rows):
                return verdict
        return "none"

    return verdict_on
