"""What earlier test runs have left in the sandbox, so that there is something to find and to clean.

Every row is in the ledger, as if its call had been placed back then.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, cast, delete, exists, func, insert, inspect, not_, select
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.orm import Session

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.sandbox.bookings import event_for
from prodtest_assets.sandbox.calendar_store import CALENDAR_ID, CANCELLED, delete_event, insert_event
from prodtest_assets.sandbox.database import open_engine, wait_for_turn
from prodtest_assets.sandbox.ledger_tables import archived_row, cleanup_run, test_call, test_run
from prodtest_assets.sandbox.marker import calendar_event, require_sandbox
from prodtest_assets.sandbox.models import Appointment, User, metadata
from prodtest_assets.sandbox.strangers import Stranger, strangers

_TARGET = "http://bookings.sandbox.invalid"
_ACTOR = "earlier cleanup"
_STALE, _YOUNG, _ORPHANS = 40, 6, 5
_STALE_HOURS = (30.0, 240.0)
_YOUNG_HOURS = (1.5, 20.0)
_ORPHAN_HOURS = (60.0, 200.0)
_ARCHIVED_HOURS = 48.0
_RETENTION = timedelta(hours=24)
_UTC = ZoneInfo("UTC")


def seed_leftovers(url: str, calendar_id: str = CALENDAR_ID) -> None:
    """Leave what finished test runs of the last ten days would have left, as far as it is missing.

    40 stale appointments (30 hours to 10 days old), 6 young ones (1.5 to 20 hours), 5 users whose appointment
    is gone, and one calendar event whose appointment is archived.

    Args:
        url: the sandbox's database, with schema `prodtest`.
        calendar_id: the calendar in which the stand-in keeps their events.

    Raises:
        RefusedForSafety: the database is not the sandbox's own.
        ConfigurationError: schema `prodtest` is missing.
    """
    engine = open_engine(url)
    try:
        with Session(engine) as session, session.begin():
            require_sandbox(session.connection(), "leftovers are made up")
            if not inspect(session.connection()).has_table(test_call.name, schema="prodtest"):
                raise ConfigurationError("schema prodtest is missing; run `prodtest migrate` first")
            wait_for_turn(session.connection())
            _Leftovers(session, calendar_id).top_up()
    finally:
        engine.dispose()


class _Leftovers:
    def __init__(self, session: Session, calendar_id: str) -> None:
        self._session = session
        self._connection = session.connection()
        self._calendar_id = calendar_id
        self._now = session.scalars(select(func.now())).one()
        self._callers = strangers(self._connection)

    def top_up(self) -> None:
        """Bring each kind of leftover to its usual number."""
        stale = _STALE - self._booked(Appointment.created_at < self._now - _RETENTION)
        young = _YOUNG - self._booked(Appointment.created_at >= self._now - _RETENTION)
        for number, age in enumerate(_spread(stale, _STALE_HOURS)):
            self._leave(age, cancelled=number % 5 == 4, in_calendar=number % 3 == 0)
        for number, age in enumerate(_spread(young, _YOUNG_HOURS)):
            self._leave(age, cancelled=False, in_calendar=number % 3 == 0)
        for age in _spread(_ORPHANS - self._orphans(), _ORPHAN_HOURS):
            self._lose_appointment(self._leave(age, cancelled=False, in_calendar=False))
        if not self._has_orphaned_event():
            self._archive(self._leave(timedelta(hours=_ARCHIVED_HOURS * 2), cancelled=False, in_calendar=True))

    def _booked(self, of_that_age: ColumnElement[bool]) -> int:
        ours = exists().where(test_call.c.appointment_id == Appointment.id)
        query = select(func.count()).select_from(Appointment).where(ours, of_that_age)
        return self._connection.scalars(query).one()

    def _orphans(self) -> int:
        ours = exists().where(test_call.c.user_id == User.id)
        booked = exists().where(Appointment.user_id == User.id)
        query = select(func.count()).select_from(User).where(ours, not_(booked))
        return self._connection.scalars(query).one()

    def _has_orphaned_event(self) -> bool:
        still_there = exists().where(
            calendar_event.c.id == archived_row.c.content["google_event_id"].astext,
            calendar_event.c.status != CANCELLED,
        )
        return self._connection.scalar(select(archived_row.c.row_id).where(still_there).limit(1)) is not None

    def _leave(self, age: timedelta, *, cancelled: bool, in_calendar: bool) -> Appointment:
        """One finished call of its own run, with the user and the appointment it made."""
        caller, called_at = next(self._callers), self._now - age
        run_id = self._run(called_at)
        user = User(full_name=caller.name, mobile=caller.number, created_at=called_at)
        self._add(user)
        row = self._book(user, caller, called_at, cancelled=cancelled, in_calendar=in_calendar)
        self._ledger(run_id, caller, row, called_at)
        return row

    def _run(self, started_at: datetime) -> UUID:
        run_id, ended_at = uuid4(), started_at + timedelta(minutes=2)
        self._connection.execute(
            insert(test_run).values(
                id=run_id,
                target=_TARGET,
                started_at=started_at - timedelta(minutes=1),
                heartbeat_at=ended_at,
                finished_at=ended_at,
                outcome="passed",
                passed=1,
            )
        )
        return run_id

    def _book(
        self, user: User, caller: Stranger, called_at: datetime, *, cancelled: bool, in_calendar: bool
    ) -> Appointment:
        moment = called_at + timedelta(minutes=1)
        row = Appointment(
            user_id=user.id,
            starts_at=_next_workday(called_at, caller.hour),
            duration_min=30,
            status="cancelled" if cancelled else "booked",
            cancelled_at=moment if cancelled else None,
            is_test_data=True,
            created_at=moment,
        )
        self._add(row)
        if in_calendar:
            event = insert_event(self._connection, self._calendar_id, event_for(row, caller.name, _UTC))
            row.google_event_id = event["id"]
            if cancelled:
                delete_event(self._connection, self._calendar_id, event["id"])
        self._session.flush()
        return row

    def _add(self, row: User | Appointment) -> None:
        self._session.add(row)
        self._session.flush()

    def _ledger(self, run_id: UUID, caller: Stranger, row: Appointment, called_at: datetime) -> None:
        self._connection.execute(
            insert(test_call).values(
                call_sid=f"CA{uuid4().hex}",
                run_id=run_id,
                persona="books_half_an_hour",
                caller_number=caller.number,
                caller_name=caller.name,
                requested_start=row.starts_at,
                opened_at=called_at,
                user_id_mark=row.user_id - 1,
                appointment_id_mark=row.id - 1,
                closed_at=called_at + timedelta(minutes=1),
                outcome="booked",
                transcript=[],
                user_id=row.user_id,
                user_created_at=called_at,
                appointment_id=row.id,
                appointment_created_at=row.created_at,
                proof="number",
                marked_by_app=True,
            )
        )

    def _lose_appointment(self, row: Appointment) -> None:
        self._session.delete(row)
        self._session.flush()

    def _archive(self, row: Appointment) -> None:
        """Move an appointment and its user into the archive, and leave its calendar event behind."""
        cleanup_id, archived_at = uuid4(), self._now - timedelta(hours=_ARCHIVED_HOURS)
        self._connection.execute(
            insert(cleanup_run).values(
                id=cleanup_id,
                started_at=archived_at,
                finished_at=archived_at + timedelta(seconds=1),
                stop_reason="drained",
                deleted={"appointments": 1, "users": 1},
                actor=_ACTOR,
            )
        )
        archive = partial(self._move, cleanup_id, archived_at)
        archive(metadata.tables["appointments"], row.id)
        archive(metadata.tables["users"], row.user_id)

    def _move(self, cleanup_id: UUID, at: datetime, table: Table, row_id: int) -> None:
        content = select(func.to_jsonb(table.table_valued())).where(table.c.id == row_id)
        self._connection.execute(
            insert(archived_row).values(
                cleanup_id=cleanup_id,
                table_oid=cast(f"public.{table.name}", REGCLASS),
                row_id=row_id,
                content=content.scalar_subquery(),
                archived_at=at,
            )
        )
        self._connection.execute(delete(table).where(table.c.id == row_id))


def _spread(how_many: int, hours: tuple[float, float]) -> Iterable[timedelta]:
    """`how_many` ages, evenly from the first to the second number of hours."""
    youngest, oldest = hours
    step = (oldest - youngest) / max(how_many - 1, 1)
    return [timedelta(hours=youngest + number * step) for number in range(how_many)]


def _next_workday(after: datetime, hour: int) -> datetime:
    day = after.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))
