"""What a prompt asks, in wordings nobody has seen before.

The last sentence that asks anything decides: what stands before it is greeting, thanks and read-back.
What merely mentions a word ("I have your name as ...") asks nothing.
"""

import re
from enum import Enum, auto
from functools import lru_cache

from prodtest_assets.caller import wordings
from prodtest_assets.caller.figures import unabbreviated


class Kind(Enum):
    """What is asked."""

    NAME = auto()
    FIRST_NAME = auto()
    LAST_NAME = auto()
    SPELLING = auto()
    PHONE = auto()
    DAY = auto()
    WEEKDAY = auto()
    MONTH = auto()
    YEAR = auto()
    """Of the appointment, asked apart."""
    MINUTE = auto()
    """Of the hour, asked apart."""
    TIME = auto()
    DAY_AND_TIME = auto()
    PART_OF_DAY = auto()
    AM_OR_PM = auto()
    DURATION = auto()
    OFFER = auto()
    """Which of the days or times that are named."""
    PURPOSE = auto()
    NEW_OR_KNOWN = auto()
    """Whether the caller is new to the place."""
    AGREE = auto()
    """Yes is right: a read-back, or leave to book."""
    DISAGREE = auto()
    """No is right: changes, extras, another call."""
    SAY_CONFIRM = auto()
    """The word `confirm` itself is asked for."""
    READ_BACK = auto()
    """Yes or no, depending on what it reads back."""
    AGAIN = auto()
    """The last answer is to be repeated."""
    NOT_OURS = auto()
    """Something a booking caller does not know."""


