"""When the booking line takes appointments: Monday to Friday, 9 to 17, local time."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

OPENS = time(9)
CLOSES = time(17)
DURATIONS = (15, 30, 60)
_STEP = timedelta(minutes=30)
_FIRST_WEEKEND_DAY = 5

Busy = tuple[datetime, datetime]


def reason_against(start: datetime, minutes: int, *, now: datetime, zone: ZoneInfo) -> str | None:
    """Why nobody can be booked then, as a sentence for the caller; None when it is fine.

    Args:
        start: aware, in any zone.
        minutes: how long the appointment is; it must end by closing time of the same day.
        now: aware; an appointment lies in the future.
        zone: where the opening hours are meant.
    """
    local = start.astimezone(zone)
    if start <= now:
        return "That time has passed already."
    if local.weekday() >= _FIRST_WEEKEND_DAY:
        return "We are open Monday to Friday only."
    closing = local.replace(hour=CLOSES.hour, minute=CLOSES.minute, second=0, microsecond=0)
    if local.time() < OPENS or local >= closing:
        return "We are open from 9 AM to 5 PM."
    if local + timedelta(minutes=minutes) > closing:
        return "That would end after we close at 5 PM."
    return None


def next_free(after: datetime, minutes: int, busy: Iterable[Busy], *, zone: ZoneInfo) -> datetime:
    """The first half hour after `after`, in opening hours, that meets no busy stretch.

    Args:
        after: aware; it counts as the present, too.
        minutes: how long the appointment is, one of `DURATIONS`.
        busy: aware (start, end) pairs.
        zone: where the opening hours are meant.
    """
    taken = tuple(busy)
    local = after.astimezone(zone)
    slot = local.replace(minute=local.minute // 30 * 30, second=0, microsecond=0) + _STEP
    while not _is_free(slot, minutes, taken) or reason_against(slot, minutes, now=after, zone=zone):
        slot += _STEP
    return slot


def _is_free(start: datetime, minutes: int, busy: tuple[Busy, ...]) -> bool:
    end = start + timedelta(minutes=minutes)
    return all(end <= taken_from or start >= taken_until for taken_from, taken_until in busy)
