"""Wordings of booking lines in Britain, Australia, India and America, and offers that are not the wanted one."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZoneInfo("America/New_York")), 30)
SPOKEN: dict[str | None, list[str]] = {
    "0 1 2 3": ["What are the last four digits of your phone number?"],
    "Jane Doe": [
        "My name is Anna. What's yours?",
        "I'm Sam, your assistant. And you are?",
        "Kindly tell your good name.",
        "Whose name shall I put the booking in?",
    ],
    "Jane": ["What's your forename?"],
    "D-O-E": ["How is your last name spelt?"],
    "Monday, November 23": [
        "Was that the 23rd or the 30th?",
        "When you're ready, tell me the date you'd like.",
        "Which date were you after?",
    ],
    "Monday, November 23 at 2 PM": [
        "I have 9 AM, 10 AM and 2 PM, which one?",
        "Please tell your convenient date and time for the appointment.",
        "When would you be free to pop in?",
    ],
    "afternoon": ["Morning or arvo?"],
    "I would like to book an appointment": ["In a few words, tell me what you're calling about."],
    "yes": [
        "Are you still there?",
        "We'll put you down for Monday, November 23 at 2 PM. Okay?",
        "Great, Monday Afternoon. Shall I book it?",
        "Thank You Very Much. Shall I book it?",
        "Say yes to book Monday, November 23 at 2 PM. Say no to pick another time.",
        "How's Monday at 2?",
        "The A B C Clinic has Monday, November 23 at 2 PM. Is that okay?",
        "You can park for two hours. Is Monday, November 23 at 2 PM okay?",
        "If you do not agree, your appointment will be cancelled. Is Monday at 2 PM okay?",
        "You'll be seeing Dr. Jane Smith on Monday, November 23 at 2 PM. Is that right?",
        "Hello? Can you hear me?",
        "Is the appointment for you?",
        "Shall I pop that in the diary for you?",
        "Can I pencil you in?",
        "Is the number you're ringing from the best one to get hold of you on?",
    ],
    "no": [
        "Say yes to book Monday, November 30 at 2 PM. Say no to pick another time.",
        "How's Monday at 4?",
        "Your appointment will be cancelled. Is that okay?",
        "We're going to cancel your booking for Monday, November 23 at 2 PM. Right?",
        "Are you sure you want to delete this booking?",
        "Got it, John Roe. Is that correct?",
        "Is there anything to add?",
    ],
    None: [
        "Early or late afternoon?",
        "Upper or lower teeth?",
        "Are you booking for yourself or for someone else?",
        "Leave a message with your name and number after the tone.",
        "I have 9 AM, 10 AM and 3 PM, which one?",
    ],
}
KEYED: dict[str, list[str]] = {
    "0123": ["To verify it's you, enter the last four digits of your phone number."],
    "231126": ["Enter the date as DDMMYY."],
    "1": [
        "Press 1 to use 202 555 0123, press 2 to enter another number.",
        "If your first name is Jane press 1, otherwise press 2.",
        "This call is recorded. Press 1 to consent, or 2 to hang up.",
        "If you are still there, press 1.",
    ],
    "2": [
        "Prescriptions, 1. Appointments, 2. Test results, 3.",
        "You chose Mon 30 Nov. To accept, 1. To change, 2.",
        "Press 1 to use 202 555 0199, press 2 to enter another number.",
        "If your first name is Joan press 1, otherwise press 2.",
        "We heard John Roe. Press 1 if correct, press 2 if not.",
        "To keep this appointment, Monday November 23 at 3:00 PM, hit 1. To pick another, hit 2.",
        "You entered 1 1 2 4. Press 1 if November twenty-fourth is right, 2 to enter it again.",
    ],
    "9": [
        "For 9 AM, press 1. For 11 AM, press 2. For more times, press 9.",
        "For Tue, Dec 1, press 1. For Wed, Dec 2, press 2. For later dates, press 9.",
    ],
    "0": ["9 AM: press 1. 3 PM: press 2. None of these: press 0."],
    "*": ["Press star to start over or pound to confirm Tuesday, November 24th at 2 PM."],
    "2025550123": ["Punch in the telephone number where we can reach you, then hit pound."],
}


@pytest.mark.parametrize(("prompt", "answer"), [(prompt, answer) for answer in SPOKEN for prompt in SPOKEN[answer]])
def test_it_is_answered_in_words(prompt: str, answer: str | None) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=True, keypad=False)

    assert (reply.speech if reply else None) == answer


@pytest.mark.parametrize(
    "prompt",
    [
        "Press any key to confirm Monday, November 23 at 3 PM.",
        "You are about to cancel. Press 1 to go ahead.",
        "Your appointment will be cancelled. Press 1 to confirm, 2 for help.",
    ],
)
def test_no_key_agrees_to_what_is_not_wanted(prompt: str) -> None:
    assert Understanding(FACTS).reply(prompt, speech=False, keypad=True) is None


@pytest.mark.parametrize(("prompt", "keys"), [(prompt, keys) for keys in KEYED for prompt in KEYED[keys]])
def test_it_is_answered_with_keys(prompt: str, keys: str) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=False, keypad=True)

    assert reply is not None
    assert reply.keys == keys
