"""What the telephone network does around a conversation: retries, fallback, status callbacks, second deliveries."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp

from prodtest_assets.caller import Clock, Ended, Habits, Persona, Target, place_call
from prodtest_assets.errors import Unreachable

from .conftest import ListLedger
from .test_faulty_applications import NAME, answering

Serve = Callable[[ASGIApp], str]
START = datetime(2026, 11, 23, 14, tzinfo=UTC)
PERSONA = Persona("quick", START)
WHEN = "<Gather input='speech'><Say>What day and time?</Say></Gather>"
Seen = list[dict[str, str]]


def test_the_fallback_is_asked_once_with_what_went_wrong_and_where(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    url = serve(answering(Response(status_code=500), "<Say>Please call later.</Say>", seen=seen))

    call = place_call(PERSONA, Target(url, "/voice?line=1", fallback_url="/sorry"), ledger)

    assert call.ended is Ended.hung_up_by_application
    assert [(asked["path"], asked.get("ErrorCode"), asked.get("ErrorUrl")) for asked in seen] == [
        ("/voice", None, None),
        ("/sorry", "11200", f"{url}/voice?line=1"),
    ]
    assert call.problem == (
        "POST /voice answered 500 Internal Server Error (provider error 11200), and the fallback was asked"
    )
    assert [turn.status for turn in call.turns] == [500, 200]


def test_a_document_that_is_none_leads_to_the_fallback_too(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    url = serve(answering(Response("<Response><Say>", media_type="text/xml"), "<Hangup/>", seen=seen))

    place_call(PERSONA, Target(url, "/voice", fallback_url=f"{url}/sorry"), ledger)

    assert (seen[1]["path"], seen[1]["ErrorCode"]) == ("/sorry", "12100")


def test_a_fallback_that_fails_ends_the_call(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    url = serve(answering(Response(status_code=503), seen=seen))

    call = place_call(PERSONA, Target(url, "/voice", fallback_url="/sorry"), ledger)

    assert call.ended is Ended.failed
    assert [asked["path"] for asked in seen] == ["/voice", "/sorry"]
    assert "POST /sorry answered 503" in (call.problem or "")


def test_a_voice_address_nobody_listens_at_leads_to_the_fallback(serve: Serve, ledger: ListLedger) -> None:
    fallback = serve(answering("<Say>We are closed.</Say>"))

    call = place_call(PERSONA, Target("http://127.0.0.1:1", fallback_url=fallback), ledger)

    assert call.ended is Ended.hung_up_by_application
    assert "nothing answers at http://127.0.0.1:1 (provider error 11205)" in (call.problem or "")


def test_a_connection_that_fails_is_tried_a_second_time_and_no_third(ledger: ListLedger) -> None:
    tokens: list[str] = []

    def connect(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers["I-Twilio-Idempotency-Token"])
        if len(tokens) == 1:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, headers={"Content-Type": "text/xml"}, content=b"<Response/>")

    def refuse(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers["I-Twilio-Idempotency-Token"])
        raise httpx.ConnectError("refused")

    with httpx.Client(transport=httpx.MockTransport(connect)) as client:
        call = place_call(PERSONA, Target("http://127.0.0.1:1"), ledger, client=client)
    assert call.ended is Ended.hung_up_by_application
    assert len(tokens) == 2
    assert len(set(tokens)) == 1

    tokens.clear()
    with httpx.Client(transport=httpx.MockTransport(refuse)) as client, pytest.raises(Unreachable):
        place_call(PERSONA, Target("http://127.0.0.1:1"), ledger, client=client)
    assert len(tokens) == 2


def test_an_answer_with_an_error_is_not_asked_for_again(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []

    place_call(PERSONA, Target(serve(answering(Response(status_code=500), seen=seen))), ledger)

    assert len(seen) == 1


def test_the_application_is_told_how_the_call_gets_on(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    url = serve(answering("<Pause length='90'/><Say>Goodbye.</Say>", seen=seen))

    call = place_call(PERSONA, Target(url, "/voice", status_callback_path="/status"), ledger)

    told = [asked for asked in seen if asked["path"] == "/status"]
    assert [asked["CallStatus"] for asked in told] == ["initiated", "ringing", "in-progress", "completed"]
    assert [asked["SequenceNumber"] for asked in told] == ["0", "1", "2", "3"]
    assert {(asked["CallSid"], asked["From"], asked["CallbackSource"]) for asked in told} == {
        (call.call_sid, call.number, "call-progress-events")
    }
    assert (told[-1]["CallDuration"], told[-1]["Duration"]) == ("90", "2")
    stamps = [parsedate_to_datetime(asked["Timestamp"]) for asked in told]
    assert stamps == sorted(stamps)
    assert call.problem is None


def test_a_rejected_call_is_reported_as_busy_and_never_as_in_progress(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    url = serve(answering("<Reject reason='busy'/>", seen=seen))

    place_call(PERSONA, Target(url, "/voice", status_callback_path="/status"), ledger)

    told = [asked["CallStatus"] for asked in seen if asked["path"] == "/status"]
    assert told == ["initiated", "ringing", "busy"]


def test_a_status_callback_that_fails_is_told_and_the_call_goes_on(serve: Serve, ledger: ListLedger) -> None:
    broken = serve(answering(Response(status_code=500)))
    url = serve(answering("<Say>Goodbye.</Say>"))

    call = place_call(PERSONA, Target(url, status_callback_path=f"{broken}/status"), ledger)

    assert call.ended is Ended.hung_up_by_application
    assert "the status callback completed was not taken: POST /status answered 500" in (call.problem or "")


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


def test_pauses_and_silences_cost_no_time_and_still_stand_in_the_transcript(serve: Serve, ledger: ListLedger) -> None:
    url = serve(
        answering(
            "<Say>One moment.</Say><Pause length='60'/>"
            "<Gather timeout='30'><Say>Press 0 at any time for the operator.</Say></Gather><Redirect>/b</Redirect>",
            "<Say>Bye.</Say>",
        )
    )

    began = time.monotonic()
    call = place_call(PERSONA, Target(url), ledger)

    assert time.monotonic() - began < 5
    assert (call.turns[-1].at - call.turns[0].at).total_seconds() == pytest.approx(30, abs=3)
    assert (call.turns[0].at - datetime.now(UTC)).total_seconds() == pytest.approx(60, abs=5)


def test_a_clock_of_double_speed_waits_half_as_long(serve: Serve, ledger: ListLedger) -> None:
    slept: list[float] = []
    url = serve(answering("<Pause length='8'/><Say>Bye.</Say>"))

    place_call(PERSONA, Target(url), ledger, clock=Clock(2, sleep=slept.append))

    assert slept == [4]


def test_every_parameter_of_the_provider_is_sent(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    persona = Persona("abroad", START, number="+14165550123", language="en-GB")

    call = place_call(persona, Target(serve(answering(NAME, "<Hangup/>", seen=seen))), ledger)

    ends = ("From", "To", "Caller", "Called")
    places = {f"{end}{place}" for end in ends for place in ("", "City", "State", "Zip", "Country")}
    about_the_call = {"CallSid", "AccountSid", "ApiVersion", "Direction", "CallStatus"}
    assert seen[0].keys() - {"path", "key", "token"} == places | about_the_call
    assert seen[1].keys() - seen[0].keys() == {"SpeechResult", "Confidence", "Language"}
    assert (seen[0]["FromCountry"], seen[0]["ToCountry"], seen[1]["Language"]) == ("CA", "US", "en-GB")
    assert seen[0]["Caller"] == seen[0]["From"] == call.number


def test_redirects_are_flagged_on_the_turn_they_led_to(serve: Serve, ledger: ListLedger) -> None:
    url = serve(answering(RedirectResponse("/elsewhere", 302), "<Say>Bye.</Say>"))

    call = place_call(PERSONA, Target(url, "/voice"), ledger)

    assert call.turns[0].redirects == ("302 /voice -> /elsewhere",)
    assert call.turns[0].as_json()["redirects"] == ["302 /voice -> /elsewhere"]


def test_a_warning_of_the_provider_is_told_once_and_the_call_goes_on(serve: Serve, ledger: ListLedger) -> None:
    ask = "<Gather input='speech' timeout='-1'><Say>What is your name?</Say></Gather>"

    call = place_call(PERSONA, Target(serve(answering(ask, ask, "<Hangup/>"))), ledger)

    assert call.ended is Ended.hung_up_by_application
    assert call.problem == 'timeout="-1" of <Gather> is no positive integer (provider warning 13313)'


@contextmanager
def dripping(drop: bytes, seconds: float) -> Iterator[str]:
    """A server that answers with the beginning of an answer and then one drop at a time, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not over.wait(seconds):
                    try:
                        connection.sendall(drop)
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join(5)


def test_headers_that_drip_in_are_cut_off_at_the_timeout(ledger: ListLedger) -> None:
    with dripping(b"a", 0.05) as url:
        began = time.monotonic()
        call = place_call(PERSONA, Target(url, "/voice", timeout=0.5), ledger)

    assert call.problem == "POST /voice gave no answer within 0.5 s (provider error 11205)"
    assert time.monotonic() - began < 3
