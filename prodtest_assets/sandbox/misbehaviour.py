"""What each fault of `faults.py` does, kept away from the healthy code it replaces."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from prodtest_assets.sandbox.bookings import Bookings, Order
from prodtest_assets.sandbox.models import Appointment, User
from prodtest_assets.sandbox.twiml import Answer
from prodtest_assets.sandbox.voice import CallState, Dialogue

_SLOW_SECONDS = 2.0

Endpoint = Callable[[Request], Awaitable[Response]]


class _ForgetMark(Bookings):
    def mark_to_store(self, is_test: bool) -> bool:
        return False


class _LeaveOrphans(Bookings):
    def write(self, session: Session, user: User, order: Order, start: datetime) -> Appointment | None:
        return None


class _WrongNumber(Bookings):
    def number_to_store(self, session: Session, number: str) -> str:
        # The country code is lost and an extension glued on; it never meets a user who is there already.
        while True:
            mangled = f"+{number.lstrip('+')[1:]}{secrets.randbelow(10_000):04}"
            if session.scalar(select(User.id).where(User.mobile == mangled)) is None:
                return mangled


class _WrongTime(Bookings):
    def start_to_store(self, start: datetime) -> datetime:
        return start + timedelta(hours=1)


class _DoubleBook(Bookings):
    def clashes(self, session: Session, user: User, start: datetime, minutes: int) -> bool:
        return False

    def write(self, session: Session, user: User, order: Order, start: datetime) -> Appointment | None:
        # A second later each time, to get around the unique (user_id, starts_at).
        taken = set(session.scalars(select(Appointment.starts_at).where(Appointment.user_id == user.id)))
        while start in taken:
            start += timedelta(seconds=1)
        return super().write(session, user, order, start)


class _DropCall(Dialogue):
    def read_back(self, call: CallState) -> Answer:
        return Answer("", listens=False)


_IN_THE_DATABASE: dict[str, type[Bookings]] = {
    "forget-mark": _ForgetMark,
    "leave-orphans": _LeaveOrphans,
    "wrong-number": _WrongNumber,
    "wrong-time": _WrongTime,
    "double-book": _DoubleBook,
}


def bookings_with(faults: frozenset[str], engine: Engine, zone: ZoneInfo) -> Bookings:
    """`Bookings`, healthy or with the given faults mixed in."""
    chosen = tuple(kind for name, kind in _IN_THE_DATABASE.items() if name in faults)
    faulty: type[Bookings] = type("FaultyBookings", (*chosen, Bookings), {})
    return faulty(engine, zone)


def dialogue_with(faults: frozenset[str], bookings: Bookings, zone: ZoneInfo) -> Dialogue:
    """The telephone dialogue, healthy or with the given faults."""
    return (_DropCall if "drop-call" in faults else Dialogue)(bookings, zone)


def spoil(faults: frozenset[str], endpoint: Endpoint) -> Endpoint:
    """A telephone endpoint that answers as the given faults have it."""

    async def answer(request: Request) -> Response:
        if "slow" in faults:
            await asyncio.sleep(_SLOW_SECONDS)
        if "server-error" in faults:
            return PlainTextResponse("Internal Server Error", 500)
        response = await endpoint(request)
        if "broken-twiml" in faults and response.status_code == 200:
            return Response(b"<Response><Say>Hello</Gather>", media_type="text/xml")
        return response

    return answer
