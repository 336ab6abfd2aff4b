"""Many more wordings, collected after the rules were first written, sorted by the answer they want."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZoneInfo("America/New_York")), 30)

SPOKEN: dict[str | None, list[str]] = {
    "Jane Doe": [
        "Hi there, thanks for calling Sunrise Salon! Who do I have the pleasure of speaking with?",
        "Let's start with your name.",
        "First, I need to know your name.",
        "Could you give me your full name please?",
        "I'd love to help. What's your name, please?",
        "Under what name would you like the reservation?",
        "Please record your name after the beep.",
        "Your name please?",
        "And your name is?",
        "May I ask who's calling?",
        "Can you please state your first and last name?",
        "Sorry, I missed that. Please say your full name again.",
        "We didn't hear anything. Please tell us your name.",
        "Please repeat your name.",
        "Please tell me your first name, then your last name.",
    ],
    "Monday, November 23": [
        "Great! Jane Doe, what day would you like to come in?",
        "What day next week works best?",
        "Pick a day that works for you.",
        "Do you have a preferred day?",
        "Please give me a date for your appointment.",
        "Which date should I look at?",
        "Let me know which day suits you.",
        "Which day of next week?",
        "I didn't understand. What day would you like?",
        "What's the date you're looking for?",
    ],
    "Monday, November 23 at 2 PM": [
        "When would you like to schedule your appointment?",
        "What time would you like your appointment?",
        "When can you come in?",
        "Tell me the day and the time you'd prefer.",
        "Please provide your preferred date and time.",
        "What's the best time for you?",
        "When do you want to come by?",
        "For when should I schedule it?",
        "At what date and time?",
        "Say a day and time, like next Tuesday at 3 PM.",
        "What day and time would you prefer? Our hours are Monday to Friday, 9 to 5.",
        "Got it. Now when shall we see you?",
        "We are open Monday to Friday. Please tell me a date and a time.",
        "Which time works?",
        "Sorry, I couldn't understand that time. Please say the day and time again.",
        "We have openings at 9 AM and 2 PM on Monday. What time would you like?",
        "So I can find you a slot, what's your availability?",
        "Your preferred time?",
    ],
    "30 minutes": [
        "How long do you need?",
        "How long will the meeting be?",
        "Would you like a half hour or a full hour?",
        "What length of appointment do you need, 30 or 60 minutes?",
        "Should it be 15, 30, or 60 minutes?",
        "Please say the duration in minutes.",
        "Is that a 30-minute or 60-minute appointment?",
        "30 minutes or one hour?",
        "How many minutes should I reserve?",
        "For how many minutes?",
        "How long would you like to book it for?",
        "Half an hour or an hour?",
    ],
    "202 555 0123": [
        "What number can we reach you at?",
        "What's your callback number?",
        "Please say your ten-digit phone number.",
        "Can I get your phone number, please?",
        "What's the best phone number for you?",
        "Before we continue, may I have a number where we can reach you?",
    ],
    "yes": [
        "Is the number you are calling from, ending in 0123, the best one to reach you?",
        "Let me confirm. You'd like to book Monday, November 23 at 2 PM for 30 minutes. Is that right?",
        "I've got you down as Jane Doe. Is this correct?",
        "Your name is Jane Doe. Correct?",
        "Did I hear Jane Doe?",
        "That's Jane Doe, right?",
        "Shall we go ahead?",
        "Can I go ahead and book that?",
        "Would you like to confirm this appointment?",
        "Do you want me to book it?",
        "Does that sound good?",
        "Are you happy with that?",
        "May I book this for you?",
        "Is that all correct?",
        "Would you like to proceed with this booking?",
        "Shall I put you down for Monday at 2 PM?",
        "Please confirm: Jane Doe, Monday at 2 PM.",
        "Please answer yes or no: is your name Jane Doe?",
        "Okay, so that's Monday, November 23 at 2 PM. Yes or no?",
        "Monday at 2 PM is available. Do you want it?",
        "Perfect, I can do Monday at 2 PM. Does that suit you?",
        "Would Monday, November 23 at 2 PM work for you?",
        "Is it okay if we record this call?",
        "Do you agree to our terms?",
        "I have 30 minutes on Monday, November 23 at 2 PM for Jane Doe. To book, say yes. To change, say no.",
        "If that's correct say yes, otherwise say no.",
        "Is 202-555-0123 a good number for you?",
        "We have your number as 202 555 0123. Shall we use that?",
        "Shall I make it 30 minutes?",
        "Is this your first visit?",
    ],
    "no": [
        "Would Tuesday at 10 AM work for you?",
        "I can do 3 PM. Does that work?",
        "Sorry, that slot is no longer available. Can I offer you Tuesday at 9 AM?",
        "That time has been taken. The closest I have is 2:30 PM. Would you like that one?",
        "2 PM is fully booked. Is three thirty PM okay?",
        "We could do Monday, November 30 at 2 PM instead. Is that okay?",
        "Can I help you with anything else today?",
        "Would you like to receive a reminder by text?",
        "Do you want to hear those options again?",
        "Would you like to leave a message?",
        "Do you need to make any changes?",
        "Is there anything you'd like to change?",
        "Do you wish to cancel this appointment?",
        "Would you like to start over?",
        "Shall I make it 60 minutes?",
        "Do you already have an appointment with us?",
        "Are you an existing customer?",
        "Are you a returning patient?",
        "Have you visited us before?",
        "You already have a booking at that time. Do you want to book another one?",
        "Monday at 2 PM isn't possible. Would you take 4 PM?",
        "Would half past three suit you?",
        "I can fit you in tomorrow at noon. Would that work?",
        "What else can I do for you?",
    ],
    "I would like to book an appointment": [
        "How can we help you today?",
        "What would you like to do today?",
        "Are you calling to book, change or cancel an appointment?",
        "What can I do for you?",
        "Please tell me the reason for your call.",
        "Thanks for calling. Is this for a new or existing appointment?",
        "Welcome to the clinic. In a few words, tell me why you're calling.",
    ],
    None: [
        "What's your date of birth?",
        "Could I have your email?",
        "What's your home address?",
        "How old are you?",
        "Do you have insurance?",
        "Who is your doctor?",
        "Which location do you prefer?",
        "What is your mother's maiden name?",
        "What service would you like?",
        "What type of appointment is this?",
        "Please enter your member ID.",
        "What is your favourite colour, Jane Doe?",
        "Do you prefer a male or female therapist?",
        "How would you like to pay?",
        "What seems to be the problem?",
        "Which stylist would you like?",
        "Is your pet vaccinated?",
        "How many guests?",
        "What is your pet's name?",
        "Please hold while I transfer you.",
        "Who is your dentist?",
        "Who referred you?",
        "What is the name of your doctor?",
        "What's your policy number?",
        "When were you born?",
        "When was your last visit?",
        "What time is it?",
        "Do you want a male or female doctor?",
        "Are you allergic to anything?",
    ],
    "Doe": [
        "Just your surname please.",
        "Thanks Jane. Last name?",
    ],
    "2 PM": [
        "OK, Monday, November 23. What time?",
    ],
    "confirm": [
        "Please say 'confirm' to finish your booking.",
        "Say confirm or cancel.",
    ],
    "afternoon": [
        "Would morning or afternoon be better?",
        "Morning or afternoon?",
    ],
    "PM": [
        "Do you prefer AM or PM?",
    ],
    "Monday": [
        "Which weekday?",
    ],
}
KEYED: dict[str | None, list[str]] = {
    "1": [
        "Thank you for calling. For appointments, press 1. For billing, press 2. To repeat this menu, press star.",
        "Dial 1 to reserve a table.",
        "To accept this time press 1, to hear other times press 2.",
        "You have selected 30 minutes. To confirm press 1, to re-enter press 2.",
        "Select a day: 1 for Monday, 2 for Tuesday, 3 for Wednesday.",
        "Press 1 if you are a new patient or 2 if you are an existing patient.",
        "Press 1 to confirm your appointment for Monday, November 23 at 2 PM or press 2 to cancel.",
        "Press 1 for 2 o'clock, 2 for 3 o'clock.",
        "Press 1 for November 23, 2 for November 24.",
        "Para español, oprima el dos. For English, press 1.",
        "Main menu. One, book a visit. Two, cancel. Three, talk to staff. Please enter your choice.",
        "For the 23rd press 1, for the 24th press 2.",
    ],
    None: [
        "Press 0 for an operator.",
    ],
    "2": [
        "Press 1 for sales, 2 for appointments, 3 for support.",
        "For a 15 minute appointment press 1. For a 30 minute appointment press 2. For 60 minutes press 3.",
    ],
    "5": [
        "If you would like to make a booking, press 5 now.",
    ],
    "9": [
        "To save this appointment press 9, to discard it press 8.",
    ],
}


@pytest.mark.parametrize(("prompt", "answer"), [(prompt, answer) for answer in SPOKEN for prompt in SPOKEN[answer]])
def test_a_prompt_is_answered_in_words_of_the_right_kind_or_not_at_all(prompt: str, answer: str | None) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=True, keypad=False)

    assert (reply.speech if reply else None) == answer


@pytest.mark.parametrize(("prompt", "key"), [(prompt, key) for key in KEYED for prompt in KEYED[key]])
def test_a_menu_is_answered_with_the_right_key_or_not_at_all(prompt: str, key: str | None) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=False, keypad=True)

    assert (reply.keys if reply else None) == key


@pytest.mark.parametrize(
    "words",
    [
        "book or ",
        "to to for if ",
        "press 1 to for ",
        "yes or no say yes to ",
        "when day or and ",
        "1 ",
        "(",
    ],
)
def test_a_prompt_made_to_take_long_does_not(words: str) -> None:
    began = time.perf_counter()
    Understanding(FACTS).reply(words * (60_000 // len(words)), speech=True, keypad=True)

    assert time.perf_counter() - began < 2
