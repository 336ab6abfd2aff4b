"""What callers mean by what they say: yes or no, their name, a time, a duration."""

import re
from calendar import day_name, month_name
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import parsedatetime

from prodtest_assets.sandbox.hours import DURATIONS

_LONGEST_NAME = 120
_NO = re.compile(r"\b(no|nope|nah|not|never|wrong|incorrect|negative|don'?t|isn'?t)\b", re.IGNORECASE)
_YES = re.compile(r"\b(yes|yeah|yep|yup|correct|right|sure|okay|ok|absolutely|fine)\b", re.IGNORECASE)
_BEFORE_A_NAME = re.compile(
    r"^\s*((hello|hi|yes|well|uh|um|it is|it's|this is|my name is|my name's|i am|i'm|the name is)\b[\s,.]*)+",
    re.IGNORECASE,
)
_NUMBER_WORDS = (
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_MONTHS = tuple(name.lower() for name in month_name[1:])
_WEEKDAYS = tuple(name.lower() for name in day_name)

_HOUR = rf"(?P<hour>\d{{1,2}}|{'|'.join(_NUMBER_WORDS)})"
_MINUTE = r"(?::(?P<minute>\d\d)|\s+(?P<spoken>fifteen|thirty|forty[- ]five))?(?:\s*o'?clock)?"
_HALF_OF_DAY = r"\s*(?P<half>[ap]\.?\s?m\b\.?|in the (?:morning|afternoon))"
_TIMES_OF_DAY = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:at\s+)?(?P<noon>noon|midday)\b",
        rf"\b(?:at\s+)?(?P<quarters>half past|quarter past|quarter to)\s+{_HOUR}\b(?:{_HALF_OF_DAY})?",
        rf"\b(?:at\s+)?{_HOUR}{_MINUTE}{_HALF_OF_DAY}",
        rf"\bat\s+{_HOUR}\b{_MINUTE}",
        rf"\b{_HOUR}(?::(?P<minute>\d\d)\b|\s*o'?clock)",
    )
)
_MINUTES_SAID = {
    "fifteen": 15,
    "thirty": 30,
    "forty-five": 45,
    "half past": 30,
    "quarter past": 15,
    "quarter to": -15,
}
# A bare "at 3" can only be the afternoon: nobody is booked before 8.
_AFTERNOON_BEFORE = 8

# "Monday, November 30 at 2:15 PM" names no length, though numbers of lengths stand in it.
_DAY_OR_HOUR = re.compile(rf"\b({'|'.join((*_MONTHS, *_WEEKDAYS))})\b|\d:\d\d|\b\d{{1,2}}\s*([ap]\.?m\b|o'?clock)")
_DURATIONS_SAID = (
    (re.compile(r"\b(half|half an hour)\b|\bthirty\b|\b30\b"), 30),
    (re.compile(r"\bquarter\b|\bfifteen\b|\b15\b"), 15),
    (re.compile(r"(?<!half )(?<!of )\b(an|one|1|full) hour\b|\bsixty\b|\b60\b"), 60),
)


def yes_or_no(text: str) -> bool | None:
    """True for yes, False for no, None when neither is said. A "no" inside "November" is none."""
    if _NO.search(text):
        return False
    return True if _YES.search(text) else None


def spoken_name(text: str) -> str | None:
    """The name in "my name is Anna Berg", or None when what is left cannot be a name."""
    name = " ".join(_BEFORE_A_NAME.sub("", text).strip(" .,!?").split())
    looks_like_one = bool(name) and all(letter.isalpha() or letter in " '-." for letter in name)
    return name if looks_like_one and len(name) <= _LONGEST_NAME else None


def spoken_duration(text: str) -> int | None:
    """Minutes, one of `DURATIONS`, from speech or from keys; None when it is none or several of them, or a time."""
    keys = text.strip().rstrip("#")
    if keys.isdigit():
        return int(keys) if int(keys) in DURATIONS else None
    words = text.lower()
    if _DAY_OR_HOUR.search(words):
        return None
    meant = {minutes for pattern, minutes in _DURATIONS_SAID if pattern.search(words)}
    return meant.pop() if len(meant) == 1 else None


