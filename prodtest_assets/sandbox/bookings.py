"""Bookings in the database: who calls, what is taken, and writing an appointment with its calendar event."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from prodtest_assets.sandbox.calendar_store import CALENDAR_ID, insert_event
from prodtest_assets.sandbox.hours import next_free
from prodtest_assets.sandbox.models import Appointment, User

_LONGEST_APPOINTMENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants to book.

    Attributes:
        number: in E.164.
        start: aware.
        minutes: how long.
        is_test: whether a test caller asks.
    """

    number: str
    name: str
    start: datetime
    minutes: int
    is_test: bool
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Booked:
    """The appointment is made; `appointment` is its row."""

    appointment: Appointment | None


@dataclass(frozen=True, slots=True)
class Clash:
    """The caller has an appointment then, so nothing was written.

    Attributes:
        alternative: the next free start, aware.
    """

    alternative: datetime


class Bookings:
    """The healthy way to book. Each step is a method of its own, which a fault may replace."""

    def __init__(self, engine: Engine, zone: ZoneInfo) -> None:
        self._engine = engine
        self._zone = zone

    def name_of(self, number: str) -> str | None:
        """The name under which `number` is known; None for a new caller."""
        with Session(self._engine) as session:
            return session.scalar(select(User.full_name).where(User.mobile == number))

    def list_appointments(self, number: str | None, limit: int) -> list[tuple[Appointment, User]]:
        """The latest appointments, or those of one number."""
        query = select(Appointment, User).join(User, Appointment.user_id == User.id)
        if number:
            query = query.where(User.mobile == number)
        with Session(self._engine, expire_on_commit=False) as session:
            rows = session.execute(query.order_by(Appointment.id.desc()).limit(limit)).all()
            return [(appointment, user) for appointment, user in rows]

    def book(self, order: Order) -> Booked | Clash:
        """Write the appointment, its user if new, and its calendar event, all or nothing."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            user = self.lock_user(session, self.number_to_store(session, order.number), order.name)
            start = self.start_to_store(order.start)
            if self.clashes(session, user, start, order.minutes):
                return Clash(self._alternative(session, user, start, order.minutes))
            return Booked(self.write(session, user, order, start))

    def number_to_store(self, session: Session, number: str) -> str:
        """The number under which the caller is kept."""
        return number

    def start_to_store(self, start: datetime) -> datetime:
        """The start that is written for the one the caller asked for."""
        return start

    def mark_to_store(self, is_test: bool) -> bool:
        """The mark on a row that a test caller booked, or somebody else."""
        return is_test

    def lock_user(self, session: Session, number: str, name: str) -> User:
        """The user with this number, new or known, locked so that two calls cannot take one time."""
        session.execute(insert(User).values(full_name=name, mobile=number).on_conflict_do_nothing())
        return session.scalars(select(User).where(User.mobile == number).with_for_update()).one()

    def clashes(self, session: Session, user: User, start: datetime, minutes: int) -> bool:
        """Whether the user has an appointment then."""
        end = start + timedelta(minutes=minutes)
        own = select(Appointment).where(
            Appointment.user_id == user.id,
            Appointment.starts_at < end,
            Appointment.starts_at > start - _LONGEST_APPOINTMENT,
            # A cancelled appointment frees its time, but not the unique (user_id, starts_at).
            or_(Appointment.cancelled_at.is_(None), Appointment.starts_at == start),
        )
        return any(_end_of(row) > start for row in session.scalars(own))

    def write(self, session: Session, user: User, order: Order, start: datetime) -> Appointment | None:
        """Write the appointment and its calendar event."""
        appointment = Appointment(
            user_id=user.id,
            starts_at=start,
            duration_min=order.minutes,
            notes=order.notes,
            is_test_data=self.mark_to_store(order.is_test),
        )
        session.add(appointment)
        session.flush()
        event = insert_event(session.connection(), CALENDAR_ID, event_for(appointment, user.full_name, self._zone))
        appointment.google_event_id = event["id"]
        session.flush()
        session.refresh(appointment)
        return appointment

    def _alternative(self, session: Session, user: User, start: datetime, minutes: int) -> datetime:
        rows = session.scalars(
            select(Appointment).where(Appointment.user_id == user.id, Appointment.starts_at >= func.now())
        )
        busy: Iterable[tuple[datetime, datetime]] = [(row.starts_at, _end_of(row)) for row in rows]
        return next_free(start, minutes, busy, zone=self._zone)


def event_for(appointment: Appointment, name: str, zone: ZoneInfo) -> dict[str, object]:
    """The calendar event that mirrors `appointment`; its private properties lead back to the row."""
    start = appointment.starts_at.astimezone(zone)
    end = start + timedelta(minutes=appointment.duration_min)
    return {
        "summary": f"Appointment: {name}",
        "start": {"dateTime": start.isoformat(), "timeZone": zone.key},
        "end": {"dateTime": end.isoformat(), "timeZone": zone.key},
        "extendedProperties": {
            "private": {
                "appointment_id": str(appointment.id),
                "is_test_data": "true" if appointment.is_test_data else "false",
            }
        },
    }


def _end_of(row: Appointment) -> datetime:
    return row.starts_at + timedelta(minutes=row.duration_min)
