"""What was said on the telephone against what was stored, field by field."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from prodtest_assets.caller import Call
from prodtest_assets.testdata.identity import digits, masked_name, masked_number
from prodtest_assets.testdata.models import StoredBooking

STANDING = frozenset({"booked", "confirmed", "scheduled"})
"""The words applications use for an appointment that stands; the first is the one of the contract."""

_NUMBER = re.compile(r"\+?\(?[0-9][0-9 ().-]{5,}[0-9]")

RECENT = timedelta(minutes=5)
"""How far the application's `created_at` may be from the database's clock. A wrong time zone is farther."""


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


def differences(call: Call, stored: StoredBooking, zone: tzinfo) -> tuple[Difference, ...]:
    """Compare a stored booking with its call.

    Args:
        call: what was said.
        stored: what the ledger has proven to be its row.
        zone: in which times are shown; instants are compared.

    Returns:
        One entry for each field that differs, empty when all is as it was said.
    """
    return (*_who(call, stored), *_when(call, stored, zone), *_how(stored), *_created(stored, zone))


def _who(call: Call, stored: StoredBooking) -> Iterator[Difference]:
    if _plain(stored.full_name) != _plain(call.name):
        yield _masked_difference("name", masked_name(call.name), masked_name(stored.full_name))
    # Spelled in another way it is the same number; the country code of North America may be left out.
    if digits(stored.mobile) != digits(call.number):
        yield _masked_difference("number", masked_number(call.number), masked_number(stored.mobile))


def _when(call: Call, stored: StoredBooking, zone: tzinfo) -> Iterator[Difference]:
    if stored.starts_at.tzinfo is None or stored.starts_at != call.requested_start:
        yield Difference("start", _shown(call.requested_start, zone), _shown(stored.starts_at, zone))
    if stored.duration_min != call.duration_min:
        yield Difference("duration", f"{call.duration_min} minutes", f"{stored.duration_min} minutes")


def _how(stored: StoredBooking) -> Iterator[Difference]:
    if stored.status.lower() not in STANDING:
        yield Difference("status", "booked", stored.status)
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


def _masked_difference(field: str, expected: str, stored: str) -> Difference:
    return Difference(field, expected, f"{stored} (differs where it is masked)" if stored == expected else stored)


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _shown(moment: datetime, zone: tzinfo) -> str:
    if moment.tzinfo is None:
        return f"{moment.isoformat(sep=' ')} without a time zone"
    return moment.astimezone(zone).isoformat(sep=" ", timespec="seconds")
