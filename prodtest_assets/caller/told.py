"""What a caller has told in a call, as far as its transcript shows. What nobody asked for was not told.

An application that never asks how long an appointment takes stores a length of its own, and is right.
"""

import re
from collections.abc import Iterator

from prodtest_assets.caller import menu, named, questions, spoken
from prodtest_assets.caller.call import Call

_KEYPAD = "(keypad) "
_AGREEING = frozenset({"yes", "confirm"})


def name_told(call: Call) -> str:
    """The words of the caller's name that they said or spelled, or agreed to, in their order."""
    told = " ".join(text for exchange in _exchanges(call) for text in _stated(*exchange)).lower()
    words = (word for word in call.name.split() if _stands_in(word, told) or spoken.spelled(word).lower() in told)
    return " ".join(words)


def is_length_told(call: Call) -> bool:
    """Whether the caller said how long they want the appointment, chose it by a key, or agreed to it."""
    stated = (text for exchange in _exchanges(call) for text in _stated(*exchange))
    return any(_is_length(text, call.duration_min) for text in stated)


def _exchanges(call: Call) -> Iterator[tuple[str, str]]:
    """What the caller heard and what they answered."""
    heard: list[str] = []
    for turn in call.turns:
        if turn.speaker == "application":
            heard.append(turn.text)
        else:
            yield " ".join(questions.sentences(" ".join(heard))), turn.text
            heard.clear()


def _stated(heard: str, answer: str) -> Iterator[str]:
    """What an answer states: its own words, what the chosen key stands for, what was agreed to."""
    if answer in _AGREEING:
        yield heard
    elif answer.startswith(_KEYPAD):
        keys = answer.removeprefix(_KEYPAD)
        offered = menu.options(heard)
        yield from (option.label for option in offered if option.key == keys)
        if not offered:
            yield keys
    else:
        yield answer.lower()


def _is_length(text: str, minutes: int) -> bool:
    return minutes in named.minutes(text) or text.strip(" .#w") == str(minutes)


def _stands_in(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w:]){re.escape(word.lower())}(?![\w:])", text) is not None
