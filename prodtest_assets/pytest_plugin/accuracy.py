"""What was said on the telephone against what was stored, field by field."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from prodtest_assets.caller import Call
from prodtest_assets.caller.told import is_length_told, name_told
from prodtest_assets.testdata.identity import digits, masked_name, masked_number
from prodtest_assets.testdata.models import StoredBooking

STANDING = frozenset({"booked", "confirmed", "scheduled"})
"""The words applications use for an appointment that stands; the first is the one of the contract."""

_NUMBER = re.compile(r"\+?\(?[0-9][0-9 ().-]{5,}[0-9]")

_LONGEST_CODE = 3
"""Digits of a country code."""
_WINTER, _SUMMER = 1, 7
_ZONES = (timedelta(hours=-12), timedelta(hours=14))
"""How far clocks are from UTC."""
_QUARTER = timedelta(minutes=15)
_WEEKS = frozenset(timedelta(weeks=weeks) for weeks in range(-8, 9))

RECENT = timedelta(minutes=5)
"""How far the application's `created_at` may be from the database's clock. A wrong time zone is farther."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One field of a booking, as it was said and as it was stored; names and numbers are masked.

    Attributes:
        field: name, number, start, duration or status.
        said: start in the application's zone, with its offset.
        stored: the like; with a word on the likely cause where the clocks explain the difference.
        equal: whether both mean the same.
    """

    field: str
    said: str
    stored: str
    equal: bool

    def as_json(self) -> dict[str, object]:
        """The field as the ledger keeps it."""
        return {"field": self.field, "said": self.said, "stored": self.stored, "equal": self.equal}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that was stored other than it was said; names and numbers are masked.

    Attributes:
        field: name, number, start, duration, status, mark or created_at.
        expected: what was said, or what the contract wants.
        stored: what the database holds.
    """

    field: str
    expected: str
    stored: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, stored {self.stored}"


def compared(call: Call, stored: StoredBooking, zone: tzinfo) -> tuple[Compared, ...]:
    """Put what was said beside what was stored, field by field, also where both are the same.

    A name and a length that the application never asked for were not said, and are left out.

    Args:
        call: what was said.
        stored: what the ledger has proven to be its row.
        zone: in which times are shown; instants are compared.
    """
    has_start = stored.starts_at.tzinfo is not None and stored.starts_at == call.requested_start
    fields = [
        _who("number", masked_number, call.number, stored.mobile, equal=_is_number(call.number, stored.mobile)),
        Compared(
            "start",
            _shown(call.requested_start, zone),
            _shown(stored.starts_at, zone) + ("" if has_start else _likely_cause(call, stored, zone)),
            has_start,
        ),
        Compared("status", "booked", stored.status, stored.status.lower() in STANDING),
    ]
    if told := name_told(call):
        has_name = _plain(stored.full_name) in (_plain(call.name), _plain(told))
        fields.insert(0, _who("name", masked_name, call.name, stored.full_name, equal=has_name))
    if is_length_told(call):
        has_length = stored.duration_min == call.duration_min
        said, kept = f"{call.duration_min} minutes", f"{stored.duration_min} minutes"
        fields.insert(-1, Compared("duration", said, kept, has_length))
    return tuple(fields)


def differences(call: Call, stored: StoredBooking, zone: tzinfo) -> tuple[Difference, ...]:
    """What of a stored booking is not as it was said, or not as the contract wants it.

    Args:
        call, stored, zone: as in `compared`.

    Returns:
        One entry for each field that differs, empty when all is as it should be.
    """
    said = (Difference(each.field, each.said, each.stored) for each in compared(call, stored, zone) if not each.equal)
    return (*said, *_mark(stored), *_created(stored, zone))


def _is_number(said: str, stored: str) -> bool:
    """Whether they are one number in two spellings.

    In North America the country code may be left out, elsewhere 0 may stand for it.
    """
    said, stored = digits(said), digits(stored)
    if not stored.startswith("0"):
        return stored == said
    code = len(said) - len(stored.lstrip("0"))
    return said.endswith(stored.lstrip("0")) and (not code if stored.startswith("00") else 0 < code <= _LONGEST_CODE)


def _who(field: str, masked: Callable[[str], str], said: str, stored: str, *, equal: bool) -> Compared:
    said, stored = masked(said), masked(stored)
    return Compared(field, said, stored if equal or stored != said else f"{stored} (differs where it is masked)", equal)


def _likely_cause(call: Call, stored: StoredBooking, zone: tzinfo) -> str:
    """A word on the application's clock, where a zone, daylight saving or the week accounts for the difference."""
    if stored.starts_at.tzinfo is None:
        return ""
    said = call.requested_start.astimezone(zone)
    own, shift = said.utcoffset(), stored.starts_at - call.requested_start
    others = {said.replace(month=month, day=1).utcoffset() for month in (_WINTER, _SUMMER)} - {own}
    if own and any(other is not None and shift == own - other for other in others):
        return " (as if the clocks had not changed)"
    if shift and stored.starts_at.astimezone(zone).replace(tzinfo=None) - said.replace(tzinfo=None) in _WEEKS:
        return " (another week; where only the weekday is asked, a call script says [caller] workdays_ahead = 4)"
    if not own and not others and shift % _QUARTER == timedelta() and _ZONES[0] <= -shift <= _ZONES[1]:
        return " (as if in another time zone; if the application is in one, PRODTEST_TIME_ZONE names it)"
    return " (as if it had been said in UTC)" if shift == own else ""


def _mark(stored: StoredBooking) -> Iterator[Difference]:
    if not stored.is_test_data:
        yield Difference("mark", "is_test_data = true", "is_test_data = false")


def _created(stored: StoredBooking, zone: tzinfo) -> Iterator[Difference]:
    created, clock = stored.created_at, stored.clock
    if created.tzinfo is None or abs(clock - created) > RECENT:
        yield Difference(
            "created_at",
            f"within {RECENT.seconds // 60} minutes of {_shown(clock, zone)}, the database's clock",
            _shown(created, zone),
        )


def explain(call: Call) -> str:
    """Why a call left no row, as far as its transcript tells; the caller's name and number are masked."""
    heard = [turn.text for turn in call.turns if turn.speaker == "application" and turn.text]
    last_words = f'; it said last: "{heard[-1]}"' if heard else ""
    return f"no appointment of this call is in the database: {ending_of(call)}{_masked(call, last_words)}"


def ending_of(call: Call) -> str:
    """How a call ended, and what was wrong with it; the caller's name and number are masked."""
    return _masked(call, call.problem or call.ended.replace("_", " "))


def _masked(call: Call, text: str) -> str:
    def number(found: re.Match[str]) -> str:
        return masked_number(call.number) if digits(found[0]) == digits(call.number) else found[0]

    return _NUMBER.sub(number, re.sub(re.escape(call.name), masked_name(call.name), text, flags=re.IGNORECASE))


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _shown(moment: datetime, zone: tzinfo) -> str:
    if moment.tzinfo is None:
        return f"{moment.isoformat(sep=' ')} without a time zone"
    return moment.astimezone(zone).isoformat(sep=" ", timespec="seconds")
