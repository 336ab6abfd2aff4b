"""What an application can do wrong ends the call with one line, never with an exception."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from prodtest_assets.caller import Call, Ended, Persona, Target, place_call

from .conftest import ListLedger

Serve = Callable[[ASGIApp], str]
PERSONA = Persona("quick", datetime(2026, 11, 23, 14, tzinfo=UTC))
NAME = "<Gather input='speech'><Say>What is your name?</Say></Gather>"


def answering(*answers: Response | str, seen: list[dict[str, str]] | None = None) -> Starlette:
    """An application that gives these answers, one a request, the last one for ever."""
    left = list(answers)

    async def answer(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if seen is not None:
            headers = {"key": "X-API-Key", "token": "I-Twilio-Idempotency-Token"}
            noted = {name: request.headers.get(header, "") for name, header in headers.items()}
            seen.append(form | noted | {"path": request.url.path, "method": request.method})
        given = left.pop(0) if len(left) > 1 else left[0]
        return Response(f"<Response>{given}</Response>", media_type="text/xml") if isinstance(given, str) else given

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


@pytest.fixture
def call_to(serve: Serve, ledger: ListLedger) -> Callable[..., Call]:
    def place(app: ASGIApp, *, timeout: float = 5, longest: float = 60) -> Call:
        call = place_call(PERSONA, Target(serve(app), "/voice", timeout=timeout), ledger, longest=longest)
        completed, transcript = ledger.closed[call.call_sid]
        spoke = any(turn.speaker == "caller" for turn in call.turns)
        assert completed == (spoke and call.ended is Ended.hung_up_by_application)
        assert len(transcript) == len(call.turns)
        assert "\n" not in (call.problem or "")
        return call

    return place


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Response(status_code=500), "POST /voice answered 500 Internal Server Error (provider error 11200)"),
        (Response(status_code=404), "POST /voice answered 404 Not Found (provider error 11200)"),
        (
            Response("<!DOCTYPE html><html><body>Sorry!</body></html>", media_type="text/html"),
            "POST /voice: the answer is an HTML page instead of TwiML (provider error 12100)",
        ),
        (
            Response('{"ok": true}', media_type="application/json"),
            "POST /voice: the answer is application/json (provider error 12300)",
        ),
        (
            Response("<Response><Say>Hel", media_type="text/xml"),
            "POST /voice: it is not well-formed XML (provider error 12100)",
        ),
        (
            Response("<Response>" + "<Say>a</Say>" * 9000 + "</Response>", media_type="text/xml"),
            "POST /voice answered more than 64 KiB (provider error 11750)",
        ),
        (
            RedirectResponse("/voice"),
            "/voice: more than 10 HTTP redirects in a row (provider error 11215)",
        ),
        (
            RedirectResponse("http://elsewhere.example/voice"),
            "the application sends the call to another host, elsewhere.example, and the caller stays here; "
            'if that is the same deployment, a call script would say so: [target] other_hosts = ["elsewhere.example"]',
        ),
        (
            Response("<Response><Redirect>ftp://x/</Redirect></Response>", media_type="text/xml"),
            "/voice: an action or Redirect is not http or https (provider error 11100)",
        ),
    ],
)
def test_a_fault_is_named_with_its_path_and_what_came(
    call_to: Callable[..., Call], answer: Response, problem: str
) -> None:
    call = call_to(answering(answer))

    assert (call.ended, call.problem) == (Ended.failed, problem)


def test_a_fault_in_mid_call_keeps_what_was_said_before(call_to: Callable[..., Call]) -> None:
    call = call_to(answering(NAME, Response(status_code=503)))

    assert call.ended is Ended.failed
    assert [(turn.speaker, turn.text, turn.status) for turn in call.turns] == [
        ("application", "What is your name?", 200),
        ("caller", "Jane Quick", None),
        ("application", "(POST /voice answered 503 Service Unavailable (provider error 11200))", 503),
    ]


def test_an_answer_that_never_comes_is_waited_for_no_longer_than_the_timeout(call_to: Callable[..., Call]) -> None:
    async def sleep(request: Request) -> Response:
        await asyncio.sleep(30)
        return Response()

    began = time.monotonic()
    call = call_to(Starlette(routes=[Route("/voice", sleep, methods=["POST"])]), timeout=0.3)

    assert call.ended is Ended.failed
    assert call.problem == "POST /voice gave no answer within 0.3 s (provider error 11205)"
    assert time.monotonic() - began < 5


def test_an_answer_that_trickles_in_is_cut_off_at_the_timeout(call_to: Callable[..., Call]) -> None:
    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    async def trickle(request: Request) -> Response:
        return StreamingResponse(drops(), media_type="text/xml")

    call = call_to(Starlette(routes=[Route("/voice", trickle, methods=["POST"])]), timeout=0.5)

    assert call.ended is Ended.failed
    assert "gave no answer within 0.5 s" in (call.problem or "")


def test_an_endless_answer_is_cut_off_at_the_limit(call_to: Callable[..., Call]) -> None:
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(16_384):
            sent += 65_536
            yield b"x" * 65_536
            await asyncio.sleep(0)  # where a server notices that its reader has gone

    async def endless(request: Request) -> Response:
        return StreamingResponse(flood(), media_type="text/xml")

    call = call_to(Starlette(routes=[Route("/voice", endless, methods=["POST"])]))

    assert call.problem == "POST /voice answered more than 64 KiB (provider error 11750)"
    assert sent < 64 * 1024 * 1024


def test_a_call_that_goes_in_circles_ends_after_forty_turns(call_to: Callable[..., Call]) -> None:
    seen: list[dict[str, str]] = []
    call = call_to(answering("<Say>Please hold.</Say><Redirect>/voice</Redirect>", seen=seen))

    assert call.ended is Ended.failed
    assert (call.problem or "").startswith("the call was not over after 40 turns; the last prompt was:")
    assert len(seen) == 40


def test_a_call_that_takes_too_long_is_broken_off(call_to: Callable[..., Call]) -> None:
    async def dawdle(request: Request) -> Response:
        await asyncio.sleep(0.3)
        return Response("<Response><Redirect>/voice</Redirect></Response>", media_type="text/xml")

    call = call_to(Starlette(routes=[Route("/voice", dawdle, methods=["POST"])]), longest=0.8)

    assert call.ended is Ended.failed


def test_a_prompt_that_cannot_be_placed_ends_the_call_and_is_quoted(call_to: Callable[..., Call]) -> None:
    call = call_to(
        answering(NAME, "<Gather input='speech'><Say>What is your date of birth?</Say></Gather><Say>Bye</Say>")
    )

    assert call.ended is Ended.caller_gave_up
    assert call.problem == (
        'the caller does not know what to answer to: "What is your date of birth?"; '
        'a call script would: "what is your date of birth" = "..."'
    )
    assert call.turns[-1].text == "What is your date of birth?"


def test_an_application_that_never_takes_an_answer_is_given_up(call_to: Callable[..., Call]) -> None:
    call = call_to(answering(NAME))

    assert call.ended is Ended.caller_gave_up
    assert call.problem == '"Jane Quick" was not taken as an answer to: "What is your name?"'


GREETED = "<Gather input='speech'><Say>Welcome to the kennel of the seven hills.</Say></Gather>"
PASSWORD = "<Gather input='speech'><Say>Whisper the password of the pack.</Say></Gather>"
PASSWORD_MISSING = (
    'the caller does not know what to answer to: "Whisper the password of the pack."; '
    'a call script would: "whisper the password of the pack" = "..."'
)


@pytest.mark.parametrize(
    "after", ["<Say>We did not receive any input. Goodbye!</Say>", "<Redirect/>", "<Hangup/>", "<Pause/>"]
)
def test_a_prompt_that_may_have_been_a_question_is_quoted_when_it_comes_again_or_the_call_ends(
    call_to: Callable[..., Call], after: str
) -> None:
    seen: list[dict[str, str]] = []
    call = call_to(answering(PASSWORD + after, seen=seen))

    assert (call.ended, call.problem) == (Ended.caller_gave_up, PASSWORD_MISSING)
    assert len(seen) <= 2


def test_a_prompt_that_may_have_been_a_question_is_quoted_when_silence_is_sent_on(call_to: Callable[..., Call]) -> None:
    call = call_to(answering(PASSWORD.replace("input", "actionOnEmptyResult='true' input")))

    assert (call.ended, call.problem) == (Ended.caller_gave_up, PASSWORD_MISSING)


def test_a_statement_while_the_application_listens_is_no_question_when_the_call_goes_on(
    call_to: Callable[..., Call],
) -> None:
    farewell = "<Gather input='speech'><Say>You are booked. Thank you for calling us.</Say></Gather><Hangup/>"
    call = call_to(answering(f"{GREETED}<Redirect>/who</Redirect>", NAME, farewell))

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
    assert [turn.text for turn in call.turns if turn.speaker == "caller"] == ["Jane Quick"]


def test_a_menu_without_a_right_key_is_left_alone_where_the_application_goes_on(
    call_to: Callable[..., Call],
) -> None:
    notice = "<Gather numDigits='1'><Say>Hello. Press star for our privacy notice.</Say></Gather>"
    again = "<Gather numDigits='1'><Say>You are booked. To hear this again, press 1.</Say></Gather><Say>Goodbye.</Say>"
    call = call_to(answering(notice + NAME, again))

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
    assert [turn.text for turn in call.turns if turn.speaker == "caller"] == ["Jane Quick"]


def test_a_remark_is_made_once_however_often_it_applies(call_to: Callable[..., Call]) -> None:
    call = call_to(answering("<Record/><Redirect/>"))

    assert (call.problem or "").count("the application wanted a recording and got silence") == 1


@pytest.mark.parametrize("answer", ["<Say>We are closed.</Say>", "<Gather input='speech'/><Say>Bye.</Say>", ""])
def test_a_call_that_ends_before_the_caller_has_spoken_says_so_and_was_not_led_to_its_end(
    call_to: Callable[..., Call], answer: str
) -> None:
    call = call_to(answering(answer))

    assert call.ended is Ended.hung_up_by_application
    assert (call.problem or "").startswith("the application ended the call before the caller had said anything")


def test_silence_falls_through_to_the_next_verb(call_to: Callable[..., Call]) -> None:
    seen: list[dict[str, str]] = []
    call = call_to(
        answering(
            "<Gather numDigits='1' action='/desk'><Say>Press 0 at any time for the operator.</Say></Gather>"
            "<Redirect>/book</Redirect>",
            "<Say>Goodbye.</Say>",
            seen=seen,
        )
    )

    assert call.ended is Ended.hung_up_by_application
    assert [request["path"] for request in seen] == ["/voice", "/book"]
    assert all(turn.speaker == "application" for turn in call.turns)


def test_silence_is_sent_on_where_the_application_wants_to_know(call_to: Callable[..., Call]) -> None:
    seen: list[dict[str, str]] = []
    call = call_to(
        answering("<Gather input='dtmf' action='/empty' actionOnEmptyResult='true'/>", "<Hangup/>", seen=seen)
    )

    assert call.ended is Ended.hung_up_by_application
    assert (seen[1]["path"], seen[1]["Digits"]) == ("/empty", "")


def test_record_and_dial_are_reported_and_the_call_goes_on(call_to: Callable[..., Call]) -> None:
    seen: list[dict[str, str]] = []
    call = call_to(
        answering("<Record action='/r'/><Dial action='/dialled'>+18005550199</Dial>", "<Say>Bye.</Say>", seen=seen)
    )

    assert call.ended is Ended.hung_up_by_application
    assert (seen[1]["path"], seen[1]["DialCallStatus"]) == ("/dialled", "no-answer")
    assert "wanted a recording" in (call.problem or "")
    assert "dialled someone else" in (call.problem or "")


def test_a_rejected_call_is_over_and_says_so(call_to: Callable[..., Call]) -> None:
    call = call_to(answering("<Reject reason='busy'/>"))

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, "the application rejected the call (busy)")


def test_a_queue_cannot_be_followed(call_to: Callable[..., Call]) -> None:
    call = call_to(answering("<Say>Please wait.</Say><Enqueue>support</Enqueue>"))

    assert (call.ended, call.problem) == (Ended.caller_gave_up, "a simulated caller cannot follow <Enqueue>")


def test_plain_text_is_heard_and_ends_the_call(call_to: Callable[..., Call]) -> None:
    call = call_to(answering(Response("We are\nclosed.", media_type="text/plain")))

    assert call.ended is Ended.hung_up_by_application
    assert call.turns[-1].text == "We are closed."


def test_a_recording_as_an_answer_is_played_and_ends_the_call(call_to: Callable[..., Call]) -> None:
    call = call_to(answering(NAME, Response(b"RIFF....WAVE", media_type="audio/x-wav")))

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
    assert call.turns[-1].text == "(plays /voice)"


def test_twiml_is_taken_as_html_and_in_another_charset(call_to: Callable[..., Call]) -> None:
    text = "<?xml version='1.0' encoding='iso-8859-1'?><Response><Say>Adi\xf3s.</Say></Response>"
    call = call_to(answering(NAME, Response(text.encode("latin-1"), media_type="text/html")))

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
    assert call.turns[-1].text == "Adi\xf3s."


def test_an_application_that_stops_in_mid_call_has_failed(serve: Serve, ledger: ListLedger) -> None:
    # The next step leads to a port of this machine on which nobody listens.
    app = answering("<Gather input='speech' action='http://127.0.0.1:1/x'><Say>What is your name?</Say></Gather>")
    call = place_call(PERSONA, Target(serve(app), "/voice"), ledger)

    assert call.ended is Ended.failed
    assert call.problem == "POST /x: nothing answers at http://127.0.0.1:1 (provider error 11205)"


def test_the_api_key_goes_to_the_target_s_own_origin_only(serve: Serve, ledger: ListLedger) -> None:
    seen: list[dict[str, str]] = []
    second = serve(answering("<Hangup/>", seen=seen))
    first = serve(answering(f"<Redirect>{second}/other</Redirect>", seen=seen))

    call = place_call(PERSONA, Target(first, "/voice", api_key="the-key"), ledger)

    assert call.ended is Ended.hung_up_by_application
    assert [request["key"] for request in seen] == ["the-key", ""]


def test_a_secret_that_the_application_reads_out_is_masked(serve: Serve, ledger: ListLedger) -> None:
    app = answering("<Gather input='speech'><Say>The key is the-key. What is your PIN?</Say></Gather>")

    call = place_call(PERSONA, Target(serve(app), "/voice", api_key="the-key", auth_token="the-token"), ledger)

    assert "the-key" not in str((call.turns, call.problem))
    assert "***" in (call.problem or "")
    assert "the-key" not in str(ledger.closed)
