"""What a caller keys in where an application asks for digits."""

import re
from datetime import datetime

from prodtest_assets.caller import spoken, wordings, wordings_menu
from prodtest_assets.caller.questions import Kind
from prodtest_assets.caller.spoken import Facts

KINDS = frozenset({Kind.PHONE, Kind.DURATION, Kind.DAY, Kind.MONTH, Kind.YEAR, Kind.TIME, Kind.MINUTE})
"""What can be keyed in."""
_KEYS_OF_FULL_DATE, _KEYS_OF_SHORT_DATE, _KEYS_OF_TIME = 8, 6, 4
_PARTS = {"month": "%m", "mm": "%m", "day": "%d", "dd": "%d", "year": "%Y", "yyyy": "%Y", "yy": "%y"}
_FORMAT = re.compile(r"\b(?:mm|dd|yyyy|yy)(?:\W?(?:mm|dd|yyyy|yy))+\b")
_PART = re.compile(r"(mm|dd|yyyy|yy|month|day|year)(?: of the month)?")
_DAY_OF_MONTH = re.compile(r"day of the month|digits?|\b31\b")
_NAME_OF_CLOCK = re.compile(r"\b(?:24|twenty[- ]four|12|twelve)[- ]hours?\b")


def keys(kind: Kind, heard: str, facts: Facts, most: int | None, *, again: bool) -> str | None:
    """The keys that answer a question; None when it is not clear which.

    Args:
        kind: what is asked.
        heard: in which words, as `questions.sentences` gives them, joined.
        facts: what the caller knows.
        most: how many keys the application takes; None for any number.
        again: the same was asked just before, and its answer was not taken.
    """
    digits = {
        Kind.PHONE: facts.number[-4:] if wordings.LAST_FOUR.search(heard) else spoken.number_keys(facts.number, most),
        Kind.DURATION: str(facts.duration_min),
        Kind.DAY: _date(heard, facts.start, most),
        Kind.MONTH: f"{facts.start:%m}",
        Kind.YEAR: f"{facts.start:%Y}"[-(most or 4) :],
        Kind.TIME: _time(heard, facts.start, most, again=again),
        Kind.MINUTE: f"{facts.start:%M}",
    }.get(kind, "")
    return digits if digits and (most is None or len(digits) <= most) else None


def _date(heard: str, start: datetime, most: int | None) -> str:
    """The parts of the date in the order in which they are asked."""
    written = _FORMAT.search(heard)
    parts = list(dict.fromkeys(_PARTS[part] for part in _PART.findall(written[0] if written else heard)))
    if parts == ["%d"]:
        return f"{start:%d}" if _DAY_OF_MONTH.search(heard) else ""
    if not {"%d", "%m"} <= set(parts):
        return ""
    if most == _KEYS_OF_FULL_DATE and "%Y" not in parts:
        parts.append("%Y")
    form = "".join(parts)
    return start.strftime(form.replace("%Y", "%y") if most == _KEYS_OF_SHORT_DATE else form)


def _time(heard: str, start: datetime, most: int | None, *, again: bool) -> str:
    """By the clock of 24 hours, which leaves no doubt, unless the other one is asked for, or this was not taken."""
    asked = _NAME_OF_CLOCK.sub("", heard)
    is_hour = "hour" in asked and not re.search("minute|time", asked)
    if most is None and not wordings_menu.KEYED_IN.search(heard):
        return ""
    of_24 = bool(wordings_menu.CLOCK_OF_24.search(heard)) or not (wordings_menu.CLOCK_OF_12.search(heard) or again)
    hour = f"{start:%H}" if of_24 else f"{start:%I}"
    if is_hour and most != _KEYS_OF_TIME and not wordings_menu.FOUR_DIGITS.search(heard):
        return hour if of_24 or "two digits" in heard else hour.lstrip("0")
    return f"{hour}{start:%M}"
