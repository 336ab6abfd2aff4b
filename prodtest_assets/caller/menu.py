"""Keypad menus: which keys a prompt offers, and which of them leads to the wanted booking."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from prodtest_assets.caller import named, wordings
from prodtest_assets.caller.spoken import Facts

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_REMEMBERED = 512
_DIGIT = {word: str(digit) for digit, word in enumerate(_WORDS)} | {"star": "*"}
# Not the digit of "9:30", "9 AM" or "one hour".
_NO_QUANTITY = r"\b(?![:.]?\d|\s*(?:am|pm|minutes?|hours?)\b)"
_KEY = rf"(?<![:\d])(?P<key>[0-9]|{'|'.join(_DIGIT)}){_NO_QUANTITY}"
_VERB = r"\b(?:press|dial|hit|push|enter|choose|select|say|type|key in)(?:ing)?\s+"
_PREFIX = r"(?:or say\s+)?(?:the\s+)?(?:key\s+|number\s+|option\s+)?"
_CLAUSE = r"(?:^|[.,;:!?]\s*|\b(?:and|or)\s+)(?:please\s+)?(?:to|for|if)\s+"

_ON_KEYPAD = re.compile(r"\b(?:press|dial|hit|push|select|choose|keypad|enter|type)\b")
_PRESSED = re.compile(_VERB + _PREFIX + _KEY)
_LABEL_FIRST = re.compile(rf"{_CLAUSE}[^.;!?]*?{_VERB}{_PREFIX}{_KEY}")
_LABEL_BEGINS = re.compile(_CLAUSE)
_KEY_FIRST = re.compile(rf"(?:{_VERB})?{_PREFIX}{_KEY}\s*(?:key\s*)?(?:or say \w+\s*)?,?\s*(?:to|for|if|is|=)\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Option:
    """A key and what it stands for, in lower case."""

    key: str
    label: str


@lru_cache(maxsize=_REMEMBERED)
def options(heard: str) -> tuple[Option, ...]:
    """The keys a prompt offers.

    Both orders are read: "press 1 to book, 2 to cancel" and "to book, press 1; to cancel, press 2".

    Args:
        heard: the prompt as `questions.sentences` gives it, joined.
    """
    if not _ON_KEYPAD.search(heard):
        return ()
    found = _labels_first(heard) if _LABEL_FIRST.search(heard) else _keys_first(heard)
    return tuple(Option(_DIGIT.get(key, key), label.strip(" ,.;:!?-")) for key, label in found)


@lru_cache(maxsize=_REMEMBERED)
def without_menu(heard: str) -> str:
    """The prompt without the sentences that only offer keys, so that a question beside a menu is seen."""
    return " ".join(sentence for sentence in _SENTENCE_END.split(heard) if not options(sentence))


def is_a_question(offered: tuple[Option, ...]) -> bool:
    """Whether a key must be chosen; a lone way out ("press 0 for the operator") may be passed over."""
    return any(not wordings.LEADS_AWAY.search(option.label) for option in offered)


def choose(offered: tuple[Option, ...], facts: Facts, *, declining: bool, ending: bool) -> Option | None:
    """The option that a caller who wants to book takes; None when none is right.

    Where the keys stand for days, times or lengths, only the caller's own one is right.

    Args:
        offered: what `options` found.
        facts: the caller's wish.
        declining: another time than the wanted one is offered, which must not be booked.
        ending: the caller is asked whether there is anything else.
    """
    if declining or ending:
        return _first(offered, wordings.DECLINES if declining else wordings.ENDS)
    verdicts = [(option, named.all_are(option.label, facts.start, facts.duration_min)) for option in offered]
    if any(mine is not None for _, mine in verdicts):
        return next((option for option, mine in verdicts if mine), None)
    wanted = [option for option in offered if not wordings.LEADS_AWAY.search(option.label)]
    by_rank = (_first(wanted, rank) for rank in (wordings.AFFIRMS, wordings.BOOKS, wordings.ENGLISH))
    return next((option for option in by_rank if option), None)


def way_back(offered: tuple[Option, ...]) -> Option | None:
    """The option by which a caller takes back what they said; None when there is none."""
    return _first(offered, wordings.CHANGES)


def _first(offered: Iterable[Option], pattern: re.Pattern[str]) -> Option | None:
    return next((option for option in offered if pattern.search(option.label)), None)


def _keys_first(heard: str) -> list[tuple[str, str]]:
    keys = list(_KEY_FIRST.finditer(heard))
    ends = [key.start() for key in keys[1:]] + [len(heard)]
    return [(key["key"], _SENTENCE_END.split(heard[key.end() : end])[0]) for key, end in zip(keys, ends, strict=False)]


def _labels_first(heard: str) -> list[tuple[str, str]]:
    found, begin = [], 0
    for pressed in _PRESSED.finditer(heard):
        before = heard[begin : pressed.start()]
        if clause := _LABEL_BEGINS.search(before) or re.search(r"\b(?:to|for|if)\s+", before):
            found.append((pressed["key"], before[clause.end() :]))
        begin = pressed.end()
    return found
