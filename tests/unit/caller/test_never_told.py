"""Nothing is agreed to that the caller never told and would not want."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.script_file import read_script
from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZoneInfo("America/New_York")), 30)
FOREIGN = (
    "Three people",
    "A table for four",
    "You'd like a haircut",
    "You want a root canal",
    "You live at 12 Main Street",
    "You said your dog is called Rex",
    "Your date of birth is May 3, 1980",
    "You have Aetna insurance",
    "You're calling about a prescription refill",
)
UNWANTED = (
    "You'd like to cancel",
    "I understand you want to cancel your appointment",
    "It sounds like you want to reschedule",
    "I heard cancel",
)
OWN = (
    "Your surname is spelled D, O, E",
    "Let me read that back: Doe, Jane",
    "You're calling about a new appointment",
    "You're a new patient",
    "I've got you coming in at 2 with Dr. Patel",
    "That's Jane with a J",
    "30 minutes",
)


def spoken(prompt: str) -> str | None:
    reply = Understanding(FACTS).reply(prompt, speech=True, keypad=False)
    return reply and reply.speech


def keyed(prompt: str) -> str | None:
    reply = Understanding(FACTS).reply(prompt, speech=False, keypad=True)
    return reply and reply.keys


@pytest.mark.parametrize("told", FOREIGN)
def test_what_was_never_told_is_not_agreed_to(told: str) -> None:
    assert spoken(f"{told}, is that right?") != "yes"
    assert spoken(f"{told}. Correct?") != "yes"
    assert keyed(f"{told}. Press 1 if that's correct, 2 if not.") != "1"


@pytest.mark.parametrize("told", UNWANTED)
def test_what_no_caller_wants_who_books_is_declined(told: str) -> None:
    assert spoken(f"{told}. Is that right?") == "no"
    assert keyed(f"{told}. Press 1 if correct, 2 if not.") == "2"


@pytest.mark.parametrize("told", OWN)
def test_what_is_the_callers_own_is_agreed_to(told: str) -> None:
    assert spoken(f"{told}. Is that right?") == "yes"
    assert keyed(f"{told}. Press 1 if that's correct, 2 if not.") == "1"


def test_what_a_script_made_the_caller_say_was_told() -> None:
    caller = Understanding(FACTS, script=read_script('[answers]\n"dog" = "Rex"'))
    caller.reply("What is your dog called?", speech=True, keypad=False)
    caller.script = read_script("")
    reply = caller.reply("You said you have a hound called Rex. Is that right?", speech=True, keypad=False)

    assert reply is not None
    assert reply.speech == "yes"


@pytest.mark.parametrize(
    ("question", "own", "other"),
    [
        ("Enter the date as month and day.", "1 1 2 3", "1 1 2 4"),
        ("Enter the time as four digits.", "one four zero zero", "one five zero zero"),
        ("Enter the number of minutes.", "30", "20"),
        ("Enter the year of your visit as four digits.", "2026", "2027"),
    ],
)
def test_the_keys_that_were_pressed_are_agreed_to_when_they_are_echoed(question: str, own: str, other: str) -> None:
    def answer(echo: str) -> str | None:
        caller = Understanding(FACTS)
        assert caller.reply(question, speech=False, keypad=True)
        told = f"You entered {echo}. If that's right, press 1. If not, press 2."
        reply = caller.reply(told, speech=False, keypad=True)
        return reply and reply.keys

    assert answer(own) == "1"
    assert answer(other) != "1"


def test_a_short_answer_of_a_script_is_not_found_inside_other_words() -> None:
    caller = Understanding(FACTS, script=read_script('[answers]\n"sugar" = "tea"'))
    caller.reply("With sugar?", speech=True, keypad=False)

    assert caller.reply("You ordered a steak, is that right?", speech=True, keypad=False) is None


def test_keys_of_a_script_tell_nothing_that_is_read_back() -> None:
    caller = Understanding(FACTS, script=read_script('[answers]\n"code" = { press = "4711" }'))
    caller.reply("Enter your code.", speech=False, keypad=True)

    assert caller.reply("Three people, is that right?", speech=True, keypad=False) is None


@pytest.mark.parametrize("prompt", ["Is that right?", "Did I get that right?", "Everything correct?"])
def test_a_question_that_names_nothing_is_about_all_that_was_told(prompt: str) -> None:
    assert spoken(prompt) == "yes"
