"""Days, times of day and lengths that a prompt names, compared with the wanted ones."""

import re
from datetime import datetime

from prodtest_assets.caller import spoken

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_HOUR_WORDS = {word: hour for hour, word in enumerate(_WORDS, start=1)}
_PAST_WORDS = {"fifteen": "15", "quarter": "15", "half": "30", "thirty": "30", "forty-five": "45", "forty five": "45"}
_HOUR = rf"\b(\d{{1,2}}|{'|'.join(_WORDS)})"
_CLOCKS = (
    re.compile(rf"{_HOUR}(?::(\d{{2}})| ({'|'.join(_PAST_WORDS)}))?\s*([ap])m\b"),
    re.compile(r"\b(\d{1,2}):(\d{2})()()(?!\s*[ap]m)\b"),
    re.compile(rf"{_HOUR}()() o'clock()"),
)
_PAST_HOUR = re.compile(rf"\b(half|quarter) past {_HOUR}")
_NOON = re.compile(r"\bnoon\b|\bmidday\b")
_WEEKDAY = re.compile(r"\b(?:" + "|".join(spoken.DAYS).lower() + r")\b")
_DATE = re.compile(r"\b(" + "|".join(spoken.MONTHS).lower() + r") (?:the )?(\d{1,2})(?:st|nd|rd|th)?\b")
_HALF = re.compile(r"(?<!\bi )\b([ap])m\b")
_PART = re.compile(r"\b(morning|afternoon|evening)s?\b")
_MINUTES = re.compile(r"\b(\d{1,3})[- ]?min(?:ute)?s?\b")
_LENGTHS = {
    r"\b(?:an|one|1)[- ](?:and a half hours?|hour and a half)\b": 90,
    r"\b(?:half an hour|half[- ]hour|thirty minutes)\b": 30,
    r"\b(?:three quarters of an hour|forty[- ]five minutes)\b": 45,
    r"\b(?:quarter of an hour|quarter hour|fifteen minutes)\b": 15,
    r"\b(?:two|2)[- ]hours?\b": 120,
    r"\b(?:sixty minutes|an hour|(?:one|1)[- ]hour|full hour)\b": 60,
}


def minutes(text: str) -> frozenset[int]:
    """Every length in `text`, in minutes.

    Args:
        text: as `questions.sentences` gives it, in lower case.
    """
    named = {int(found) for found in _MINUTES.findall(text)}
    for pattern, length in _LENGTHS.items():
        text, times = re.subn(pattern, " ", text)
        named |= {length} if times else set()
    return frozenset(named)


def times_are(text: str, start: datetime) -> tuple[bool, ...]:
    """For each time of day in `text`, whether it is that of `start`; an unsaid AM or PM fits both."""
    named = [found for pattern in _CLOCKS for found in pattern.findall(text)]
    named += [(hour, "", past, "") for past, hour in _PAST_HOUR.findall(text)]
    noons = tuple((start.hour, start.minute) == (12, 0) for _ in _NOON.findall(text))
    return noons + tuple(_is_clock(hour, minute or past, half, start) for hour, minute, past, half in named)


def days_are(text: str, start: datetime) -> tuple[bool, ...]:
    """For each weekday and each date in `text`, whether it is that of `start`."""
    weekday, month = spoken.DAYS[start.weekday()].lower(), spoken.MONTHS[start.month - 1].lower()
    weekdays = tuple(named == weekday for named in _WEEKDAY.findall(text))
    return weekdays + tuple(named == (month, str(start.day)) for named in _DATE.findall(text))


def all_are(text: str, start: datetime, duration_min: int) -> bool | None:
    """Whether every day, time, part of the day and length in `text` is the wanted one; None when it names none."""
    lengths = tuple(named == duration_min for named in minutes(text))
    halves = tuple(named == spoken.half(start)[0].lower() for named in _HALF.findall(text))
    parts = tuple(named == spoken.part_of_day(start) for named in _PART.findall(text))
    verdicts = days_are(text, start) + times_are(text, start) + lengths + halves + parts
    return all(verdicts) if verdicts else None


def _is_clock(hour: str, past: str, half: str, start: datetime) -> bool:
    minute = int(_PAST_WORDS.get(past, past) or 0)
    number = _HOUR_WORDS.get(hour) or int(hour)
    if number > 12:
        return (number, minute) == (start.hour, start.minute)
    same_half = not half or half == spoken.half(start)[0].lower()
    return (number % 12, minute) == (start.hour % 12, start.minute) and same_half
