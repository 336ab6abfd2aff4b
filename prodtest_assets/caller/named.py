"""Days, times of day, lengths, numbers and names that a prompt mentions, compared with the caller's own."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain

from prodtest_assets.caller import spoken, wordings_told
from prodtest_assets.caller.figures import DAY_NAMES, MONTH_NAMES, in_figures
from prodtest_assets.caller.spoken import Facts

_CLOCKS = (
    re.compile(r"\b(\d{1,2})(?::(\d{2}))?\s*([ap])m\b"),
    re.compile(r"\b(\d{1,2}):(\d{2})()(?!\s*[ap]m\b)"),
    re.compile(
        r"\b(?:at|about|from) (\d{1,2})()()(?=[?.,!]|$| (?:on|instead|works?|would|okay|ok|for|with|then|to|until)\b)"
    ),
)
_NOON = re.compile(r"\bnoon\b|\bmidday\b")
_WEEKDAY = re.compile(rf"\b({DAY_NAMES})s?\b")
_MONTH, _DAY = f"(?P<month>{MONTH_NAMES})", r"(?P<day>\d{1,2})"
_YEAR = r"(?:,? (?P<year>20\d\d))?(?!\d)"
_DATES = (
    re.compile(rf"\b{_MONTH} (?:the )?{_DAY}(?:st|nd|rd|th)?\b(?![:.]\d| ?[ap]m){_YEAR}"),
    re.compile(rf"\b{_DAY}(?:st|nd|rd|th)?(?: day)?(?: of)?[ -]{_MONTH}\b{_YEAR}"),
    re.compile(
        rf"\bthe {_DAY}(?:st|nd|rd|th)(?=[,.?!]|$| (?:at|for|or|and|works?|is|press|okay)\b)(?P<month>)(?P<year>)"
    ),
    re.compile(
        rf"\b(?:{DAY_NAMES}),? (?:the )?{_DAY}(?:st|nd|rd|th)\b"
        rf"(?! (?:day )?(?:of )?(?:{MONTH_NAMES}))(?P<month>)(?P<year>)"
    ),
    re.compile(rf"\b(?P<year>20\d\d)[-/](?P<month>\d\d)[-/]{_DAY}\b"),
    re.compile(rf"\b(?!24/7)(?P<month>\d{{1,2}})/{_DAY}(?:/(?P<year>\d+))?\b"),
)
_DAYS_AHEAD = {"today": 0, "tomorrow": 1}
_RELATIVE = re.compile(r"\b(?:(today)(?= at \d)|(?<!day after )(tomorrow))\b")
_HALF = re.compile(r"(?<!\bi )\b([ap])m\b(?! (?:i|speaking|calling)\b)")
_PART = re.compile(r"\b(?<!good )(?<!this )(morning|afternoon|evening)s?\b")
_MINUTES = re.compile(r"\b(\d{1,3})[- ]?min(?:ute)?s?\b")
_LENGTHS = {
    r"\b(?:an|1)[- ](?:and a half hours?|hour and a half)\b": 90,
    r"\b(?:half an hour|half[- ]hour)\b": 30,
    r"\b3 quarters of an hour\b": 45,
    r"\b(?:quarter of an hour|quarter[- ]hour)\b": 15,
    r"\b2[- ]hours?\b": 120,
    r"\b(?:an hour|1[- ]hour|full hour)\b": 60,
}
_NUMBER_OF_PHONE = re.compile(r"(?<![\d-])(?!20\d\d-\d\d-)\+?(?:\d[\s().-]{0,2}){7,15}(?![\d:])")
_NAME = re.compile(r" ?((?:[a-z'-]+ ?){1,3}?)(?=[,.?!]| (?:for|on|at|is|correct|right)\b|$)")
_GREETED = re.compile(
    r"\b(?i:got it|got|heard|thank you|thanks|okay|ok|great|perfect|welcome back),? "
    r"((?:[A-Z][a-z'-]+ ){1,2}[A-Z][a-z'-]+)(?=[.,?!])"
)
_SPELLED = re.compile(r"\b[a-z](?:[ ,.-]+[a-z]\b){2,}")
_LETTERS_OF_ABBREVIATION = 3
_LAST_DIGITS = re.compile(r"\bend(?:s|ing) (?:in |with )?((?:\d[\s-]?){2,4})")
_ANY_VALUE = re.compile(rf"\d|{DAY_NAMES}|{MONTH_NAMES}|[ap]m\b|noon|midday|tomorrow|morning|afternoon|evening|hour")
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
def mentions(text: str, facts: Facts, scripted: str = "") -> Mentions:
    """Compare everything a text mentions with what the caller knows.

    Args:
        text: as `questions.sentences` gives it, in lower case.
        facts: what the caller knows.
        scripted: what a call script made the caller say, in lower case; its words are names, too.
    """
    own = facts.name.lower().split()
    names = tuple(_is_name(found, own, scripted) for found in _names(text, own))
    text = in_figures(text)
    if not _ANY_VALUE.search(text):
        return replace(_NOTHING, names=names) if names else _NOTHING
    start, digits = facts.start, re.sub(r"\D", "", facts.number)
    text = text.replace(" in the morning", " am").replace(" in the afternoon", " pm")
    phones = (re.sub(r"\D", "", found) for found in _NUMBER_OF_PHONE.findall(text))
    ends = (re.sub(r"\D", "", found) for found in _LAST_DIGITS.findall(text))
    halves = tuple(named == spoken.half(start)[0].lower() for named in _HALF.findall(text))
    return Mentions(
        weekdays=tuple(named == spoken.DAYS[start.weekday()].lower() for named in _WEEKDAY.findall(text)),
        dates=tuple(_is_date(found, facts) for found in _dates(text)) + _relative_dates(text, facts),
        times=_times(text, facts),
        parts=halves + tuple(named == spoken.part_of_day(start) for named in _PART.findall(text)),
        lengths=tuple(named == facts.duration_min for named in minutes(text)),
        numbers=tuple(digits.endswith(named[-10:]) or digits[-10:] in named for named in chain(phones, ends)),
        names=names,
    )


def minutes(text: str) -> frozenset[int]:
    """Every length in `text`, in minutes.

    Args:
        text: as `questions.sentences` gives it, in lower case.
    """
    text = in_figures(text)
    named = {int(found) for found in _MINUTES.findall(text)}
    for pattern, length in _LENGTHS.items():
        text, times = re.subn(pattern, " ", text)
        named |= {length} if times else set()
    return frozenset(named)


def all_are(text: str, facts: Facts) -> bool | None:
    """Whether everything that `text` names is the caller's own; None when it names nothing."""
    verdicts = tuple(chain(*mentions(text, facts).by_kind()))
    return all(verdicts) if verdicts else None


