"""Callers who are less than perfect: silent, unclear, slow, hanging up, changing their mind, delivered twice."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp

from prodtest_assets.caller import Ended, Habits, Persona, Target, place_call

from .conftest import ListLedger
from .test_faulty_applications import NAME, answering

Serve = Callable[[ASGIApp], str]
START = datetime(2026, 11, 23, 14, tzinfo=UTC)
WHEN = "<Gather input='speech'><Say>What day and time?</Say></Gather>"
Seen = list[dict[str, str]]


def test_an_answer_delivered_twice_carries_the_same_token_and_only_the_first_reaction_is_heard(
    serve: Serve, ledger: ListLedger
) -> None:
    seen: Seen = []
    url = serve(answering(NAME, "<Say>First.</Say>", "<Say>Second.</Say>", seen=seen))
    persona = Persona("quick", START, habits=Habits(delivered_twice_at=frozenset({0})))

    call = place_call(persona, Target(url), ledger)

    assert [asked.get("SpeechResult") for asked in seen] == [None, "Jane Quick", "Jane Quick"]
    assert seen[1]["token"] == seen[2]["token"] != seen[0]["token"]
    assert call.turns[-1].text == "First."


def test_a_caller_who_hangs_up_while_listening_sends_nothing_but_the_last_status(
    serve: Serve, ledger: ListLedger
) -> None:
    seen: Seen = []
    told: Seen = []
    url, status_url = serve(answering(NAME, WHEN, seen=seen)), serve(answering(Response(status_code=204), seen=told))
    persona = Persona("quick", START, habits=Habits(hangs_up_at=1))

    call = place_call(persona, Target(url, "/voice", status_callback_path=status_url), ledger)

    assert (call.ended, call.problem) == (Ended.caller_hung_up, None)
    assert [turn.text for turn in call.turns] == ["What is your name?", "Jane Quick", "What day and time?"]
    assert [asked.get("SpeechResult") for asked in seen] == [None, "Jane Quick"]
    assert told[-1]["CallStatus"] == "completed"
    assert ledger.closed[call.call_sid][0] is False


def test_a_silent_caller_is_asked_again_where_the_application_does_so(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    again = f"{NAME}<Say>I did not hear you.</Say><Redirect>/again</Redirect>"
    url = serve(answering(again, again, "<Say>Thank you.</Say>", seen=seen))
    persona = Persona("quick", START, habits=Habits(silent_at=frozenset({0})))

    call = place_call(persona, Target(url, "/voice"), ledger)

    assert [(asked["path"], asked.get("SpeechResult")) for asked in seen] == [
        ("/voice", None),
        ("/again", None),
        ("/again", "Jane Quick"),
    ]
    assert call.ended is Ended.hung_up_by_application


def test_a_caller_speaks_where_silence_would_end_the_call(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    url = serve(answering(f"{NAME}<Say>I did not hear anything. Goodbye.</Say>", "<Say>Thank you.</Say>", seen=seen))
    persona = Persona("quick", START, habits=Habits(silent_at=frozenset({0})))

    place_call(persona, Target(url, "/voice"), ledger)

    assert [asked.get("SpeechResult") for asked in seen] == [None, "Jane Quick"]


def test_what_is_repeated_is_heard_with_more_confidence(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    url = serve(answering(NAME, NAME, NAME, NAME, "<Hangup/>", seen=seen))

    place_call(Persona("quick", START, confidence=0.4), Target(url), ledger)

    assert [asked["Confidence"] for asked in seen[1:]] == ["0.4", "0.65", "0.9", "0.95"]


@pytest.mark.parametrize(
    ("speech_timeout", "heard"),
    [("1", "Monday, November 23"), ("auto", "Monday, November 23 at 2 PM"), ("4", "Monday, November 23 at 2 PM")],
)
def test_a_pause_longer_than_the_application_listens_cuts_the_answer(
    serve: Serve, ledger: ListLedger, speech_timeout: str, heard: str
) -> None:
    seen: Seen = []
    ask = f"<Gather input='speech' speechTimeout='{speech_timeout}'><Say>What day and time?</Say></Gather>"
    url = serve(answering(ask, ask, "<Hangup/>", seen=seen))

    place_call(Persona("elderly", START, habits=Habits(pause=2.5)), Target(url), ledger)

    assert [asked["SpeechResult"] for asked in seen[1:]] == [heard, "Monday, November 23 at 2 PM"]


def test_the_caller_gives_other_words_first_and_does_not_agree_to_them(serve: Serve, ledger: ListLedger) -> None:
    confirm = "<Gather input='speech'><Say>I heard 123456. Is that correct?</Say></Gather>"
    seen: Seen = []
    url = serve(answering(NAME, confirm, NAME, "<Hangup/>", seen=seen))

    place_call(Persona("odd", START, habits=Habits(says_first="123456")), Target(url), ledger)

    assert [asked["SpeechResult"] for asked in seen[1:]] == ["123456", "no", "Jane Odd"]


def test_other_words_are_said_at_the_first_question_that_takes_words(serve: Serve, ledger: ListLedger) -> None:
    menu = "<Gather numDigits='1'><Say>To book an appointment, press 1.</Say></Gather>"
    seen: Seen = []
    url = serve(answering(menu, NAME, NAME, "<Hangup/>", seen=seen))

    place_call(Persona("odd", START, habits=Habits(says_first="4711 0815")), Target(url), ledger)

    answers = [asked.get("SpeechResult") or asked["Digits"] for asked in seen[1:]]
    assert answers == ["1", "4711 0815", "Jane Odd"]


def test_a_change_of_mind_comes_when_the_first_time_is_to_be_agreed_to(serve: Serve, ledger: ListLedger) -> None:
    first = "<Gather input='speech'><Say>Monday, November 23 at 2 PM. Shall I book it?</Say></Gather>"
    second = "<Gather input='speech'><Say>Tuesday, November 24 at 9 AM. Shall I book it?</Say></Gather>"
    right = "<Gather input='speech'><Say>I heard Jane Reschedule. Is that correct?</Say></Gather>"
    seen: Seen = []
    url = serve(answering(NAME, right, WHEN, first, WHEN, second, "<Hangup/>", seen=seen))
    persona = Persona("reschedule", datetime(2026, 11, 24, 9, tzinfo=UTC), first_start=START)

    call = place_call(persona, Target(url), ledger)

    assert [asked["SpeechResult"] for asked in seen[1:]] == [
        "Jane Reschedule", "yes", "Monday, November 23 at 2 PM", "no", "Tuesday, November 24 at 9 AM", "yes",
    ]  # fmt: skip
    assert call.requested_start == persona.start


def test_a_first_wish_that_nobody_asks_to_agree_to_stays_the_wish(serve: Serve, ledger: ListLedger) -> None:
    persona = Persona("reschedule", datetime(2026, 11, 24, 9, tzinfo=UTC), first_start=START)

    call = place_call(persona, Target(serve(answering(NAME, WHEN, "<Say>Booked.</Say>"))), ledger)

    assert [turn.text for turn in call.turns if turn.speaker == "caller"][-1] == "Monday, November 23 at 2 PM"
    assert call.requested_start == START
