"""Menus of many shapes, dates by part, and questions beside a menu, sorted by the answer they want."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, tzinfo=ZoneInfo("America/New_York")), 30)

KEYED: dict[str | None, list[str]] = {
    "2": [
        "We have 9 AM on Monday. Press 1 to take it, press 2 to hear the next time.",
        "You entered October 23. Press 1 if correct. Press 2 to try again.",
        "You entered 90 minutes. Press 1 to accept or press 2 to re-enter.",
        "Is 202 555 0100 the number we should use? Press 1 for yes, 2 for no.",
        "You're booked. Press 1 for another appointment, 2 to finish.",
        "Would you like to go back to the main menu? Press 1 for yes, 2 for no.",
        "Press 1 if you already have an appointment. Press 2 if you would like to make one.",
        "You chose Tuesday at 3 PM. If that is right, press 1. Otherwise, press 2.",
        "Would you like to make another booking? Press 1 for yes, 2 for no.",
        "Do you want to cancel? Press 1 for yes, 2 for no.",
        "Would you like to change anything? Press 1 for yes, 2 for no.",
        "Are you an existing customer? Press 1 for yes, 2 for no.",
        "Would you like to hear that again? Press 1 for yes, 2 for no.",
        "Would you like a text reminder? Press 1 for yes, 2 for no.",
        "Your appointment is confirmed. Press 1 to make another booking, 2 to end the call.",
        "Press 1 for 15 minutes, 2 for 30, or 3 for 60.",
        "Press 1 for 15, 2 for 30, 3 for 60 minutes.",
        "Press 1 for fifteen minutes, 2 for thirty, 3 for sixty.",
        "For a 15 minute slot press 1, 30 minutes press 2, 60 minutes press 3.",
        "Fifteen minutes, press 1. Thirty minutes, press 2.",
        (
            "The next available slot is Tuesday, November 24 at 9 AM. To take it, press 1. To hear the next "
            "one, press 2."
        ),
        "If you are a returning patient press 1. If this is your first visit press 2.",
        "You selected Tuesday, November 24. Press 1 to confirm, 2 to choose again.",
        "The first opening is Tuesday at 9 AM. Press 1 to book it or 2 for the next opening.",
        "I heard 60 minutes. Press 1 if that's right, 2 if not.",
        "Existing patients press 1. New patients press 2.",
        "To speak to reception, press 1. To book online by phone, press 2.",
        "I found Tuesday at 11 AM. Press 1 to accept or 2 to decline.",
        "Choose a day. Press 1 for Friday, press 2 for Monday.",
        "Would you like to leave feedback? Press 1 for yes or 2 for no.",
        "Do you need to change your booking? Press 1 for yes, press 2 for no.",
        "Is your name John Dough? Press 1 for yes, 2 for no.",
        "Press 1 for 60 minutes and 2 for 30 minutes.",
        "You're all booked in. To book another visit press 1. To end this call press 2.",
        "To hear our hours, press 1. To make a reservation, press 2. To leave a message, press 3.",
        "Please choose how long. For 60 minutes, press 1. For 30 minutes, press 2.",
        "You have chosen Monday at 4 PM. If this is right, press 1. To start again, press 2.",
        "Would you like to hear about our specials? Press 1 for yes, 2 for no.",
        "To cancel or change an appointment, press 1. To schedule one, press 2.",
        "Select your preferred time of day. Press 1 for morning, 2 for afternoon, 3 for evening.",
    ],
    "1": [
        "You entered 1 4 0 0. Press 1 to confirm.",
        "You entered November 23. Press 1 if correct. Press 2 to try again.",
        "You entered 30 minutes. Press 1 to accept or press 2 to re-enter.",
        "Is 202 555 0123 the number we should use? Press 1 for yes, 2 for no.",
        "Bookings, press 1. Cancellations, press 2.",
        "Book an appointment: press 1.",
        "We have you on Monday at 2 PM. Yes, press 1. No, press 2.",
        "Yes, press 1. No, press 2.",
        "Correct? Press 1. Wrong? Press 2.",
        "Press 1 now to book.",
        "Press 1 on your keypad to book an appointment, or 2 to cancel.",
        "Press the number 1 on your keypad to book.",
        "Press 1: 30 minutes.",
        "Press 1 - book an appointment.",
        "Option 1: book an appointment. Option 2: cancel an appointment.",
        "1 to book, 2 to cancel.",
        "Please make a selection. 1 for appointments, 2 for billing.",
        "To book or change an appointment, press 1.",
        "To book a new appointment, or to check availability, press 1.",
        "Press 1 for appointments, or stay on the line for an operator.",
        "Press 1 to get an appointment, 2 for anything else.",
        "Press one to begin.",
        "Press 1 to get started.",
        "Press 1 to lock in this time, 2 to pick another.",
        "Press 1 to secure this slot, 2 to choose again.",
        "Press 1 to submit.",
        ("The next available slot is Monday, November 23 at 2 PM. To take it, press 1. To hear the next one, press 2."),
        "Press 1 to use this number, 2 to enter a new one.",
        "To set up a visit, press 1. To hear our address, press 2.",
        "Choose your appointment length. 1, 30 minutes. 2, 60 minutes.",
        "Choose your appointment length. 1. 30 minutes. 2. 60 minutes.",
        "Welcome to Bright Smile. Press 1 to make an appointment, press 2 for directions.",
        "If you want to make an appointment, press 1. If you need a prescription, press 2.",
        "Press 1 to reserve Monday at 2 PM, or 2 to hear more times.",
        "Press 1 for a half hour appointment or 2 for a full hour.",
        "To confirm your appointment on Monday, November 23 at 2 PM, press 1. To choose another, press 2.",
        "Is your name Jane Doe? Press 1 for yes, 2 for no.",
        "We have you on Monday at 2 PM. If that's okay, press 1. If it isn't, press 2.",
        "Appointments, press 1. Billing, press 2. All other questions, press 3.",
        "For appointments press 1, or hold for the next available agent.",
        "Press 1 to continue booking, or press 2 to return to the main menu.",
        ("Good morning, city hall. For appointments, press 1. For permits, press 2. For all other inquiries, press 0."),
        "Press 1 to book. Press 2 to reschedule. Press 3 to cancel.",
        (
            "Thank you for calling. If you know your party's extension, dial it now. To schedule an "
            "appointment, press 1."
        ),
        "You have chosen Monday at 2 PM for 30 minutes. If this is right, press 1. To start again, press 2.",
        "We show your number as 202 555 0123. Press 1 if this is correct, or 2 to enter another.",
        "Shall we book it? Press 1 for yes, 2 for no.",
        "New clients, press 1. Returning clients, press 2.",
        "One: book an appointment. Two: opening hours.",
        "If you'd like to be seen on Monday at 2 PM press 1, otherwise press 2.",
    ],
    "#": [
        "Press pound to confirm, or star to start over.",
        "Press the pound key to continue.",
    ],
    "23": [
        "Enter the day of the month as two digits.",
        "Please enter the two digit day of the month.",
    ],
    "14": [
        "Enter the hour in 24 hour format.",
        "Enter the hour, from 9 to 17.",
        "Please enter the hour of your appointment using the 24 hour clock, two digits.",
    ],
    "11": [
        "Enter the month as two digits.",
        "Enter two digits for the month.",
        "Enter the number of the month, for example 03 for March.",
    ],
    "1400": [
        "Using four digits, enter the time you want.",
    ],
    "2025550123": [
        "Using your keypad, enter your telephone number and press pound.",
        "On your keypad, enter your phone number.",
        "Please key in your mobile number followed by the hash key.",
        "Using the keypad on your phone, please type in your ten digit number.",
        "Enter the telephone number where we can reach you, then press pound.",
        "Enter your ten digit mobile number now.",
        "Please dial in your telephone number, then press the hash key.",
        "So we can send you a confirmation, key in your phone number using the keypad and finish with pound.",
    ],
    "30": [
        "Using your keypad, enter the number of minutes.",
        "Please enter the length of your visit in minutes, followed by pound.",
        "Enter how many minutes you need.",
        "Please enter the duration in minutes using your keypad.",
    ],
    "3": [
        "For sales, press 1. For service, press 2. To book a service appointment, press 3.",
        "Your options are: press 1 for 10 AM, press 2 for noon, press 3 for 2 PM.",
        "When would you like to come? Press 1 for Thursday, 2 for Friday, 3 for Monday.",
    ],
    None: [
        "Press 1 if this is an emergency.",
        "Press 1 to pay your bill, press 2 for your balance.",
        "Press 1 for Dr. Smith, 2 for Dr. Jones.",
    ],
    "5": [
        "Main menu. Press 4 to hear our address, 5 to schedule an inspection, 6 for fees.",
    ],
    "1123": [
        "Enter the month and the day of your appointment as four digits.",
        "Enter your preferred date as month then day, for example 0 1 1 5 for January 15.",
    ],
    "4": [
        "Press 1 for 9 AM, 2 for 10:30 AM, 3 for 1 PM, 4 for 2 PM, or 5 for 3:30 PM.",
    ],
}
EITHER: dict[str | None, list[str]] = {
    "Jane Doe": [
        "Please say your name or press 0 for the operator.",
        "Please say your name, or press star to skip.",
        "Say your name, or press 9 to go back.",
        "After the tone, please say your name and press any key.",
        "Press 0 for the operator, or say your name.",
        "Say your name, or press 0 at any time to speak to reception.",
    ],
    "Monday, November 23 at 2 PM": [
        "Tell me a day and time, or press 1 to hear the next available slot.",
        "When would you like to come in? You can also press 0 to speak to someone.",
    ],
    "Monday, November 23": [
        "Say the day you would like, or press 1 for tomorrow.",
        "What day would you like to come in? Press star to repeat.",
    ],
    "30 minutes": [
        "How long do you need? You can say 30 minutes or 60 minutes, or press pound to hear this again.",
    ],
    "1": [
        "How long would you like? Press 1 for 30 minutes or 2 for 60 minutes.",
        "Press or say 1 to book an appointment, or 2 for anything else.",
    ],
}


@pytest.mark.parametrize(("prompt", "keys"), [(prompt, keys) for keys in KEYED for prompt in KEYED[keys]])
def test_keys_are_right_or_not_pressed(prompt: str, keys: str | None) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=False, keypad=True)

    assert (reply.keys if reply else None) == keys


@pytest.mark.parametrize(("prompt", "answer"), [(prompt, answer) for answer in EITHER for prompt in EITHER[answer]])
def test_a_question_beside_a_way_out_is_answered(prompt: str, answer: str) -> None:
    reply = Understanding(FACTS).reply(prompt, speech=True, keypad=True)

    assert reply is not None
    assert answer in (reply.keys, reply.speech)
