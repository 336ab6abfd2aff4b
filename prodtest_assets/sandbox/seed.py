"""What a demonstration finds in the sandbox: customers, and what earlier test runs have left behind.

The customers are made up. Their numbers are British ones reserved for drama, which no test caller uses
(https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama), but for two Americans: one
has a number reserved for tests, as in an anonymised copy of production, the other one just beside that range.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.orm import Session

from prodtest_assets.sandbox.bookings import event_for
from prodtest_assets.sandbox.calendar_store import CALENDAR_ID, insert_event
from prodtest_assets.sandbox.database import open_engine, wait_for_turn
from prodtest_assets.sandbox.leftovers import seed_leftovers
from prodtest_assets.sandbox.marker import is_sandbox, mark_as_sandbox, require_sandbox
from prodtest_assets.sandbox.models import Appointment, User

__all__ = ["is_sandbox", "mark_as_sandbox", "seed_customers", "seed_leftovers"]

_CUSTOMERS = 120
_RESERVED_NUMBER = "+12125550142"
_NUMBER_BESIDE_THE_RANGE = "+12125550200"
_FIRST_NAMES = ("Ada", "Ben", "Chloe", "David", "Elif", "Frank", "Grace", "Henry", "Ines", "Jack")
_LAST_NAMES = (
    "Abbott", "Bauer", "Clarke", "Demir", "Evans", "Fischer",
    "Garcia", "Hughes", "Ivanova", "Jensen", "Kowalski", "Lindqvist",
)  # fmt: skip
_MINUTES = (15, 30, 30, 60)
_UTC = ZoneInfo("UTC")


def seed_customers(url: str) -> None:
    """Put 120 customers with some 300 appointments into the sandbox; does nothing where they are already.

    The same people book at the same hours each time; days count from today. The coming workdays have
    customers in the morning, when test callers like to book, too.

    Raises:
        RefusedForSafety: the database is not the sandbox's own.
    """
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            require_sandbox(connection, "customers are made up")
            wait_for_turn(connection)
            if connection.scalar(select(User.id).where(User.mobile == _RESERVED_NUMBER)) is None:
                _add_customers(connection)
    finally:
        engine.dispose()


def _add_customers(connection: Connection) -> None:
    now = connection.scalars(select(func.now())).one()
    rng = random.Random("customers")
    people = list(_people(now, rng))
    users = connection.scalars(insert(User).returning(User.id, sort_by_parameter_order=True), people).all()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with Session(bind=connection) as session:
        for user_id, person in zip(users, people, strict=True):
            for values in _appointments(today, rng):
                _add_appointment(session, person["full_name"], Appointment(user_id=user_id, **values), now)
        session.commit()


def _people(now: datetime, rng: random.Random) -> Iterator[dict[str, Any]]:
    numbers = [_RESERVED_NUMBER, _NUMBER_BESIDE_THE_RANGE]
    numbers += [f"+447700900{line:03}" for line in range(_CUSTOMERS - len(numbers))]
    names = [f"{first} {last}" for last in _LAST_NAMES for first in _FIRST_NAMES]
    for number, name in zip(numbers, names, strict=True):
        yield {"full_name": name, "mobile": number, "created_at": now - timedelta(days=rng.uniform(200, 400))}


def _appointments(today: datetime, rng: random.Random) -> Iterator[dict[str, Any]]:
    """One to three in the past half year, and most often one in the coming four weeks."""
    days = rng.sample(range(-180, -2), k=rng.randint(1, 2))
    if rng.random() < 0.9:
        days.append(rng.randint(1, 28))
    for day in sorted({_workday(today + timedelta(days=day)) for day in days}):
        hour = rng.choice((9, 9, 10, 10, 11, 13, 14, 15, 16)) if day > today else rng.randint(9, 16)
        start = day + timedelta(hours=hour, minutes=rng.choice((0, 30)))
        created = min(start, today) - timedelta(days=rng.uniform(2, 20))
        cancelled = created + timedelta(days=1) if rng.random() < 0.1 else None
        yield {
            "starts_at": start,
            "duration_min": rng.choice(_MINUTES) if start.hour < 16 else 30,
            "status": "cancelled" if cancelled else "booked",
            "cancelled_at": cancelled,
            "modified_at": cancelled,
            "modification_count": 1 if cancelled else 0,
            "created_at": created,
        }


def _workday(day: datetime) -> datetime:
    return day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))


def _add_appointment(session: Session, name: str, row: Appointment, now: datetime) -> None:
    row.is_test_data = False
    session.add(row)
    session.flush()
    if row.starts_at > now and row.cancelled_at is None:
        event = insert_event(session.connection(), CALENDAR_ID, event_for(row, name, _UTC))
        row.google_event_id = event["id"]
