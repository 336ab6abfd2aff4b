"""Which of the keys that a caller presses reach an application."""

import pytest

from prodtest_assets.caller.keypad import Keyed, taken
from prodtest_assets.caller.twiml import Gather, parse


def gather(attributes: str) -> Gather:
    (verb,) = parse(f"<Response><Gather {attributes}/></Response>".encode()).verbs
    assert isinstance(verb, Gather)
    return verb


@pytest.mark.parametrize(
    ("attributes", "keys", "digits"),
    [
        ("", "4711", "4711"),
        ("", "4711#", "4711"),
        ("", "47#11", "47"),
        ("", "#4711", ""),
        ("", "47*11", "47*11"),
        ("finishOnKey=''", "4711#", "4711#"),
        ("finishOnKey=''", "#", "#"),
        ("finishOnKey='*'", "4711*", "4711"),
        ("finishOnKey='*'", "47#11", "47#11"),
        ("finishOnKey='*'", "*", ""),
        ("finishOnKey='0'", "120", "12"),
        ("numDigits='4'", "47119", "4711"),
        ("numDigits='4'", "47#", "47"),
        ("numDigits='4'", "471", "471"),
        ("numDigits='1'", "w2", "2"),
    ],
)
def test_the_keypad_closes_at_its_last_key_or_its_closing_key(attributes: str, keys: str, digits: str) -> None:
    assert taken(keys, gather(attributes)).digits == digits


def test_a_pause_is_no_key_and_takes_half_a_second() -> None:
    assert taken("ww4w7W", gather("")) == Keyed("47", 2.0)


def test_a_pause_as_long_as_the_application_waits_closes_the_keypad() -> None:
    assert taken("4w7ww1", gather("timeout='1'")) == Keyed("47", 1.5)
    assert taken("ww4", gather("timeout='1'")) == Keyed("", 1.0)
    assert taken("wwww4", gather("timeout='auto'")) == Keyed("4", 2.0)
