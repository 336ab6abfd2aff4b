"""How a caller says or keys in a name, a number, a time and a length."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

_NORTH_AMERICAN = re.compile(r"\+1(\d{3})(\d{3})(\d{4})")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What the caller knows and may tell.

    Attributes:
        name: as the ledger gave it, letters and spaces.
        number: E.164.
        start: the wanted appointment, in the zone in which the application understands times.
        duration_min: its length in minutes.
        today: the day of the call in that zone; None when it does not matter what "tomorrow" means.
    """

    name: str
    number: str
    start: datetime
    duration_min: int
    today: date | None = None


def day(start: datetime) -> str:
    """`Monday, November 23`; English whatever the machine's locale is."""
    return f"{DAYS[start.weekday()]}, {MONTHS[start.month - 1]} {start.day}"


def time_of_day(start: datetime) -> str:
    """`2 PM` or `2:30 PM`."""
    hour = start.hour % 12 or 12
    minutes = f":{start.minute:02}" if start.minute else ""
    return f"{hour}{minutes} {half(start)}"


def half(start: datetime) -> str:
    """`AM` or `PM`."""
    return "AM" if start.hour < 12 else "PM"


def part_of_day(start: datetime) -> str:
    """`morning`, `afternoon` or `evening`."""
    return "morning" if start.hour < 12 else "afternoon" if start.hour < 17 else "evening"


def day_and_time(start: datetime) -> str:
    """`Monday, November 23 at 2 PM`, the form that every speech parser reads without doubt."""
    return f"{day(start)} at {time_of_day(start)}"


def duration(minutes: int) -> str:
    """`30 minutes`."""
    return f"{minutes} minutes"


def number(e164: str, *, only_end: bool = False) -> str:
    """A North American number as it is said there, `202 555 0123`; any other one with its `+`.

    Args:
        e164: the number.
        only_end: its last four digits are wanted, `0 1 2 3`.
    """
    if only_end:
        return " ".join(e164[-4:])
    local = _NORTH_AMERICAN.fullmatch(e164)
    return " ".join(local.groups()) if local else e164


def number_keys(e164: str, most: int | None) -> str:
    """The keys for a number: ten digits in North America unless exactly eleven are taken.

    Args:
        e164: the number.
        most: how many keys the application takes; None for any.
    """
    digits = e164.removeprefix("+")
    return digits[1:] if _NORTH_AMERICAN.fullmatch(e164) and most != len(digits) else digits


def spelled(name: str) -> str:
    """`J-A-N-E D-O-E`."""
    return " ".join("-".join(word.upper()) for word in name.split())


def part_of_name(name: str, which: str) -> str:
    """The first, the last or every word of a name.

    Args:
        name: the whole name.
        which: `first`, `last`, or anything else for the whole.
    """
    words = name.split()
    if which == "first":
        return words[0]
    return " ".join(words[1:] or words) if which == "last" else name


_PLACES: Mapping[str, Callable[[Facts], str]] = {
    "name": lambda facts: facts.name,
    "first_name": lambda facts: part_of_name(facts.name, "first"),
    "last_name": lambda facts: part_of_name(facts.name, "last"),
    "spelled_name": lambda facts: spelled(facts.name),
    "number": lambda facts: number(facts.number),
    "digits": lambda facts: number_keys(facts.number, None),
    "day": lambda facts: day(facts.start),
    "weekday": lambda facts: DAYS[facts.start.weekday()],
    "time": lambda facts: time_of_day(facts.start),
    "day_and_time": lambda facts: day_and_time(facts.start),
    "part_of_day": lambda facts: part_of_day(facts.start),
    "am_or_pm": lambda facts: half(facts.start),
    "duration": lambda facts: duration(facts.duration_min),
    "minutes": lambda facts: str(facts.duration_min),
    "date": lambda facts: f"{facts.start:%Y-%m-%d}",
    "hour": lambda facts: f"{facts.start:%H}",
    "minute": lambda facts: f"{facts.start:%M}",
    "month": lambda facts: f"{facts.start:%m}",
    "day_of_month": lambda facts: f"{facts.start:%d}",
    "year": lambda facts: f"{facts.start:%Y}",
}
PLACEHOLDERS = tuple(_PLACES)
"""What may stand in braces in the answers of a call script."""


def filled(template: str, facts: Facts) -> str:
    """A script's answer with the caller's facts in place of `{name}` and the like.

    Args:
        template: with `PLACEHOLDERS` only.
        facts: what the caller knows.
    """
    return template.format_map({name: place(facts) for name, place in _PLACES.items()})
