"""Who calls, and what they want."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo

from prodtest_assets.caller.habits import STEADY, Habits

OPENS_MINUTE = 9 * 60
CLOSES_MINUTE = 17 * 60
SLOT_MINUTES = 30
WORKDAYS_AHEAD = 20
NEAR_WORKDAYS = 4
"""Among so many each weekday comes once at most, and today's not at all: "Wednesday" can mean one day only."""


@dataclass(frozen=True, slots=True)
class Persona:
    """A caller with a wish.

    Attributes:
        key: how reports name this caller.
        start: the appointment the caller asks for, timezone-aware.
        duration_min: its length in minutes.
        number: a number the caller insists on, E.164; None lets the ledger draw one.
        name: a name the caller insists on; None lets the ledger draw one.
        use_keypad: the caller presses keys rather than speak, wherever the application takes both.
        confidence: how sure the provider is of what it hears first, 0 to 1; what is repeated is said more clearly.
        language: the language the provider reports.
        first_start: the appointment the caller asks for at first, and takes back when asked to agree to it;
            timezone-aware.
        habits: how the caller behaves on the telephone.
    """

    key: str
    start: datetime
    duration_min: int = 30
    number: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    use_keypad: bool = False
    confidence: float = 0.92
    language: str = "en-US"
    first_start: datetime | None = None
    habits: Habits = STEADY

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or (self.first_start and self.first_start.tzinfo is None):
            raise ValueError("Persona.start must be timezone-aware")
        if self.duration_min <= 0:
            raise ValueError("Persona.duration_min must be positive")
        if not 0 <= self.confidence <= 1:
            raise ValueError("Persona.confidence must lie between 0 and 1")


def draw_start(
    now: datetime, zone: tzinfo, rng: random.Random, *, duration_min: int = 30, workdays: int = WORKDAYS_AHEAD
) -> datetime:
    """Draw a slot that any application with common business hours can book.

    Args:
        now: the present, timezone-aware; the slot lies 1 to `workdays` workdays after its day in `zone`.
        zone: where the business hours (Monday to Friday, 9 to 17) are counted.
        rng: where the chance comes from.
        duration_min: minutes; the appointment ends by 17:00.
        workdays: how far ahead the application books.

    Returns:
        A time in `zone` on the hour or half-hour that exists once, whatever daylight saving does.
    """
    latest = CLOSES_MINUTE - duration_min
    if not 0 < duration_min <= CLOSES_MINUTE - OPENS_MINUTE:
        raise ValueError("duration_min must fit between 9 and 17")
    slots = [
        slot
        for day in _workdays_after(now.astimezone(zone))[:workdays]
        for minute in range(OPENS_MINUTE, latest + 1, SLOT_MINUTES)
        if _exists_once(slot := datetime.combine(day, time(minute // 60, minute % 60), zone))
    ]
    return rng.choice(slots)


def _workdays_after(today: datetime) -> list[datetime]:
    days = (today + timedelta(days=ahead) for ahead in range(1, 2 * WORKDAYS_AHEAD))
    return [day for day in days if day.weekday() < 5][:WORKDAYS_AHEAD]


def _exists_once(slot: datetime) -> bool:
    there_and_back = slot.astimezone(UTC).astimezone(slot.tzinfo)
    is_real = there_and_back.replace(tzinfo=None) == slot.replace(tzinfo=None)
    return is_real and slot.replace(fold=0).utcoffset() == slot.replace(fold=1).utcoffset()
