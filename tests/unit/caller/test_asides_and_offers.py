"""Questions with turns of phrase, offers and read-backs around them, sorted by the answer they want."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZoneInfo("America/New_York")), 30)

SPOKEN: dict[str | None, list[str]] = {
    "Jane Doe": [
        "Please say your name one more time.",
        "May I have your name? Take your time.",
        "Could you tell me your first and your last name?",
        "After the beep, say your name.",
        "Once you hear the tone, state your full name.",
        "Can I grab your name?",
        "Let me have your name.",
        "Start by telling me your name.",
        "Please introduce yourself.",
        "Whom do I have the pleasure of talking to?",
        "Who would you like the appointment for?",
        "Who's coming in?",
        "Who will we be seeing?",
        "What is the name of the guest?",
        "And your name was?",
        "I still did not catch the name. Please try again.",
    ],
    "D-O-E": [
        "Please spell your last name, one letter at a time.",
    ],
    "202 555 0123": [
        "Please say your phone number one digit at a time.",
        "What phone number should I use to confirm the day and time?",
        "Which number can we call you on during the day?",
        "May I have the phone number under your name?",
        "How can we reach you?",
    ],
    "30 minutes": [
        "How long do you need this time?",
        "How long would you like the appointment on that day?",
        "What length of time do you need?",
        "Thirty or sixty minutes?",
        "We offer 30 and 60 minute appointments. Which would you like?",
        "Do you need 30 minutes or more?",
        "Would you like a short or a long appointment? Short is 30 minutes, long is 60.",
    ],
    "Monday, November 23": [
        "Tuesday is fully booked. Which other day would you like?",
        "Which date works best? We'll pick a time next.",
        "Next, say the day you want.",
        "Using your voice, say the date.",
        "Monday or Tuesday?",
        "Day of your visit?",
        "Let's find a date. Which one works?",
    ],
    "no": [
        "Was that 60 minutes?",
        "Dr. Miller can only see you Tuesday at 2 PM. Does that work?",
        "It's 80 dollars for 60 minutes. Would you like to go ahead?",
        "Is 202 555 0100 the number we should use?",
        "I've got a 10 AM on Monday. Would you like it?",
        "2 PM won't work, but 3 PM would. Is that fine?",
        "Monday at 2 PM is full. Would Tuesday at 2 PM work?",
        "We are booked at 2 PM. Can I put you in at 4 PM?",
        "I can't fit you in at 2 PM. Does 11 AM suit?",
        "2 PM on Monday is gone. I have 3 PM. Shall I book that?",
        "I have you for 3 PM on Monday, November 23. Is that correct?",
        "You said Tuesday, November 24 at 2 PM, correct?",
        "That's 60 minutes on Monday, November 23 at 2 PM for Jane Doe. Is that correct?",
        "I heard John Smith. Is that right?",
        "I heard Jane Do. Is that correct?",
        "Your number is 202 555 9999. Is that right?",
        "We can't do 2 PM. How about 3?",
        "Tuesday instead of Monday, is that okay?",
        "Tuesday?",
        "Do you have any questions?",
        "Do you need help with anything further?",
        "Would you like to book another?",
        "Any special requests?",
    ],
    "yes": [
        "Tuesday is fully booked. Would Monday at 2 PM work?",
        "Was that 30 minutes?",
        "That will be Monday the 23rd of November at 2. Is that what you want?",
        "You're booking for Jane Doe. Is that right?",
        "Dr. Miller can see you Monday at 2 PM. Does that work?",
        "You will get a call 10 minutes before. Is that fine?",
        "It's 50 dollars for 30 minutes. Would you like to go ahead?",
        "Parking is free for 2 hours. Would you like me to book Monday at 2 PM?",
        "Just so you know, we have a 24 hour cancellation policy. Shall I book it?",
        "Most people take 60 minutes. You asked for 30 minutes on Monday. Okay?",
        "I'm Alex, your assistant. Are you calling to make an appointment?",
        "So I've booked Jane Doe in for Monday, November 23 at 2 PM. Is there any mistake, or is that right?",
        "I've got a 2 PM on Monday. Would you like it?",
        "Your total is 45 dollars. Shall I confirm the booking?",
        "Happy Friday! Would you like to book an appointment?",
        "We work Tuesday to Friday. Shall we begin?",
        "Your confirmation number is 86753091. Shall I confirm it?",
        "It starts at 2 PM. It ends at 2:30 PM. Is that okay?",
        "Thanks for calling this morning. Are you ready to book?",
        "Your last name is D-O-E, is that right?",
        "I have Monday the 23rd, 14:00 to 14:30, and your number as +1 (202) 555-0123. Is that correct?",
        "I can do Monday from 2 to 2:30 PM. Does that suit you?",
        "Please arrive 10 minutes early. Shall I book Monday at 2 PM?",
        "We are open from 9 AM to 5 PM. Monday at 2 PM is free. Shall I book it?",
        "Confirm?",
        "Please confirm by saying yes.",
        "Is this information accurate?",
        "Do you accept?",
        "Ready to book?",
        "Is that time okay?",
        "So you'd like Monday, November 23?",
        "You want 30 minutes?",
        "Monday?",
        "Jane Doe?",
        "All good?",
        "Would you like to keep this appointment?",
        "Do you want to book?",
        "Would you like an appointment?",
        "Is this about a new appointment?",
        "Will that be all?",
        "Is that everything?",
        "Should I book it or would you like another time?",
        "Would you like to go ahead with the booking or change something?",
        "If this is correct, say yes. Otherwise, say your name again.",
    ],
    "J-A-N-E D-O-E": [
        "How is that spelled?",
    ],
    "Monday, November 23 at 2 PM": [
        "When would be convenient?",
        "When would suit?",
        "When's good for you?",
        "When were you hoping to come in?",
        "What works best for you?",
        "Which appointment slot would you prefer?",
        "And your preferred slot?",
    ],
    None: [
        "Would you like Tuesday or Wednesday?",
        "Let me check the time.",
    ],
    "I would like to book an appointment": [
        "How may I direct your call?",
        "Please say book, cancel or operator.",
        "What would you like? You can say book or cancel.",
    ],
    "new": [
        "Are you a new or returning customer?",
    ],
    "one": [
        "To book an appointment, say one. To cancel, say two.",
        "Say one to book, two to cancel.",
        "Say one for thirty minutes, two for an hour.",
    ],
}
AFTER_THE_DAY: dict[str | None, list[str]] = {
    "2 PM": [
        "Morning times are gone, but the afternoon is open. What time would you like?",
        "What time on that day?",
        "And what time on that date?",
        "Please say the time for that day.",
        "What time that day?",
        "What hour on that day?",
        "What time of day is best?",
        "When on that day?",
        "We have 9 AM, 11 AM and 2 PM. Which would you prefer?",
        "Would you prefer 10 AM or 2 PM?",
    ],
    None: [
        "I have 10 AM and 11 AM. Which do you prefer?",
    ],
}


@pytest.mark.parametrize(("prompt", "answer"), [(prompt, answer) for answer in SPOKEN for prompt in SPOKEN[answer]])
def test_what_stands_beside_a_question_is_not_answered(prompt: str, answer: str | None) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=True, keypad=False)

    assert (reply.speech if reply else None) == answer


@pytest.mark.parametrize(
    ("prompt", "answer"), [(prompt, answer) for answer in AFTER_THE_DAY for prompt in AFTER_THE_DAY[answer]]
)
def test_the_day_is_not_told_twice(prompt: str, answer: str | None) -> None:
    caller = Understanding(FACTS)
    caller.reply("Which day would you like?", speech=True, keypad=False)
    reply = caller.reply(prompt, speech=True, keypad=False)

    assert (reply.speech if reply else None) == answer
