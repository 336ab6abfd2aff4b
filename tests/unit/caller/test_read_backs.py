"""Whatever the wish is: its read-back is agreed to, and that of any other wish is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodtest_assets.caller import spoken
from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.understanding import Understanding

TEMPLATES = (
    "I have {name} for {day} at {time}, {minutes} minutes. Is that right?",
    "So that's {minutes} minutes on {day} at {time}. Shall I book it?",
    "Your name is {name} and you would like {day_and_time} for {minutes} minutes. Is that correct?",
    "To confirm: {name}, {day_and_time}, {minutes} minutes. Is everything okay?",
    "Okay {name}. {day}. {time}. {minutes} minutes. May I go ahead?",
    "{day_and_time} is available. We are open from 9 to 5. Do you want it for {minutes} minutes?",
    "I can offer you {day} from {time}, for {minutes} minutes. Does that work for you?",
    "Great, {minutes} minutes on {date} at {clock}. Please say yes or no.",
    "I've got you down for {short_day} at {keyed} for {minutes} minutes. OK?",
    "So that's {spelled_day}, {spelled_time}, {minutes} minutes. Are you happy with that?",
    "{minutes} minutes at {spelled_time} on {british_day}, correct?",
)
KEYED = (
    "You have chosen {day_and_time} for {minutes} minutes. Press 1 to confirm, 2 to choose again.",
    "{minutes} minutes, {day}, {time}. If this is correct, press 1. If not, press 2.",
    "We have you on {day} at {time}, for {minutes} minutes. Is that right? Press 1 for yes, 2 for no.",
)
HOURS = "twelve one two three four five six seven eight nine ten eleven".split()
NTH = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth".split()
NTH += "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split()
NTH += [f"twenty-{nth}" for nth in NTH[:9]] + ["thirtieth", "thirty-first"]
STARTS = st.builds(
    lambda day, minute: datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=day, minutes=minute),
    st.integers(0, 700),
    st.integers(18, 33).map(lambda half_hours: 30 * half_hours),
)
WISHES = st.builds(
    lambda name, start, minutes: Facts(name, "+12025550123", start, minutes),
    st.sampled_from(["Jane Doe", "May Summers", "Will April", "Noor Haddad"]),
    STARTS,
    st.sampled_from([15, 30, 45, 60, 90]),
)


def told(template: str, wish: Facts) -> str:
    """The prompt that reads a wish back."""
    start = wish.start
    return template.format(
        name=wish.name,
        day=spoken.day(start),
        time=spoken.time_of_day(start),
        day_and_time=spoken.day_and_time(start),
        minutes=wish.duration_min,
        date=f"{start:%Y-%m-%d}",
        clock=f"{start:%H:%M}",
        short_day=f"{start:%a}, {start:%b}. {start.day}",
        keyed=f"{start:%I %M %p}",
        spelled_day=f"{start:%A} the {NTH[start.day - 1]} of {start:%B}",
        spelled_time=f"half past {HOURS[start.hour % 12]}" if start.minute else f"{HOURS[start.hour % 12]} o'clock",
        british_day=f"{start.day} {start:%b} {start.year}",
    )


@pytest.mark.parametrize("template", TEMPLATES)
@settings(max_examples=50)
@given(wish=WISHES)
def test_the_wish_is_agreed_to(template: str, wish: Facts) -> None:
    reply = Understanding(wish).reply(told(template, wish), speech=True, keypad=False)

    assert reply is not None
    assert reply.speech == "yes"


@pytest.mark.parametrize("template", TEMPLATES)
@settings(max_examples=50)
@given(wish=WISHES, start=STARTS, minutes=st.sampled_from([15, 30, 45, 60, 90]))
def test_another_wish_is_not(template: str, wish: Facts, start: datetime, minutes: int) -> None:
    for other in (replace(wish, start=start), replace(wish, duration_min=minutes)):
        if other != wish:
            reply = Understanding(wish).reply(told(template, other), speech=True, keypad=False)
            assert reply is not None
            assert reply.speech == "no"


@pytest.mark.parametrize("template", KEYED)
@settings(max_examples=50)
@given(wish=WISHES, start=STARTS)
def test_on_the_keypad_the_same_holds(template: str, wish: Facts, start: datetime) -> None:
    for other in (wish, replace(wish, start=start)):
        reply = Understanding(wish).reply(told(template, other), speech=False, keypad=True)
        assert reply is not None
        assert reply.keys == ("1" if other == wish else "2")
