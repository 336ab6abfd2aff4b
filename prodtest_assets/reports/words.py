"""Instants, sizes and ages as people read them, alike in every report."""

from datetime import UTC, datetime, timedelta

from prodtest_assets.testdata.models import Staleness

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_STEP = 1024
_HOURS_SHOWN_AS_HOURS = 72


def instant(moment: datetime | None) -> str:
    """A moment in UTC to the second: `2026-11-23 14:00:05 UTC`; `none` for None."""
    return "none" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def size(number: int | None) -> str:
    """Bytes: `512 bytes`, `12.3 MB` (1 MB is 1024 kB); `unknown` for None."""
    if number is None:
        return "unknown"
    amount, unit = float(number), 0
    while amount >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{number} bytes"


def staleness(stale: Staleness) -> str:
    """Rows older than the retention by what becomes of them: `3 (1 may go, 0 held, 2 in doubt)`."""
    kept = f", {stale.blocked:,} kept by other tables" if stale.blocked else ""
    return f"{stale.total:,} ({stale.eligible:,} may go, {stale.held:,} held, {stale.suspect:,} in doubt{kept})"


def age(span: timedelta | None) -> str:
    """How old something is: `40 min`, `30 h`, `12 d`; `in 2 h` for what lies in the future, `unknown` for None."""
    if span is None:
        return "unknown"
    if span < timedelta():
        return f"in {age(-span)}"
    minutes = int(span.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < _HOURS_SHOWN_AS_HOURS else f"{hours // 24} d"
