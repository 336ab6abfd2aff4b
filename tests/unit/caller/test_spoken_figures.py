"""Days, times, numbers and names are recognised in a read-back however they are said, and so are other ones."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

HALF_PAST_TWO = datetime(2026, 11, 23, 14, 30, tzinfo=ZoneInfo("America/New_York"))
FACTS = Facts("Jane Doe", "+12025550123", HALF_PAST_TWO, 30, today=date(2026, 11, 19))
READ_BACKS: list[tuple[str, str]] = [
    ("Monday the twenty-third of November at half past two", "Monday the thirtieth of November at half past two"),
    ("Mon, Nov. 23 at 2:30 PM", "Mon, Nov. 30 at 2:30 PM"),
    ("Mon 23 Nov 2.30pm", "Tue 24 Nov 2.30pm"),
    ("November the twenty-third, 2026, at two thirty p.m.", "November the twenty-third, 2027, at two thirty p.m."),
    ("Monday the twenty third at fourteen thirty", "Monday the twenty third at sixteen thirty"),
    ("23.11.2026, 14.30", "22.11.2026, 14.30"),
    ("14:30 hrs on 23-Nov-2026", "14:30 hrs on 24-Nov-2026"),
    ("11/23/26 at 2:30pm", "11/23/26 at 3:30pm"),
    ("Monday at 2 30 PM", "Monday at 3 30 PM"),
    ("half past two on Monday", "a quarter past two on Monday"),
    ("half past two on Monday", "quarter to three on Monday"),
    ("Monday at 1430 hours", "Monday at 1530 hours"),
    ("a half-hour visit on Monday", "a ninety minute visit on Monday"),
    ("two zero two, triple five, oh one two three", "two zero two, triple five, oh one two four"),
    ("2 0 2, 5 5 5, 0 1 2 3", "2 0 2, 5 5 5, 0 1 3 2"),
    ("202, 555, 0123", "202, 555, 0132"),
    ("J A N E, D O E", "J A N E T, D O E"),
    ("Jane Doe", "Janet Doe"),
    ("Thank you, Jane Doe", "Thank you, James Doe"),
    ("Jane Doe on Monday", "Jane Dough on Monday"),
]


@pytest.mark.parametrize(("own", "other"), READ_BACKS)
def test_yes_is_said_to_the_own_wish_and_no_to_another_one(own: str, other: str) -> None:
    def answer(told: str) -> str | None:
        reply = Understanding(FACTS).reply(f"I have {told}. Is that correct?", speech=True, keypad=False)
        return reply and reply.speech

    assert (answer(own), answer(other)) == ("yes", "no")


@pytest.mark.parametrize(("own", "other"), READ_BACKS)
def test_the_key_for_yes_is_pressed_to_the_own_wish_only(own: str, other: str) -> None:
    def key(told: str) -> str | None:
        prompt = f"I have {told}. Press 1 to confirm, 2 to change."
        reply = Understanding(FACTS).reply(prompt, speech=False, keypad=True)
        return reply and reply.keys

    assert (key(own), key(other)) == ("1", "2")


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("You're Janet Doe, correct?", "no"),
        ("You're Jane Doe, correct?", "yes"),
        ("Ms Doe, is Monday at 2:30 PM right?", "yes"),
        ("Okay Jane great. Is Monday at 2:30 PM right?", "yes"),
        ("Shall I reserve Monday, November 23 at 2:30 PM for Jack Doe?", "no"),
        ("The second of three questions. Is Monday at 2:30 PM right?", "yes"),
        ("We are open from nine to five. Is Monday at 2:30 PM right?", "yes"),
    ],
)
def test_a_name_is_another_one_where_it_shares_a_word_with_the_callers_own(prompt: str, answer: str) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=True, keypad=False)

    assert reply is not None
    assert reply.speech == answer


@pytest.mark.parametrize(("today", "answer"), [(date(2026, 11, 19), "no"), (date(2026, 11, 22), "yes")])
def test_tomorrow_is_a_day_like_any_other(today: date, answer: str) -> None:
    caller = Understanding(replace(FACTS, today=today))
    reply = caller.reply("I can book you in tomorrow. Is that okay?", speech=True, keypad=False)

    assert reply is not None
    assert reply.speech == answer
