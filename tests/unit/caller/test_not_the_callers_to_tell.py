"""What a booking caller does not know, or is not asked at all: silence is right, any answer is wrong."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZoneInfo("America/New_York")), 30)

SPOKEN = [
    "Is Dr. Miller okay for you, or would you prefer Dr. Jones?",
    "What's the name of your street?",
    "Who is your emergency contact?",
    "What's the phone number of your doctor?",
    "What is the name of your insurance company?",
    "What day were you born?",
    "What date does your contract end?",
    "What date is on your letter?",
    "When did the symptoms start?",
    "How long have you had this problem?",
    "How long have you been a customer?",
    "How long is your hair?",
    "How many miles are on the car?",
    "How many minutes late will you be?",
    "What time does your flight arrive?",
    "Which month is your birthday?",
    "What is the best time to call your doctor?",
    "What is your favourite day of the week?",
    "What's your mother's name?",
    "What is your child's first name?",
    "How do you spell your street name?",
    "What is your employer's phone number?",
    "What is your fax number?",
    "What is your social security number?",
    "Please enter the last four digits of your card.",
    "Please say your order number.",
    "What's your ticket number?",
    "What is the licence plate number?",
    "What number is on your card?",
    "Which number appears on your bill?",
    "Would you like blue or red?",
    "Coffee or tea?",
    "Do you need parking?",
    "Will you bring your own towel?",
    "Are you the owner of the car?",
    "Is your dog aggressive?",
    "Is the car drivable?",
    "Do you smoke?",
    "How did your last appointment go?",
    "What happened?",
    "Where does it hurt?",
    "Where do you live?",
    "Where is the car now?",
    "Which side?",
    "Upper or lower teeth?",
    "Is it the left or the right eye?",
    "Which of our services do you need?",
    "What are you looking to have done?",
    "What would you like done?",
    "What size is your vehicle?",
    "Please describe the noise.",
    "Please hold the line.",
    "Your call is important to us.",
    "Thanks, your appointment is booked. Goodbye.",
    "Your appointment is on Monday at 2 PM. See you then.",
    "Please have your name and number ready.",
    "We will ask for your name and a time later.",
    "You will need the date of your last visit.",
    "Our next question is about your insurance.",
    "One of our staff will take your name shortly.",
    "Let me see which times are open that day.",
    "Checking which day works best.",
    "I'll look up your name.",
    "We'll call you at this number.",
    "Is there a gate code?",
    "What gate code should we use?",
    "What is the name of the person who referred you?",
    "Which doctor did you see last time?",
    "Do you want a window seat?",
    "How much do you weigh?",
    "What is the time on your receipt?",
    "How would you like to be notified?",
    "Would you rather pay by card or cash?",
    "What's the date on your passport?",
    "Can you tell me the name of the medication?",
    "What day did the pain begin?",
    "What time do you usually wake up?",
    "Please say the name of the town you live in.",
    "What is the name on your credit card?",
    "Do you have a referral?",
    "Have you had surgery in the last year?",
]
KEYED = [
    "Press 1 for English cars, 2 for German cars.",
    "Is your pet a cat? Press 1 for yes, 2 for no.",
    "Are you over 65? Press 1 for yes, 2 for no.",
    "Enter your member number followed by pound.",
    "Enter your date of birth as month, day and year.",
    "Enter the last four digits of your card.",
    "Press 1 for upper teeth, 2 for lower teeth.",
    "On a scale of 1 to 5, how happy are you? Press 1 to 5.",
    "Enter the amount you want to pay.",
    "Enter your extension.",
    "Please enter your zip code.",
    "To pay by phone, press 1. To hear your balance, press 2.",
    "For questions about your appointment, press 1. For billing, press 2.",
    "To confirm an existing appointment press 1. To cancel it press 2.",
]


@pytest.mark.parametrize("prompt", SPOKEN)
def test_what_is_not_the_callers_to_tell_is_not_answered(prompt: str) -> None:
    assert Understanding(FACTS).reply(prompt, speech=True, keypad=False) is None


@pytest.mark.parametrize("prompt", KEYED)
def test_no_key_is_pressed_for_what_is_not_the_callers_to_tell(prompt: str) -> None:
    assert Understanding(FACTS).reply(prompt, speech=False, keypad=True) is None