_INFORMATION = {
    Kind.SPELLING: wordings.SPELLING,
    Kind.FIRST_NAME: wordings.FIRST_NAME,
    Kind.LAST_NAME: wordings.LAST_NAME,
    Kind.NAME: wordings.NAME,
    Kind.PHONE: wordings.PHONE,
    Kind.DURATION: wordings.DURATION,
    Kind.AM_OR_PM: wordings.AM_OR_PM,
    Kind.PART_OF_DAY: wordings.PART_OF_DAY,
    Kind.WEEKDAY: wordings.WEEKDAY,
    Kind.MONTH: wordings.MONTH,
    Kind.YEAR: wordings.YEAR,
    Kind.MINUTE: wordings.MINUTE,
    Kind.DAY_AND_TIME: wordings.DAY_AND_TIME,
    Kind.DAY: wordings.DAY,
    Kind.TIME: wordings.TIME,
    Kind.PURPOSE: wordings.PURPOSE,
}
_COVERS = {
    Kind.SPELLING: {Kind.NAME, Kind.FIRST_NAME, Kind.LAST_NAME},
    Kind.FIRST_NAME: {Kind.NAME},
    Kind.LAST_NAME: {Kind.NAME},
    Kind.NAME: {Kind.PURPOSE},
    Kind.DAY_AND_TIME: {Kind.DAY, Kind.MONTH, Kind.TIME},
    Kind.DAY: {Kind.MONTH},
    Kind.WEEKDAY: {Kind.DAY},
    Kind.PART_OF_DAY: {Kind.TIME, Kind.DAY, Kind.DAY_AND_TIME},
    Kind.AM_OR_PM: {Kind.TIME},
}
"""Kinds that match by the same words as a more telling one."""
_YES_OR_NO = frozenset({Kind.AGREE, Kind.DISAGREE, Kind.READ_BACK, Kind.NOT_OURS})
_CHOICES = frozenset({Kind.DURATION, Kind.PART_OF_DAY, Kind.AM_OR_PM})
_WISHES = frozenset({Kind.DAY, Kind.TIME, Kind.DAY_AND_TIME, Kind.DURATION, Kind.PART_OF_DAY})
_ALSO = re.compile(
    r"(?:,|/|&|\b(?:and|or|then|plus|with|followed by|as well as))\W*(?:(?!(?:we|i|you|so)\b)\w+\W+){0,3}$"
)
"""What stands between two things that are both asked for."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_EXAMPLE_SENTENCE = re.compile(r"(?:for (?:example|instance)|e\.g\.|such as|you (?:can|could|might) say)\b")
_EXAMPLE_CLAUSE = re.compile(r"[,;:(]?\s*\b(?:for example|for instance|such as|e\.g\.)[^.?!]*|, like [^.?!]*")
_HALF_OF_DAY = re.compile(r"\b([ap])\.\s?m\b\.?")
_TITLE = re.compile(r"\b(mr|mrs|ms|dr|st)\.")
_YES_MEANS = (
    re.compile(r"\b(?:to|if|for)\s+([^.?!]*?),?\s*(?:please )?(?:say|answer|reply) \W?yes\b"),
    re.compile(r"\b(?:say|answer|reply) \W?yes\W? (?:to|for|if)\s+(.*?)(?:,|;|\bor\b|\band say\b|[.?!]|$)"),
)
_REMEMBERED = 512
_LONGEST_PROMPT = 2000
_LONGEST_BARE_QUESTION = 8
_LONGEST_BARE_PHRASE = 5


@lru_cache(maxsize=_REMEMBERED)
def sentences(prompt: str) -> tuple[str, ...]:
    """The prompt's sentences in lower case, with single spaces, examples left out.

    Args:
        prompt: what the caller heard; of a very long one, the end.
    """
    text = " ".join(prompt[-_LONGEST_PROMPT:].lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    text = unabbreviated(_TITLE.sub(r"\1", _HALF_OF_DAY.sub(r"\1m", text)))
    parts = (part for part in _SENTENCE_END.split(text) if not _EXAMPLE_SENTENCE.match(part))
    kept = (_EXAMPLE_CLAUSE.sub("", part).strip() for part in parts)
    return tuple(part for part in kept if part.strip(".,;:!? "))


@lru_cache(maxsize=_REMEMBERED)
def asked(prompt: str) -> tuple[Kind, ...]:
    """What a prompt asks, in the order of its words; empty when it asks nothing.

    Args:
        prompt: what the caller heard since they last spoke.
    """
    may_be_either = False
    parts = sentences(prompt)
    for place, part in reversed(tuple(enumerate(parts))):
        before = parts[:place]
        if wordings.SAYS_YES_OR_NO.search(part) and not _meaning_of_yes(part):
            may_be_either = True
        elif wordings.OTHERWISE.search(part) and any(map(wordings.SAYS_YES_OR_NO.search, before)):
            continue
        elif kinds := _asked_by(part, before):
            if kinds == (Kind.AGAIN,):
                return _information_of(before) or kinds
            return kinds if not may_be_either or kinds[0] in _YES_OR_NO else (Kind.AGREE,)
    return (Kind.AGREE,) if may_be_either else ()


def reads_back(prompt: str) -> bool:
    """Whether it asks if something is right that may be nothing of what the caller wants: "Three people, correct?" """
    *before, question = sentences(prompt)
    is_bare = not before and wordings.ALL_OF_IT.match(question)
    is_about_booking = any(wordings.BOOKING.search(part) for part in (*before, question))
    return bool(wordings.IS_IT_RIGHT.search(question)) and not is_bare and not is_about_booking


def is_unwanted(prompt: str) -> bool:
    """Whether something is to be done that a caller who books would not agree to."""
    return any(wordings.UNWANTED.search(part) and not wordings.CONDITION.search(part) for part in sentences(prompt))


def _asked_by(sentence: str, before: tuple[str, ...]) -> tuple[Kind, ...]:
    if wordings.BUSY.search(sentence) and not sentence.endswith("?") and "please" not in sentence:
        return ()
    if wordings.SAYS_CONFIRM.search(sentence):
        return (Kind.SAY_CONFIRM,)
    if wordings.SAYS_YES_OR_NO.search(sentence):
        return (Kind.DISAGREE,) if wordings.ANSWER_NO.search(_meaning_of_yes(sentence)) else (Kind.AGREE,)
    if wordings.WHICH_ONE.search(sentence) and (kinds := _information(sentence) or _on_offer((*before, sentence))):
        return kinds
    if wordings.NEW_OR_KNOWN.search(sentence):
        return (Kind.NEW_OR_KNOWN,)
    if wordings.PURPOSE_CHOICE.search(sentence) and not wordings.GOES_AHEAD.search(sentence):
        return (Kind.PURPOSE,)
    if wordings.ANYTHING_ELSE.search(sentence):
        return (Kind.DISAGREE,)
    return _asked_directly(sentence)


def _information_of(parts: tuple[str, ...]) -> tuple[Kind, ...]:
    """What the last of these sentences asks, unless it is for yes or no."""
    kinds = _asked_by(parts[-1], parts[:-1]) if parts else ()
    return () if _YES_OR_NO & set(kinds) else kinds


def _asked_directly(sentence: str) -> tuple[Kind, ...]:
    request = wordings.REQUEST.search(sentence)
    if request and (kinds := _information(sentence[request.start() :])):
        return kinds
    if wordings.CONFIRM_THIS.search(sentence):
        return _information(sentence) or (Kind.READ_BACK,)
    if wordings.AGAIN.search(sentence) and not wordings.OFFERS_TO_REPEAT.search(sentence):
        return (Kind.AGAIN,)
    if wordings.OPEN_QUESTION.search(sentence) and sentence.endswith("?"):
        return (Kind.NOT_OURS,)
    if wordings.AUXILIARY.search(sentence) or wordings.TAG.search(sentence):
        return _yes_or_no(sentence)
    return (_is_bare(sentence) and _information(sentence)) or _unplaced(sentence)


def _on_offer(before: tuple[str, ...]) -> tuple[Kind, ...]:
    """What "Which one would you like?" asks, after sentences that name the choice."""
    for sentence in reversed(before):
        if wordings.OFFER.search(sentence) or wordings.OFFERED_LIST.search(sentence):
            return (Kind.OFFER,)
        if kinds := tuple(kind for kind in _information(sentence) if kind in _WISHES):
            return kinds
    return ()


def _information(request: str) -> tuple[Kind, ...]:
    if wordings.NOT_OURS.search(request):
        return (Kind.NOT_OURS,)
    request = wordings.FULL_NAME.sub("name", request)
    plain = wordings.THAT_DAY.sub("", wordings.ASIDE.sub("", request))
    hits = {kind: hit for kind, pattern in _INFORMATION.items() if (hit := pattern.search(plain))}
    covered = set().union(*(_COVERS.get(kind, set()) for kind in hits))
    kinds = _asked_together({kind: hit for kind, hit in hits.items() if kind not in covered}, plain)
    if {Kind.DAY, Kind.TIME} <= set(kinds):
        kinds = [Kind.DAY_AND_TIME if kind is Kind.DAY else kind for kind in kinds if kind is not Kind.TIME]
    if wordings.THAT_DAY.search(request):
        kinds = [Kind.TIME if kind is Kind.DAY_AND_TIME else kind for kind in kinds]
    return tuple(kinds)


def _asked_together(hits: dict[Kind, re.Match[str]], request: str) -> list[Kind]:
    """The first thing, and what is joined to it: "your name and number", not "the number under your name"."""
    kinds: list[Kind] = []
    end = 0
    for kind in sorted(hits, key=lambda kind: hits[kind].start()):
        if not kinds or _ALSO.search(request[end : hits[kind].start()]):
            kinds.append(kind)
            end = hits[kind].end()
    return kinds


def _yes_or_no(sentence: str) -> tuple[Kind, ...]:
    kinds = _information(sentence)
    if kinds == (Kind.NOT_OURS,):
        return kinds
    if choices := tuple(kind for kind in kinds if kind in _CHOICES):
        return choices
    if wordings.OFFER.search(sentence):
        return (Kind.OFFER,)
    if wordings.THAT_IS_ALL.search(sentence):
        return (Kind.AGREE,)
    no, yes = wordings.ANSWER_NO.search(sentence), wordings.ANSWER_YES.search(sentence)
    if no and not wordings.READ_BACK_IS_RIGHT.search(sentence) and not _is_the_other_choice(sentence, no, yes):
        return (Kind.DISAGREE,)
    if not yes and wordings.EITHER.search(sentence):
        return (Kind.NOT_OURS,)
    return (Kind.AGREE,) if yes else (Kind.READ_BACK,)


def _is_the_other_choice(sentence: str, no: re.Match[str], yes: re.Match[str] | None) -> bool:
    """Whether it is like "Should I book it, or would you like another time?" """
    return yes is not None and yes.start() < no.start() and " or " in sentence[yes.start() : no.start()]


def _is_bare(sentence: str) -> bool:
    """Whether it is like "Your full name, please." or "Day and time?", which ask without any verb."""
    words = len(sentence.split())
    begs = sentence.endswith("?") or "please" in sentence
    short = words <= (_LONGEST_BARE_QUESTION if begs else _LONGEST_BARE_PHRASE)
    return short and not wordings.STATEMENT.search(sentence)


def _unplaced(sentence: str) -> tuple[Kind, ...]:
    if not sentence.endswith("?"):
        return ()
    return _yes_or_no(sentence)


def _meaning_of_yes(sentence: str) -> str:
    return next((found[1] for pattern in _YES_MEANS if (found := pattern.search(sentence)) and found[1]), "")
