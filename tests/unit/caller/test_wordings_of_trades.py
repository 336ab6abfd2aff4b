"""How dentists, garages, banks, vets and city offices ask, sorted by the answer they want."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZoneInfo("America/New_York")), 30)

SPOKEN: dict[str | None, list[str]] = {
    "Jane Doe": [
        "To book you in, I just need your first and last name.",
        "Which name do we put down?",
        "May I know who I have the pleasure of helping?",
        "Welcome to Bright Smile Dental. So we can find your records, tell us the name of the patient.",
        "Thanks! And who should I put the appointment under?",
        "Alright, let's get you booked in. First off, your name?",
        "What's the name on the booking going to be?",
        "Hello, you have reached Mario's Hair Studio. After the tone please leave your full name.",
        "Could I just take your name?",
        "Before we start, who am I talking to today?",
        "We need a few details. Please begin with your first and last name.",
        "Please give your complete name as it appears on your ID.",
        "You've reached Northside Veterinary. I'm Ava, the virtual receptionist. Who am I speaking with today?",
        "To get you scheduled I'll need a name. Go ahead.",
        "Could you start with your name please?",
        "And the booking is for?",
        "Tell me who you are.",
        "Name of the customer, please.",
        "What's the full name of the person coming in?",
        "Which name should appear on the reservation?",
        "Please state the name of the account holder who is making the appointment.",
        "I'm sorry, I still don't have your name. What is it?",
        "Kindly mention your name.",
    ],
    "Doe": [
        "Thanks. And the surname?",
        "Got it, Jane. And what is your last name?",
    ],
    "Jane": [
        "Could I get your first name only?",
        "What's your first name, please? Just the first name.",
    ],
    "J-A-N-E D-O-E": [
        "To make sure we get it right, please spell your full name.",
        "Would you mind spelling your name for me?",
        "Can you spell that for me, letter by letter?",
    ],
    "D-O-E": [
        "Now the last name, spelled out please.",
        "How do you spell your surname?",
    ],
    "202 555 0123": [
        "And a daytime phone number please.",
        "What number should we text your confirmation to?",
        "At what number can we reach you if something changes on the day?",
        "Please say, digit by digit, the phone number for this booking.",
        "If we need to get hold of you, what is the best number?",
        "Your mobile number, starting with the area code?",
        "What's the best way to reach you by phone?",
        "Now your phone number, please, including area code.",
        "Which phone number would you like us to have on file?",
        "In case we get disconnected, what's a good callback number?",
        "Please say the ten digits of your phone number.",
        "Where can we reach you? Please say the number.",
        "Could you confirm your phone number for me?",
        "Can we get a number for text reminders?",
    ],
    "Monday, November 23": [
        "On which day can we expect your dog for grooming?",
        "Okay Jane. Which day were you thinking of?",
        "What day would suit you to bring the car in?",
        "Let's pick a day. We're open Monday through Friday.",
        "Please say the date you would like to visit the city office.",
        "What's a good day for your cleaning?",
        "We'll start with the date. Which one would you like?",
        "Which day next week suits you?",
        "What's the date you'd like to reserve?",
        "Just tell me the day, and I'll see what's open.",
        "Do you have a particular day in mind?",
        "What day shall I look at for you?",
        "We can see you any weekday. Which day do you want?",
        "And the day?",
        "Any preference for the day?",
        "What day is most convenient for your inspection?",
        "Okay, for which date?",
    ],
    "Monday, November 23 at 2 PM": [
        "Please state your desired appointment date and time.",
        "Tell me when you're free.",
        "When would you like to bring Rex in for his check-up?",
        "When can we expect you at the branch?",
        "For what day and time should I schedule the oil change?",
        "Please tell us the date and time that would be most convenient.",
        "What would be a good time for your haircut?",
        "Let me know your preferred day and time for the consultation.",
        "When shall I pencil you in?",
        "Sorry, I didn't get the time. When would you like to come?",
        "What date and time are you looking for?",
        "And when would you like that?",
        "Tell me a day followed by a time.",
        "So, when do you want to come see us?",
        "What day and what time?",
        "When do you need the appointment?",
        "Please tell me when you would like to drop your vehicle off.",
        "Give me a date and time that works for you.",
        "Do you have a preferred date and time?",
        "When were you thinking?",
        "What time and day would be good?",
        "Which slot works for you?",
        "How soon would you like to come in, and at what time?",
        "Let's find you a time. When works?",
        "Could you give me the day and hour you'd like?",
        "Please say when you'd like to be seen.",
    ],
    "30 minutes": [
        "How much time would you like with the advisor?",
        "Would you like the half-hour or the one-hour consultation?",
        "How long do you think you'll need?",
        "How long an appointment would you like?",
        "Do you need a thirty minute or sixty minute slot?",
        "Please say how long you need.",
        "And the duration of the visit?",
        "Our sessions last 30 or 60 minutes. Which one suits you?",
        "How long shall we block out for you on Monday?",
        "Will half an hour be enough, or do you need a full hour?",
        "How long is the appointment?",
        "For how long would you like to meet with the banker?",
        "Shall I book a 30 minute or 60 minute slot?",
        "What's the expected duration?",
        "How many minutes should we set aside?",
        "Would you like 30, 45 or 60 minutes?",
        "A half hour or a full hour?",
        "And how long should that be?",
        "Do you want a short, thirty minute visit or a long, sixty minute visit?",
    ],
    "afternoon": [
        "Do mornings or afternoons suit you better?",
        "Which part of the day suits you best, morning or afternoon?",
        "Is morning or afternoon better for you?",
    ],
    "PM": [
        "Is that in the AM or PM?",
    ],
    "Monday": [
        "Which day of the week would be best?",
    ],
    "one": [
        "To make an appointment, say one. For anything else, say two.",
    ],
    "J-A-N-E": [
        "Please spell your first name.",
    ],
}
AFTER_THE_DAY: dict[str | None, list[str]] = {
    "2 PM": [
        "And roughly what time would you like to be here?",
        "Got it. What time should we expect you?",
        "Now tell me the hour that suits you.",
        "Monday works. What time would you like to drop off your car?",
        "Great, and at what time shall we book you in that day?",
        "Please say a time between 9 AM and 5 PM.",
        "Okay, the 23rd. What time?",
        "And the time?",
        "What time is good for you on Monday?",
        "We have you down for Monday. At what time would you like to start?",
        "Any preference on the time?",
        "Which hour would suit you best?",
        "Next, what time do you want?",
        "Say the time you'd like, such as ten thirty AM.",
        "Thanks. And when that day?",
        "I have 1 PM, 2 PM or 3 PM that day. Which one would you like?",
        "Is 11 AM or 2 PM better?",
    ],
}


@pytest.mark.parametrize(("prompt", "answer"), [(prompt, answer) for answer in SPOKEN for prompt in SPOKEN[answer]])
def test_each_trade_is_understood_in_its_own_words(prompt: str, answer: str | None) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=True, keypad=False)

    assert (reply.speech if reply else None) == answer


@pytest.mark.parametrize(
    ("prompt", "answer"), [(prompt, answer) for answer in AFTER_THE_DAY for prompt in AFTER_THE_DAY[answer]]
)
def test_the_time_alone_answers_once_the_day_is_told(prompt: str, answer: str | None) -> None:
    caller = Understanding(FACTS)
    caller.reply("Which day would you like?", speech=True, keypad=False)
    reply = caller.reply(prompt, speech=True, keypad=False)

    assert (reply.speech if reply else None) == answer
