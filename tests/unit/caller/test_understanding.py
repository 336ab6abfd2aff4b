"""What the caller answers, in wordings taken from all over the trade."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Reply, Understanding

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZoneInfo("America/New_York")), 30)
FULL = "Monday, November 23 at 2 PM"


def spoken_reply(prompt: str) -> str | None:
    reply = Understanding(FACTS).reply(prompt, speech=True, keypad=False)
    return reply.speech if reply else None


def keyed_reply(prompt: str, num_digits: int | None = None) -> str | None:
    reply = Understanding(FACTS).reply(prompt, speech=False, keypad=True, num_digits=num_digits)
    return reply.keys if reply else None


@pytest.mark.parametrize(
    "prompt",
    [
        "May I have your full name, please?",
        "Thanks for calling Acme Dental. What is your name?",
        "Hello! To get started, please say your first and last name after the tone.",
        "Who am I speaking with?",
        "Can I get a name for the appointment?",
        "What name should I put this under?",
        "Under which name shall I book the slot?",
        "Your full name, please.",
        "Name?",
        "Sorry, I didn't catch your name. Could you tell me your name once more?",
        "Please tell me the name of the person the appointment is for.",
        "And who is the appointment for?",
        "What's the patient's name?",
        "I\N{RIGHT SINGLE QUOTATION MARK}ll need your name first.",
        "What should I call you?",
        "To whom am I speaking? Please state your name. For example, John Smith.",
        "Could I please have your name?",
    ],
)
def test_a_question_for_the_name_is_answered_with_the_name(prompt: str) -> None:
    assert spoken_reply(prompt) == "Jane Doe"


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What is your first name?", "Jane"),
        ("And your last name?", "Doe"),
        ("Please say your surname.", "Doe"),
        ("Could you spell your name for me?", "J-A-N-E D-O-E"),
        ("Please spell your last name, letter by letter.", "D-O-E"),
        ("Thank you, Jane. How do you spell that?", "J-A-N-E D-O-E"),
        ("Can you spell out your first name?", "J-A-N-E"),
    ],
)
def test_parts_and_spelling_of_the_name_are_told_apart(prompt: str, answer: str) -> None:
    assert spoken_reply(prompt) == answer


@pytest.mark.parametrize(
    "prompt",
    [
        "What is the best number to reach you?",
        "Please tell me your phone number.",
        "Can I have a contact number in case we get cut off?",
        "What's a good mobile number for you?",
        "And a callback number, please?",
        "Which number can we call you back on?",
        "Thank you, Jane. Now I need your ten digit telephone number.",
        "Please say your cell phone number, area code first.",
    ],
)
def test_a_question_for_the_number_is_answered_with_the_number(prompt: str) -> None:
    assert spoken_reply(prompt) == "202 555 0123"


@pytest.mark.parametrize(
    "prompt",
    [
        "What day and time would you like?",
        "When would you like to come in?",
        "When should I book you in?",
        "Please tell me the date and time of your appointment.",
        "When works best for you, Jane?",
        "What date and what time suit you?",
        "Which day, and at what time?",
        "Please say the day and time, for example Monday at 10 a.m.",
        "When are you available?",
        "What time would you like to come in?",
        "Thank you, Jane Doe. Tell me when you'd like your appointment.",
        "Which time slot would you like?",
        "Day and time, please?",
        "Great. When is good for you?",
        "What is your preferred appointment time?",
        "Thanks for giving me your name. Now, what day and time work for you?",
    ],
)
def test_a_question_for_day_and_time_is_answered_in_the_full_form(prompt: str) -> None:
    assert spoken_reply(prompt) == FULL


@pytest.mark.parametrize(
    "prompt",
    [
        "What day would you like?",
        "Which day works for you?",
        "On what date should we expect you?",
        "Please say the month and day of your appointment.",
        "For which day would you like to book?",
        "What's your preferred date?",
        "Your name is Jane Doe. What date would you like to come in?",
    ],
)
def test_a_question_for_the_day_is_answered_with_the_day(prompt: str) -> None:
    assert spoken_reply(prompt) == "Monday, November 23"


@pytest.mark.parametrize(
    "prompt",
    [
        "And at what time?",
        "What time on Monday, November 23?",
        "Which time of the day?",
        "Okay, Monday it is. What time works for you?",
        "At what hour would you like to start?",
        "The time, please?",
    ],
)
def test_once_the_day_is_told_a_question_for_the_time_is_answered_with_the_time(prompt: str) -> None:
    caller = Understanding(FACTS)
    caller.reply("Which day would you like?", speech=True, keypad=False)
    assert caller.reply(prompt, speech=True, keypad=False) == Reply(speech="2 PM")


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Which day of the week do you prefer?", "Monday"),
        ("Would you prefer the morning or the afternoon?", "afternoon"),
        ("Is that AM or PM?", "PM"),
        ("How can I help you today?", "I would like to book an appointment"),
        ("Would you like to book, reschedule or cancel an appointment?", "I would like to book an appointment"),
        ("What is the reason for your call?", "I would like to book an appointment"),
        ("Please tell me your name and phone number.", "Jane Doe, 202 555 0123"),
    ],
)
def test_other_things_a_booking_caller_knows(prompt: str, answer: str) -> None:
    assert spoken_reply(prompt) == answer


@pytest.mark.parametrize(
    "prompt",
    [
        "How long should the appointment be?",
        "How long should the appointment be: 15, 30 or 60 minutes? You may say it or press the keys.",
        "How many minutes do you need?",
        "Would you like thirty minutes or an hour?",
        "What duration would you like?",
        "Do you want 30, 60 or 90 minutes?",
        "And for how long?",
        "How much time do you need on Monday, November 23 at 2 PM?",
        "Please tell me the length of the appointment.",
        "Would you prefer a 30 minute or a 60 minute session?",
    ],
)
def test_a_question_for_the_duration_is_answered_with_the_duration(prompt: str) -> None:
    assert spoken_reply(prompt) == "30 minutes"


@pytest.mark.parametrize(
    "prompt",
    [
        "I heard Jane Doe. Is that correct? Please say yes or no.",
        "You said your name is Jane Doe, is that right?",
        "I have Jane Doe on Monday, November 23 at 2 PM for 30 minutes. Shall I book it? Please say yes or no.",
        "So that is Monday, November 23 at 2 PM. Does that work for you?",
        "Did you say Monday?",
        "Jane Doe, correct?",
        "Say yes to confirm or no to change.",
        "To confirm, say yes.",
        "Is this the best number to reach you?",
        "Should I go ahead and schedule that?",
        "Just to confirm: Jane Doe, Monday at 2 PM, 30 minutes?",
        "Would you like me to book this appointment?",
        "Are you a new patient?",
        "That slot is available. Would you like to book it?",
        "Did I get that right?",
        "Monday, November 23 at 2 PM, for 30 minutes. Everything okay?",
        "Is 30 minutes okay?",
        "Can I confirm this booking for you?",
        "Am I speaking with Jane Doe?",
        "Is that November?",
    ],
)
def test_a_read_back_and_leave_to_book_are_answered_yes(prompt: str) -> None:
    assert spoken_reply(prompt) == "yes"


@pytest.mark.parametrize(
    "prompt",
    [
        "That time is taken. Would 3 PM work for you?",
        "You already have an appointment on Monday, November 23 at 2 PM, so I did not book another. "
        "I could offer you Monday, November 23 at 2:30 PM instead. Would you like that? Please say yes or no.",
        "I'm sorry, 2 PM is not available. The next available time is 4 PM. Shall I book that?",
        "How about Tuesday at 9 AM instead? Say yes or no.",
        "Is there anything else I can help you with?",
        "Would you like to change anything?",
        "Do you want to cancel? Please say yes or no.",
        "Would you like to make another appointment?",
        "Would you like a text message reminder?",
        "Have you been here before?",
    ],
)
def test_another_time_and_extras_are_answered_no(prompt: str) -> None:
    assert spoken_reply(prompt) == "no"


@pytest.mark.parametrize(
    "prompt",
    [
        "What is your date of birth?",
        "Please say your email address.",
        "What is your insurance number?",
        "What is your account number?",
        "What is your pet's name?",
        "Which doctor would you like to see?",
        "How many people are in your party?",
        "Is this an emergency?",
        "What is your zip code?",
        "Please say the name of your insurance.",
        "What is your membership number?",
        "What is the capital of France?",
        "Do you have any allergies?",
        "2 PM is not available. What other time would you like?",
        "We are closed then. When would you like to come in?",
        "Can you describe the problem?",
        "Are you over 18?",
        "Please enter your four digit pin.",
        "",
        "Thank you for calling Acme Dental.",
    ],
)
def test_what_a_booking_caller_does_not_know_is_not_answered(prompt: str) -> None:
    assert spoken_reply(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "key"),
    [
        ("Welcome. Press 1 to book an appointment, 2 to cancel one, or 3 to hear our opening hours.", "1"),
        ("To cancel an appointment, press 1. To book an appointment, press 2. To repeat, press 9.", "2"),
        ("For an existing appointment press 1, for a new appointment press 2.", "2"),
        ("Press one for English, two for Spanish.", "1"),
        ("Press 1 for 15 minutes, 2 for 30 minutes, 3 for one hour.", "2"),
        ("For one hour, press 1. For half an hour, press 2.", "2"),
        ("Press 1 for morning or 2 for afternoon.", "2"),
        ("You chose Monday, November 23 at 2 PM. Press 1 to confirm, 2 to start over.", "1"),
        ("If this is correct, press 1. If not, press 2.", "1"),
        ("For yes press 1, for no press 2.", "1"),
        ("Is that AM or PM? Press 1 for AM, 2 for PM.", "2"),
        ("Press 4 for 1 PM, 5 for 2 PM, 6 for 2:30 PM.", "5"),
        ("Press 1 for Tuesday, 2 for Monday.", "2"),
        ("2 PM is taken. Press 1 to take 3 PM, or 2 to decline.", "2"),
        ("Your appointment is booked. Press 1 to book another appointment or 2 to hang up.", "2"),
        ("Press any key to continue.", "1"),
        ("We are open from 9 to 5. Press 3 to make an appointment. Press 0 for the operator.", "3"),
        ("Please press 1 if you would like to schedule a visit, or press 2 to speak to someone.", "1"),
        ("To schedule, please dial 7; to reschedule, please dial 8.", "7"),
    ],
)
def test_the_right_key_of_a_menu_is_pressed(prompt: str, key: str) -> None:
    assert keyed_reply(prompt) == key


@pytest.mark.parametrize(
    "prompt",
    [
        "Press 1 for 45 minutes, 2 for 60 minutes.",
        "Press 1 for Tuesday, 2 for Wednesday.",
        "Press 1 for billing, 2 for our opening hours.",
        "What is your name?",
        "Is that correct?",
        "Please enter your date of birth.",
    ],
)
def test_no_key_is_pressed_where_none_is_right(prompt: str) -> None:
    assert keyed_reply(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "num_digits", "keys"),
    [
        ("Please enter your phone number, followed by the pound key.", None, "2025550123"),
        ("Enter your eleven digit phone number.", 11, "12025550123"),
        ("Enter the number of minutes you need.", None, "30"),
        ("How long should it be?", 2, "30"),
        ("How long should it be?", 1, None),
        ("Enter the month and day, two digits each.", 4, "1123"),
        ("Enter the date, day and then month, as DDMM.", 4, "2311"),
        ("Enter the date, with month, day and year.", 8, "11232026"),
        ("Enter the time in 24 hour format.", 4, "1400"),
        ("Enter the time.", 4, "1400"),
        ("Enter the hour as four digits, followed by pound.", 4, "1400"),
        ("Enter the hour as two digits.", 2, "14"),
        ("Enter the hour, 1 to 12.", 2, "2"),
        ("Enter the hour on a 12 hour clock, two digits.", 2, "02"),
        ("Now enter the minutes: 0 0, 1 5, 3 0 or 4 5.", 2, "00"),
        ("Enter the year, four digits.", 4, "2026"),
        ("Enter the date as six digits, day month year.", 6, "231126"),
        ("What date would you like to come in? Enter it as month and day on your keypad.", 4, "1123"),
    ],
)
def test_keypad_only_questions_are_answered_with_digits(prompt: str, num_digits: int | None, keys: str | None) -> None:
    assert keyed_reply(prompt, num_digits) == keys


def test_a_time_that_was_not_taken_is_keyed_in_by_the_other_clock() -> None:
    caller = Understanding(FACTS)
    asked = "Enter the time as four digits."
    keyed = [caller.reply(asked, speech=False, keypad=True, num_digits=4) for _ in range(2)]

    assert keyed == [Reply(keys="1400"), Reply(keys="0200")]


def test_where_both_are_taken_a_menu_is_keyed_and_a_question_is_spoken() -> None:
    caller = Understanding(FACTS)
    assert caller.reply("Press 1 to book.", speech=True, keypad=True) == Reply(keys="1")
    assert caller.reply("How long shall it be?", speech=True, keypad=True) == Reply(speech="30 minutes")


def test_a_caller_who_prefers_keys_uses_them_where_both_are_taken() -> None:
    caller = Understanding(FACTS, prefers_keys=True)
    assert caller.reply("How long shall it be?", speech=True, keypad=True) == Reply(keys="30")
    assert caller.reply("What is your name?", speech=True, keypad=True) == Reply(speech="Jane Doe")
    assert caller.reply("Please enter the time.", speech=True, keypad=True) == Reply(keys="1400")
    assert caller.reply("And at what time?", speech=True, keypad=True) == Reply(speech=FULL)


def test_a_request_to_say_it_again_repeats_the_last_answer() -> None:
    caller = Understanding(FACTS)
    caller.reply("What is your name?", speech=True, keypad=False)
    assert caller.reply("Sorry, could you repeat that?", speech=True, keypad=False) == Reply(speech="Jane Doe")


def test_a_question_beside_a_menu_is_answered_by_voice() -> None:
    prompt = "What is your name? Or press 0 to speak to an operator."
    assert Understanding(FACTS).reply(prompt, speech=True, keypad=True) == Reply(speech="Jane Doe")


def test_a_half_hour_is_said_with_its_minutes() -> None:
    facts = Facts("Jane Doe", "+12025550123", FACTS.start.replace(hour=9, minute=30), 30)
    reply = Understanding(facts).reply("When would you like to come in?", speech=True, keypad=False)
    assert reply == Reply(speech="Monday, November 23 at 9:30 AM")


def test_a_number_from_abroad_is_said_with_its_country_code() -> None:
    facts = Facts("Jane Doe", "+442079460123", FACTS.start, 30)
    reply = Understanding(facts).reply("What is your phone number?", speech=True, keypad=False)
    assert reply == Reply(speech="+442079460123")