def greets_another(prompt: str, facts: Facts, scripted: str) -> bool:
    """Whether somebody else's full name is read back.

    Args:
        prompt: as it was said, since capitals tell a name from other words.
        facts: what the caller knows.
        scripted: as in `mentions`.
    """
    own = set(re.findall(r"[\w'-]+", f"{facts.name.lower()} {scripted}"))
    greeted = (name.lower() for name in _GREETED.findall(prompt))
    return any(own.isdisjoint(name.split()) and not wordings_told.NO_NAME.search(name) for name in greeted)


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
    told_otherwise = [False in verdicts for verdicts in mentions(scripted, facts).by_kind()]
    last: dict[int, tuple[bool, ...]] = {}
    for clause in _CLAUSE_END.split(text):
        if not wordings_told.NO_PROPOSAL.search(clause):
            found = mentions(wordings_told.NOT_MEANT.sub(" ", clause), facts, scripted)
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
    """Every date, each in the fullest form in which it stands there."""
    found: list[re.Match[str]] = []
    for pattern in _DATES:
        found += pattern.finditer(text)
        text = pattern.sub(" ", text)
    return found


def _is_date(found: re.Match[str], facts: Facts) -> bool:
    start, month, day = facts.start, found["month"], int(found["day"])
    if found["year"] and int(found["year"]) not in (start.year, start.year % 100):
        return False
    if month.isdigit():
        return (int(month), day) in ((start.month, start.day), (start.day, start.month))
    return day == start.day and month in ("", spoken.MONTHS[start.month - 1].lower())


def _relative_dates(text: str, facts: Facts) -> tuple[bool, ...]:
    if facts.today is None:
        return ()
    ahead = (facts.start.date() - facts.today).days
    return tuple(ahead == _DAYS_AHEAD[today or tomorrow] for today, tomorrow in _RELATIVE.findall(text))


def _times(text: str, facts: Facts) -> tuple[bool, ...]:
    """For each time of day, whether it is the wanted one; an unsaid AM or PM fits both."""
    named = [found for pattern in _CLOCKS for found in pattern.findall(text)]
    noons = tuple((facts.start.hour, facts.start.minute) == (12, 0) for _ in _NOON.findall(text))
    return noons + tuple(_is_clock(int(hour), int(minute or 0), half, facts.start) for hour, minute, half in named)


def _is_clock(hour: int, minute: int, half: str, start: datetime) -> bool:
    if hour > 12:
        return (hour, minute) == (start.hour, start.minute)
    same_half = not half or half == spoken.half(start)[0].lower()
    return (hour % 12, minute) == (start.hour % 12, start.minute) and same_half


def _is_name(found: str, own: list[str], scripted: str) -> bool:
    """Whether it is the name or a part of it, said or spelled."""
    words = {*own, "".join(own), *re.findall(r"[\w']+", scripted)}
    return set(found.split()) <= words or re.sub("[^a-z]", "", found) in words


def _names(text: str, own: list[str]) -> list[str]:
    """What is said to be a name, what is spelled, and what stands beside a word of the caller's own name."""
    introduced = (_NAME.match(text, lead.end()) for lead in wordings_told.NAMED.finditer(text))
    first, last = re.escape(own[0]), re.escape(own[-1])
    beside = re.finditer(
        rf"\b([a-z'-]+ {last})\b|(?<!dr )(?<!with )\b({first} [a-z'-]+)(?=[,.?!]|$| (?:for|on|at|is)\b)", text
    )
    names = [name[1] for name in introduced if name] + [name[1] or name[2] for name in beside]
    spelled = {found: re.sub("[^a-z]", "", found) for found in _SPELLED.findall(text)}
    return [name for name in names if not wordings_told.NO_NAME.search(name)] + [
        found for found, word in spelled.items() if len(word) > _LETTERS_OF_ABBREVIATION or word in own
    ]
