"""The line that is suggested for a prompt nobody can place handles it, also for the next caller."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller import spoken
from prodtest_assets.caller.script import suggestion
from prodtest_assets.caller.script_file import read_script
from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Reply, Understanding

ZONE = ZoneInfo("America/New_York")
NOW = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZONE), 30)
NEXT = Facts("Omar Haddad", "+13125550177", datetime(2026, 12, 4, 9, 30, tzinfo=ZONE), 60)
UNPLACED = (
    "Jane Doe, what's your pet's name?",
    "Thanks, {name}. What is your date of birth?",
    "{name}, {day_and_time} it is, and which insurance do you have?",
    "You are coming at 2 p.m. on Nov. 23, Mrs. Doe, and what's your postcode?",
    "We have {time} on {day}. What is your account number, for example 4711?",
    "Please say the patient's date of birth, such as May the third, 1980, including the year.",
    "\N{LEFT DOUBLE QUOTATION MARK}What car do you drive?\N{RIGHT DOUBLE QUOTATION MARK}",
    "What is the emergency contact's phone number? Ours is {number}.",
    "ON A SCALE OF 1 TO 10, HOW OFTEN DO YOU SNORE?",
    "Who is your G.P.?",
    "How many people are in your party, {name}?",
    "Is there a Dr. you usually see? What is the doctor's name?",
    "Welcome! Whisper the magic phrase... What is the password?",
    "It's {day}. How long have you had that rash, e.g. a week, and where was it first seen?",
)


def prompt_for(template: str, facts: Facts) -> str:
    return template.format(
        name=facts.name,
        day=spoken.day(facts.start),
        time=spoken.time_of_day(facts.start),
        day_and_time=spoken.day_and_time(facts.start),
        number=spoken.number(facts.number),
    )


@pytest.mark.parametrize("template", UNPLACED)
def test_the_suggested_line_handles_the_prompt_for_this_caller_and_the_next(template: str) -> None:
    prompt = prompt_for(template, NOW)
    assert Understanding(NOW).reply(prompt, speech=True, keypad=False) is None

    for speech, filled_in in ((True, Reply(speech="a fact")), (False, Reply(keys="4711"))):
        line = suggestion(prompt, speech=speech, name=NOW.name).removesuffix('"..."').replace('"..." }', '"4711" }')
        script = read_script(f"[answers]\n{line}{chr(34) + 'a fact' + chr(34) if speech else ''}")
        for facts in (NOW, NEXT):
            heard = prompt_for(template, facts)
            caller = Understanding(facts, script=script)
            assert caller.reply(heard, speech=speech, keypad=not speech) == filled_in