def spoken_time(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment meant by "Monday, November 23 at 2 PM", or None when day and hour are not both beyond doubt.

    parsedatetime drops what it does not understand ("the day after tomorrow" becomes tomorrow), so the hour
    is read here, and a day that contradicts a word of the caller is no answer.

    Args:
        now: aware; "tomorrow" counts from here.
        zone: where the caller's words are meant.

    Returns:
        An aware moment in `zone`; it may lie in the past or outside the opening hours.
    """
    words = text.lower().replace("’", "'")
    found = next((match for pattern in _TIMES_OF_DAY if (match := pattern.search(words))), None)
    clock = _clock(found.groupdict()) if found else None
    if found is None or clock is None:
        return None
    day = _day(f"{words[: found.start()]} {words[found.end() :]}", now.astimezone(zone))
    return datetime.combine(day, clock, zone) if day else None


def say_time(moment: datetime, *, year: bool = False) -> str:
    """`moment` in the full form that every parser understands, in the moment's own zone."""
    hour = moment.strftime("%I").lstrip("0") + (f":{moment:%M}" if moment.minute else "")
    return f"{moment:%A, %B} {moment.day}{f', {moment.year}' if year else ''} at {hour} {moment:%p}"


def _clock(parts: dict[str, str | None]) -> time | None:
    if parts.get("noon"):
        return time(12)
    said = parts["hour"] or ""
    hour = int(said) if said.isdigit() else _NUMBER_WORDS.index(said) + 1
    half = (parts.get("half") or "").removeprefix("in the ")
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half.startswith(("p", "afternoon")) else 0)
    elif hour < _AFTERNOON_BEFORE:
        hour += 12
    spoken = (parts.get("spoken") or parts.get("quarters") or "").replace("forty five", "forty-five")
    minutes = int(parts.get("minute") or 0) + _MINUTES_SAID.get(spoken, 0)
    total = hour * 60 + minutes
    return time(*divmod(total, 60)) if minutes < 60 and 0 <= total < 24 * 60 else None


def _day(words: str, today: datetime) -> date | None:
    words = re.sub(r"\b(?:the )?day after tomorrow\b", f"{today + timedelta(days=2):%Y-%m-%d}", words)
    words = re.sub(r"\b(\d{1,2})(?:st|nd|rd|th)\b", r"\1", words)
    words = re.sub(rf"\b(\d{{1,2}}) (?:of )?({'|'.join(_MONTHS)})\b", r"\2 \1", words)
    words = re.sub(r"\b(?:this|on|the|for|maybe|please)\b|[,.]", " ", words)
    if re.search(r"\b(weeks?|after|before|from|past)\b", words):
        return None
    moment, found = _parser().parseDT(" ".join(words.split()), sourceTime=today.replace(tzinfo=None))
    day: date = moment.date()
    return day if found.hasDate and _agrees(words, day) else None


def _agrees(words: str, day: date) -> bool:
    weekdays = [name for name in _WEEKDAYS if re.search(rf"\b{name}\b", words)]
    months = [name for name in _MONTHS if re.search(rf"\b{name}\b", words)]
    numbers = {int(number) for number in re.findall(r"(?<![\d-])\d{1,2}(?![\d-])", words)}
    years = {int(number) for number in re.findall(r"(?<!\d)\d{4}(?!\d)", words)}
    in_days = re.search(r"\bin \d+ days?\b", words)
    return (
        all(name == _WEEKDAYS[day.weekday()] for name in weekdays)
        and all(name == _MONTHS[day.month - 1] for name in months)
        and (bool(in_days) or numbers <= {day.day})
        and years <= {day.year}
    )


@cache
def _parser() -> parsedatetime.Calendar:
    return parsedatetime.Calendar(version=parsedatetime.VERSION_CONTEXT_STYLE)
