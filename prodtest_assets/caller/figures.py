"""Numbers, dates and times of day as they are spoken or abbreviated, written in the one form that is read.

Texts are in lower case, with single spaces.
"""

import re
from functools import lru_cache

from prodtest_assets.caller import spoken

DAY_NAMES = "|".join(spoken.DAYS).lower()
MONTH_NAMES = "|".join(spoken.MONTHS).lower()
_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NTH = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
)  # fmt: skip
_COUNTED = 5
"""The first five of anything are counted; they are days only beside a month or a weekday."""
_VALUES = (
    {word: number for number, word in enumerate(("zero", *_ONES, *_TEENS))}
    | {word: number for number, word in enumerate(_NTH, start=1)}
    | {word: 10 * ten for ten, word in enumerate(_TENS, start=2)}
    | {"twentieth": 20, "thirtieth": 30, "half": 30, "a quarter": 15, "quarter": 15}
)
_UNITS, _SMALL = "|".join(_ONES), "|".join(("zero", *_ONES, *_TEENS))
_UNIT_DAYS, _EARLY_DAYS = "|".join(_NTH[:9]), "|".join(_NTH[:_COUNTED])
_LATER_DAYS = "|".join((*_NTH[_COUNTED:], "twentieth", "thirtieth"))


def _sum(found: re.Match[str]) -> str:
    return str(sum(_VALUES[word] for word in found.groups() if word))


def _day(found: re.Match[str]) -> str:
    return f"{_sum(found)}th"


def _day_after(found: re.Match[str]) -> str:
    return f"{found[1]} the {_VALUES[found[2]]}th"


def _joined(found: re.Match[str]) -> str:
    return re.sub(r"\D", "", found[0])


def _past(found: re.Match[str]) -> str:
    minutes, hour = _VALUES.get(found[1]) or int(found[1]), int(found[3])
    return f"{(hour + 10) % 12 + 1}:{60 - minutes:02}" if found[2] == "to" else f"{hour}:{minutes:02}"


_SHORT_MONTHS = "|".join([month[:3].lower() for month in spoken.MONTHS] + ["sept"])
_SHORT_DAYS = "|".join([day[:3].lower() for day in spoken.DAYS] + ["tues", "weds", "thur", "thurs"])
_DAY_FOLLOWS = rf"(?=,? (?:the )?(?:\d|twenty|thirtieth|{'|'.join(_NTH)}))"
_SHORT = (
    re.compile(rf"\b({_SHORT_MONTHS})\b\.?{_DAY_FOLLOWS}"),
    re.compile(rf"(?:(?<=\d[ -])|(?<=\d[snrt][tdh] ))({_SHORT_MONTHS})\b"),
    re.compile(rf"\b({_SHORT_DAYS})\b\.?(?=,? (?:(?:the |at )?\d|(?:{MONTH_NAMES})\b))"),
)
_FULL = {name[:3].lower(): name.lower() for name in (*spoken.MONTHS, *spoken.DAYS)}
_HOUR, _MINUTES = r"([01]?\d|2[0-3])", r"([0-5]\d)"
_TIME_ENDS = r"\b(?=[.,?!]|$| (?:on|for|in)\b)"
_FIGURES = (
    (re.compile(rf"\b(twenty|thirty)[- ]({_UNIT_DAYS})\b"), _day),
    (re.compile(rf"\b({DAY_NAMES}|{MONTH_NAMES}),? (?:the )?({_EARLY_DAYS})\b"), _day_after),
    (re.compile(rf"\b({_EARLY_DAYS})(?= (?:day )?of (?:{MONTH_NAMES})\b)"), _day),
    (re.compile(rf"\b({_LATER_DAYS})\b"), _day),
    (re.compile(rf"\b({'|'.join(_TENS)})(?:[- ]({_UNITS}))?\b"), _sum),
    (re.compile(rf"\b({_SMALL})\b"), _sum),
    (re.compile(rf"\b{_HOUR} oh (\d)(?= ?[ap]m\b)"), r"\1:0\2"),
    (re.compile(r"\bdouble (\d|oh)\b"), r"\1 \1"),
    (re.compile(r"\btriple (\d)\b"), r"\1 \1 \1"),
    (re.compile(r"\boh(?= \d| oh)"), "0"),
    (re.compile(r"\b(\d) (\d) (\d) (\d)(?= ?[ap]m\b)"), r"\1\2:\3\4"),
    (re.compile(r"\b(\d\d?)[ .-](\d\d?)[ .-](20\d\d)\b"), r"\1/\2/\3"),
    (re.compile(r"\b\d(?:[ ,.-]{1,2}\d\b){6,}|\b\d{3}, \d{3}, \d{4}\b"), _joined),
    (re.compile(rf"\b(half|a quarter|quarter|\d\d?(?= past| minutes))(?: minutes)? (past|to) {_HOUR}\b"), _past),
    (re.compile(rf"\b{_HOUR} o'clock\b"), r"\1:00"),
    (re.compile(rf"\b{_HOUR} hundred(?: hours)?\b"), r"\1:00"),
    (re.compile(rf"\b{_HOUR}[ .]{_MINUTES}(?= ?[ap]m\b)"), r"\1:\2"),
    (re.compile(rf"\b([01]\d|2[0-3]) ?{_MINUTES}(?= (?:hours|hrs)\b)"), r"\1:\2"),
    (re.compile(rf"(?:(?<=\bat )|(?<=entered )|(?<=\d\d\d\d, )){_HOUR}[ .]{_MINUTES}{_TIME_ENDS}"), r"\1:\2"),
    (re.compile(rf"(?<=\bat )([01]\d|2[0-3]){_MINUTES}{_TIME_ENDS}"), r"\1:\2"),
)
_REMEMBERED = 2048


def unabbreviated(text: str) -> str:
    """The text with `mon, nov. 23` written as `monday, november 23`, so that their full stops end no sentence.

    Args:
        text: what was heard.
    """
    for pattern in _SHORT:
        text = pattern.sub(lambda found: _FULL[found[1][:3]], text)
    return text


@lru_cache(maxsize=_REMEMBERED)
def in_figures(text: str) -> str:
    """The text with its numbers in digits: `the 23th of november at 2:30 pm` for `... twenty-third ... half past two`.

    Args:
        text: without abbreviations.
    """
    for pattern, figure in _FIGURES:
        text = pattern.sub(figure, text)
    return text
