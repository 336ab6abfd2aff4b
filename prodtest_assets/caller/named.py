"""Days, times of day, lengths, numbers and names that a prompt mentions, compared with the caller's own."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from prodtest_assets.caller import spoken, wordings_told
from prodtest_assets.caller.spoken import Facts

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_HOUR_WORDS = {word: hour for hour, word in enumerate(_ONES, start=1)}
_TENS = {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
_NUMBERS = (
    _HOUR_WORDS | _TENS | {f"{ten}{link}five": _TENS[ten] + 5 for ten in ("twenty", "thirty", "forty") for link in " -"}
)
NUMBER = r"\d{1,3}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True))
"""A number up to three digits, in digits or words."""
_PAST_WORDS = {"fifteen": "15", "quarter": "15", "half": "30", "thirty": "30", "forty-five": "45", "forty five": "45"}
_HOUR = rf"\b(\d{{1,2}}|{'|'.join(_ONES)})"
_MINUTE = rf"(?::(\d{{2}})| ({'|'.join(_PAST_WORDS)}))?"
_CLOCKS = (
    re.compile(rf"{_HOUR}{_MINUTE}\s*([ap])m\b"),
    re.compile(r"\b(\d{1,2}):(\d{2})()()(?!\s*[ap]m\b)"),
    re.compile(rf"{_HOUR}()() o'clock()(?! [ap]m)"),
    re.compile(
        rf"\b(?:at|about|from) {_HOUR}()()()(?=[?.,!]|$| (?:on|instead|works?|would|okay|ok|for|then|to|until)\b)"
    ),
)
_PAST_HOUR = re.compile(rf"\b(half|quarter) past {_HOUR}")
_NOON = re.compile(r"\bnoon\b|\bmidday\b")
_WEEKDAY = re.compile(r"\b(" + "|".join(spoken.DAYS).lower() + r")s?\b")
_MONTH = "(?P<month>" + "|".join(spoken.MONTHS).lower() + ")"
_DAY = r"(?P<day>\d{1,2})"
_DATES = (
    re.compile(rf"\b{_MONTH} (?:the )?{_DAY}(?:st|nd|rd|th)?\b"),
    re.compile(rf"\b{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH}\b"),
    re.compile(rf"\bthe {_DAY}(?:st|nd|rd|th)(?=[,.?!]|$| (?:at|for|works?|is|press|okay)\b)(?P<month>)"),
    re.compile(rf"\b20\d\d-(?P<month>\d\d)-{_DAY}\b"),
    re.compile(rf"\b(?!24/7)(?P<month>\d{{1,2}})/{_DAY}(?:/\d+)?\b"),
)
_HALF = re.compile(r"(?<!\bi )\b([ap])m\b(?! (?:i|speaking|calling)\b)")
_PART = re.compile(r"\b(?<!good )(?<!this )(morning|afternoon|evening)s?\b")
_MINUTES = re.compile(rf"\b({NUMBER})[- ]?min(?:ute)?s?\b")
_LENGTHS = {
    r"\b(?:an|one|1)[- ](?:and a half hours?|hour and a half)\b": 90,
    r"\b(?:half an hour|half[- ]hour)\b": 30,
    r"\bthree quarters of an hour\b": 45,
    r"\b(?:quarter of an hour|quarter[- ]hour)\b": 15,
    r"\b(?:two|2)[- ]hours?\b": 120,
    r"\b(?:an hour|(?:one|1)[- ]hour|full hour)\b": 60,
}
_NUMBER_OF_PHONE = re.compile(r"(?<![\d-])(?!20\d\d-\d\d-)\+?(?:\d[\s().-]{0,2}){7,15}(?![\d:])")
_NAME = re.compile(r" ?((?:[a-z'-]+ ?){1,3}?)(?=[,.?!]| (?:for|on|at|is|correct|right)\b|$)")
_LAST_DIGITS = re.compile(r"\bend(?:s|ing) (?:in |with )?((?:\d[\s-]?){2,4})")
_ANY_VALUE = re.compile(
    rf"\d|{'|'.join((*spoken.DAYS, *spoken.MONTHS)).lower()}|{'|'.join(_NUMBERS)}"
    r"|[ap]m\b|noon|midday|past|morning|afternoon|evening|hour"
)
_REMEMBERED = 1024
_CLAUSE_END = re.compile(r"(?<=[.!?])\s+|,? but |;\s+|,? however,? ")


@dataclass(frozen=True, slots=True)
class Mentions:
    """For each thing a text mentions, whether it is the caller's own.

    Attributes:
        weekdays, dates, times: of the wanted start.
        parts: of the day, AM and PM among them.
        lengths: of the appointment.
        numbers: the caller's telephone number, or its end.
        names: the caller's name, or a part of it.
    """

    weekdays: tuple[bool, ...]
    dates: tuple[bool, ...]
    times: tuple[bool, ...]
    parts: tuple[bool, ...]
    lengths: tuple[bool, ...]
    numbers: tuple[bool, ...]
    names: tuple[bool, ...]

    def by_kind(self) -> tuple[tuple[bool, ...], ...]:
        """The verdicts kind by kind."""
        return (self.weekdays, self.dates, self.times, self.parts, self.lengths, self.numbers, self.names)


_NOTHING = Mentions((), (), (), (), (), (), ())


@lru_cache(maxsize=_REMEMBERED)
def mentions(text: str, facts: Facts) -> Mentions:
    """Compare everything a text mentions with what the caller knows.

    Args:
        text: as `questions.sentences` gives it, in lower case.
        facts: what the caller knows.
    """
    if not _ANY_VALUE.search(text) and not wordings_told.NAMED.search(text):
        return _NOTHING
    start, digits = facts.start, re.sub(r"\D", "", facts.number)
    text = text.replace(" in the morning", " am").replace(" in the afternoon", " pm")
    phones = (re.sub(r"\D", "", found) for found in _NUMBER_OF_PHONE.findall(text))
    ends = (re.sub(r"\D", "", found) for found in _LAST_DIGITS.findall(text))
    halves = tuple(named == spoken.half(start)[0].lower() for named in _HALF.findall(text))
    return Mentions(
        weekdays=tuple(named == spoken.DAYS[start.weekday()].lower() for named in _WEEKDAY.findall(text)),
        dates=tuple(_is_date(found["month"], int(found["day"]), facts) for found in _dates(text)),
        times=_times(text, facts),
        parts=halves + tuple(named == spoken.part_of_day(start) for named in _PART.findall(text)),
        lengths=tuple(named == facts.duration_min for named in minutes(text)),
        numbers=tuple(digits.endswith(named[-10:]) or digits[-10:] in named for named in chain(phones, ends)),
        names=tuple(_is_name(found, facts.name.lower()) for found in _names(text)),
    )


def minutes(text: str) -> frozenset[int]:
    """Every length in `text`, in minutes.

    Args:
        text: as `questions.sentences` gives it, in lower case.
    """
    named = {int(_NUMBERS.get(found, found)) for found in _MINUTES.findall(text)}
    for pattern, length in _LENGTHS.items():
        text, times = re.subn(pattern, " ", text)
        named |= {length} if times else set()
    return frozenset(named)


def all_are(text: str, facts: Facts) -> bool | None:
    """Whether every day, time, part of the day and length in `text` is the wanted one; None when it names none."""
    found = mentions(text, facts)
    verdicts = found.weekdays + found.dates + found.times + found.parts + found.lengths
    return all(verdicts) if verdicts else None


def contradicts(text: str, facts: Facts, *, strictly: bool = False, scripted: str = "") -> bool:
    """Whether yes would agree to something else than the caller wants.

    Of each kind of thing (weekdays, times, lengths and so on) the last clause that names any is judged: in
    "2 PM is gone. I have 3 PM." that is 3 PM. What names the wanted one beside others is no contradiction.

    Args:
        text: as `questions.sentences` gives it, joined.
        facts: what the caller knows.
        strictly: one other thing among several is a contradiction.
        scripted: what a call script made the caller say, in lower case; it is theirs, too.
    """
    facts = replace(facts, name=f"{facts.name} {scripted}") if scripted else facts
    told_otherwise = [False in verdicts for verdicts in mentions(scripted, facts).by_kind()]
    last: dict[int, tuple[bool, ...]] = {}
    for clause in _CLAUSE_END.split(text):
        if not wordings_told.NO_PROPOSAL.search(clause):
            found = mentions(wordings_told.NOT_MEANT.sub(" ", clause), facts)
            last |= {kind: verdicts for kind, verdicts in enumerate(found.by_kind()) if verdicts}
    return any(
        not told_otherwise[kind] and not (all(verdicts) if strictly else any(verdicts))
        for kind, verdicts in last.items()
    )


def refuses(text: str, facts: Facts) -> bool:
    """Whether the wanted time is said to be taken; that another one is taken is no refusal."""
    taken = (clause for clause in _CLAUSE_END.split(text) if wordings_told.TAKEN.search(clause))
    return any(all(map(any, filter(None, mentions(clause, facts).by_kind()))) for clause in taken)


def _dates(text: str) -> list[re.Match[str]]:
    return [found for pattern in _DATES for found in pattern.finditer(text)]


def _is_date(month: str, day: int, facts: Facts) -> bool:
    start = facts.start
    if month.isdigit():
        return (int(month), day) in ((start.month, start.day), (start.day, start.month))
    return day == start.day and month in ("", spoken.MONTHS[start.month - 1].lower())


def _times(text: str, facts: Facts) -> tuple[bool, ...]:
    """For each time of day, whether it is the wanted one; an unsaid AM or PM fits both."""
    named = [found for pattern in _CLOCKS for found in pattern.findall(text)]
    named += [(hour, "", past, "") for past, hour in _PAST_HOUR.findall(text)]
    noons = tuple((facts.start.hour, facts.start.minute) == (12, 0) for _ in _NOON.findall(text))
    return noons + tuple(_is_clock(hour, minute or past, half, facts) for hour, minute, past, half in named)


def _is_clock(hour: str, past: str, half: str, facts: Facts) -> bool:
    start = facts.start
    minute = int(_PAST_WORDS.get(past, past) or 0)
    number = _HOUR_WORDS.get(hour) or int(hour)
    if number > 12:
        return (number, minute) == (start.hour, start.minute)
    same_half = not half or half == spoken.half(start)[0].lower()
    return (number % 12, minute) == (start.hour % 12, start.minute) and same_half


def _is_name(found: str, name: str) -> bool:
    """Whether it is the name or a part of it, said or spelled."""
    own = re.findall(r"[\w']+", name)
    return set(found.split()) <= set(own) or re.sub("[ -]", "", found) in (*own, "".join(own))


def _names(text: str) -> list[str]:
    found = (_NAME.match(text, lead.end()) for lead in wordings_told.NAMED.finditer(text))
    return [name[1] for name in found if name and not wordings_told.NO_NAME.search(name[1])]
