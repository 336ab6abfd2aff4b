"""Menus: which keys a prompt offers, and which of them leads to the wanted booking."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from prodtest_assets.caller import named, wordings_menu
from prodtest_assets.caller.figures import in_figures
from prodtest_assets.caller.spoken import Facts

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_REMEMBERED = 512
_FEWEST_OF_A_LIST = 2
_DIGIT = {word: str(digit) for digit, word in enumerate(_WORDS)} | {"star": "*", "asterisk": "*"}
_DIGIT |= {"pound": "#", "hash": "#"}
# Not the digit of "9:30", "9 AM" or "one hour".
_NO_QUANTITY = r"\b(?![:.]?\d|\s*(?:am|pm|o'clock|minutes?|hours?)\b)"
_KEY = rf"(?<![:\d])(?P<key>[0-9]|{'|'.join(_DIGIT)}){_NO_QUANTITY}"
_VERB = r"\b(?:press|dial|hit|push|enter|choose|select|say|type|key in|option)(?:ing)?\s+"
_PREFIX = r"(?:or (?:say|press)\s+)?(?:the\s+)?(?:(?:key|number|option|digit|button)\s+)?"
_SUFFIX = (
    r"(?:\s*(?:key|button|sign)\b)?(?:,?\s*or say \w+)?"
    r"(?:\s*(?:now|at any ?time|followed by (?:the )?\w+(?: key)?|(?:on|using) your (?:\w+ )?(?:key ?pad|phone))\b)?"
)
# "1 to 5" is a range.
_MEANS = rf"(?:,?\s*(?:to(?!\s+(?:\d|{'|'.join(_WORDS)})\b)|for|if|is|means)\s+|\s*[:=]\s*|\s+-+\s+)"
_CLAUSE = r"(?:^|[.,;:!?]\s*|\b(?:and|or)\s+)(?:please\s+)?(?:to|for|if)\s+"

_NUMBERED = re.compile(rf"(?:^|(?<=[.!?:] )){_KEY}\.\s+(?=\w)")
_PRESSED = re.compile(_VERB + _PREFIX + _KEY + _SUFFIX)
_LABEL_FIRST = re.compile(rf"{_CLAUSE}[^.;!?]*?{_VERB}{_PREFIX}{_KEY}")
_LABEL_BEGINS = re.compile(_CLAUSE)
_KEY_FIRST = re.compile(rf"(?:{_VERB})?{_PREFIX}{_KEY}{_SUFFIX}{_MEANS}|\boption\s+{_KEY.replace('key', 'option')},\s*")
_LISTED = re.compile(rf"(?:^|(?<=: )){_KEY.replace('key', 'first')}(?:,\s+|{_MEANS})|{_KEY}{_MEANS}")
_KEY_LAST = re.compile(rf"(?:(?:to|for|if)\s+)?(?P<label>[^,;:]{{3,60}}),\s+{_KEY}[.!]?")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_LINK = r"(?:[\s,;:-]|\b(?:and|or|then|please|simply|just|you (?:can|may))\b)*"
_LINK_BEFORE, _LINK_AFTER = re.compile(_LINK + "$"), re.compile("^" + _LINK)
_SOMETHING_ELSE = re.compile(
    r",?\s+(?:or|and|otherwise,?)\s+(?:(?:please|simply|just|you (?:can|may))\s+)*"
    r"(?:say|tell|state|stay|hold|wait|hang up|remain|enter|type)\b"
)
_REQUEST = re.compile(r"\b(?:say|state|spell|enter|tell|type|record|leave)\b")
_SAID = re.compile(rf"\bsay\s+(?:option\s+|number\s+|or press\s+)?{_KEY}|\bpress or say\b")


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
    return _read(heard)[0]


def without_menu(heard: str) -> str:
    """The prompt without the clauses that offer keys, so that a question beside a menu is seen.

    Args:
        heard: as in `options`.
    """
    return _read(heard)[1]


def is_a_question(offered: tuple[Option, ...]) -> bool:
    """Whether a key must be chosen; a lone way out ("press 0 for the operator") may be passed over."""
    return any(not _leads_away(option) for option in offered)


def is_yes_or_no(offered: tuple[Option, ...]) -> bool:
    """Whether the keys stand for yes and no, so that the question beside them decides."""
    return any(wordings_menu.YES_OR_NO_LABEL.search(option.label) for option in offered)


def may_be_said(heard: str) -> bool:
    """Whether the keys may be said: "say one to book"."""
    return bool(_SAID.search(heard))


def word(key: str) -> str:
    """How a key is said."""
    return _WORDS[int(key)] if key.isdigit() else key


def choose(offered: tuple[Option, ...], facts: Facts, *, declining: bool, ending: bool) -> Option | None:
    """The option that a caller who wants to book takes; None when none is right.

    Where the keys stand for days, times or lengths, only the caller's own one is right, or the one for more of them.

    Args:
        offered: what `options` found.
        facts: the caller's wish.
        declining: no is the answer, as to another time than the wanted one, which must not be booked.
        ending: the booking is made.
    """
    if declining:
        return _first(offered, wordings_menu.DECLINES) or way_back(offered)
    wanted = [option for option in offered if not _leads_away(option)]
    if ending:
        return _first(offered, wordings_menu.ENDS) or _first(wanted, wordings_menu.AFFIRMS)
    verdicts = [(option, named.all_are(option.label, facts)) for option in wanted]
    if any(mine is not None for _, mine in verdicts):
        return next((option for option, mine in verdicts if mine), None) or way_back(offered)
    ranks = (wordings_menu.NEW_BOOKING, wordings_menu.AFFIRMS, wordings_menu.BOOKS, wordings_menu.ENGLISH)
    by_rank = (_first(wanted, rank) for rank in ranks)
    return next((option for option in by_rank if option), None) or _without_extras(offered)


def _without_extras(offered: tuple[Option, ...]) -> Option | None:
    """The way past a reminder, a survey and the like."""
    return _first(offered, wordings_menu.DECLINES) if _first(offered, wordings_menu.EXTRAS) else None


def way_back(offered: tuple[Option, ...]) -> Option | None:
    """The option by which a caller takes back what they said; None when there is none."""
    return _first(offered, wordings_menu.CHANGES)


def _leads_away(option: Option) -> bool:
    """Whether it leads elsewhere; "to book or change an appointment" leads to a booking too."""
    return bool(wordings_menu.LEADS_AWAY.search(option.label)) and not any(
        wordings_menu.BEGINS_TO_BOOK.search(part) and not wordings_menu.LEADS_AWAY.search(part)
        for part in re.split(r",? or (?:to )?", option.label)[:-1]
    )


def _first(offered: Iterable[Option], pattern: re.Pattern[str]) -> Option | None:
    return next((option for option in offered if pattern.search(option.label)), None)


@lru_cache(maxsize=_REMEMBERED)
def _read(heard: str) -> tuple[tuple[Option, ...], str]:
    """The options of all sentences, and what the sentences say beside them."""
    found: list[tuple[str, str]] = []
    listed: list[tuple[str, str]] = []
    outside: list[str] = []
    unlisted: list[str] = []
    for sentence in _SENTENCE_END.split(_NUMBERED.sub(r"\g<key>: ", heard)):
        pairs, rest = _of_sentence(sentence, outside)
        in_list, heading = ([], rest) if pairs else _of_list(sentence)
        found += pairs
        listed += in_list
        outside.append(rest)
        unlisted.append(heading)
    if len(listed) >= _FEWEST_OF_A_LIST or (found and listed):
        found, outside = found + listed, unlisted
    return _with_units(found), " ".join(filter(None, outside))


def _of_sentence(sentence: str, before: list[str]) -> tuple[list[tuple[str, str]], str]:
    """Keys and labels of a sentence, and its rest. A bare "Press 1." stands for the sentence before it."""
    first = _PRESSED.search(sentence)
    if not first:
        return [], sentence
    rest = _LINK_BEFORE.sub("", sentence[: first.start()])
    is_digit = first["key"] not in _DIGIT or first["key"] in _WORDS
    is_label = rest and is_digit and not _REQUEST.search(rest) and not _KEY_FIRST.match(sentence, first.start())
    if _LABEL_FIRST.search(sentence) or is_label:
        return _labels_first(sentence)
    pairs, something_else = _keys_first(sentence)
    if pairs:
        return pairs, " ".join(filter(None, [rest, something_else]))
    if not rest and before and is_digit and before[-1].endswith(("?", ".")):
        return [(first["key"], before.pop())], ""
    return [], sentence


def _keys_first(sentence: str) -> tuple[list[tuple[str, str]], str]:
    """Keys and labels of "press 0 for the operator, or say your name", and what may be done instead."""
    keys = list(_KEY_FIRST.finditer(sentence))
    if not keys:
        return [], ""
    ends = [key.start() for key in keys[1:]] + [len(sentence)]
    pairs = [(key["key"] or key["option"], sentence[key.end() : end]) for key, end in zip(keys, ends, strict=True)]
    instead = _SOMETHING_ELSE.search(sentence, keys[0].end())
    return pairs, _LINK_AFTER.sub("", sentence[instead.start() :]) if instead else ""


def _labels_first(sentence: str) -> tuple[list[tuple[str, str]], str]:
    found, begin, rest = [], 0, ""
    for pressed in _PRESSED.finditer(sentence):
        before = sentence[begin : pressed.start()]
        clause = _LABEL_BEGINS.search(before) or re.search(r"\b(?:to|for|if)\s+", before)
        if clause and not begin:
            rest = _LINK_BEFORE.sub("", before[: clause.start()])
        label = _LINK_AFTER.sub("", before[clause.end() if clause else 0 :])
        if label:
            found.append((pressed["key"], label))
        begin = pressed.end()
    return found, rest


def _of_list(sentence: str) -> tuple[list[tuple[str, str]], str]:
    """A list without verbs, and its heading: "1 for visits, 2 for billing." or "One, book a visit." or "Visits, 1." """
    if last := _KEY_LAST.fullmatch(sentence):
        return [(last["key"], last["label"])], ""
    keys = list(_LISTED.finditer(sentence))
    if not keys or not keys[0]["first"]:
        return [], sentence
    ends = [key.start() for key in keys[1:]] + [len(sentence)]
    pairs = [(key["first"] or key["key"], sentence[key.end() : end]) for key, end in zip(keys, ends, strict=True)]
    return pairs, sentence[: keys[0].start()]


def _with_units(found: list[tuple[str, str]]) -> tuple[Option, ...]:
    """The options with clean labels; in "1 for 30, 2 for 60 minutes" both are minutes."""
    offered = [
        Option(_DIGIT.get(key, key), _LINK_BEFORE.sub("", _SOMETHING_ELSE.split(label)[0].strip(" ,.;:!?-")))
        for key, label in found
    ]
    if any(named.minutes(option.label) for option in offered):
        offered = [
            replace(option, label=f"{option.label} minutes") if in_figures(option.label).isdigit() else option
            for option in offered
        ]
    return tuple(offered)
