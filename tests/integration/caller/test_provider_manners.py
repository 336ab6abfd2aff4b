"""What the telephone network does around a conversation: retries, fallback, status callbacks, redirects."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from prodtest_assets.caller import Clock, Ended, Persona, Target, place_call
from prodtest_assets.errors import Unreachable

from .conftest import ListLedger
from .test_faulty_applications import NAME, answering

Serve = Callable[[ASGIApp], str]
START = datetime(2026, 11, 23, 14, tzinfo=UTC)
PERSONA = Persona("quick", START)
Seen = list[dict[str, str]]


def test_the_fallback_is_asked_with_what_went_wrong_and_where(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    url = serve(answering(NAME, Response(status_code=500), "<Say>Please call later.</Say>", seen=seen))

    call = place_call(PERSONA, Target(url, "/voice?line=1", fallback_url="/sorry"), ledger)

    assert call.ended is Ended.hung_up_by_application
    assert [(asked["path"], asked.get("ErrorCode"), asked.get("ErrorUrl")) for asked in seen[1:]] == [
        ("/voice", None, None),
        ("/sorry", "11200", f"{url}/voice?line=1"),
    ]
    assert call.problem == (
        "POST /voice answered 500 Internal Server Error (provider error 11200), and the fallback was asked"
    )
    assert [turn.status for turn in call.turns] == [200, None, 500, 200]


def test_the_fallback_is_asked_at_each_fault_of_a_call(serve: Serve, ledger: ListLedger) -> None:
    seen: Seen = []
    broken, again = Response(status_code=500), "<Say>One moment.</Say><Redirect>/voice</Redirect>"
    url = serve(answering(broken, again, NAME, broken, again, "<Say>Goodbye.</Say>", seen=seen))

    call = place_call(PERSONA, Target(url, "/voice", fallback_url="/sorry"), ledger)

    assert call.ended is Ended.hung_up_by_application
    assert [asked["path"] for asked in seen] == ["/voice", "/sorry", "/voice", "/voice", "/sorry", "/voice"]


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


@pytest.mark.parametrize(
    ("overrides", "status", "asked"),
    [
        ("#rc=2&rp=5xx", 503, 3),
        ("#rp=all", 503, 2),
        ("#rc=2&rp=4xx,5xx", 404, 3),
        ("#rc=2&rp=4xx", 503, 1),
        ("#rc=2", 503, 1),
        ("#rc=0&rp=5xx", 503, 1),
        ("#rc=99&rp=5xx", 503, 2),
        ("#elsewhere", 503, 1),
    ],
)
def test_an_address_says_how_often_it_is_asked_again_and_after_what(
    serve: Serve, ledger: ListLedger, overrides: str, status: int, asked: int
) -> None:
    seen: Seen = []
    url = serve(answering(Response(status_code=status), seen=seen))

    call = place_call(PERSONA, Target(url, f"/voice?line=1{overrides}", auth_token="secret"), ledger)

    assert call.ended is Ended.failed
    assert len(seen) == asked
    assert len({each["CallSid"] for each in seen}) == 1


@pytest.mark.parametrize(("overrides", "times"), [("#rt=300", 1), ("#tt=300&rc=5&rp=rt", 1), ("#rt=300&rc=1&rp=rt", 2)])
def test_an_address_says_how_long_it_is_waited_for(
    serve: Serve, ledger: ListLedger, overrides: str, times: int
) -> None:
    asked: list[str] = []

    async def hang(request: Request) -> Response:
        asked.append(request.url.path)
        await asyncio.sleep(2)
        return Response()

    url = serve(Starlette(routes=[Route("/voice", hang, methods=["POST"])]))
    call = place_call(PERSONA, Target(url, f"/voice{overrides}"), ledger)

    assert "POST /voice gave no answer within 0." in (call.problem or "")
    assert len(asked) == times


def test_the_first_words_of_an_answer_are_told_where_the_application_wants_them(
    serve: Serve, ledger: ListLedger
) -> None:
    seen: Seen = []
    gather = f"<Gather input='speech' partialResultCallback='/part' action='/name'><Say>{NAME}</Say></Gather>"
    url = serve(answering(gather, Response(status_code=500), "<Say>Goodbye.</Say>", seen=seen))

    call = place_call(PERSONA, Target(url, "/voice"), ledger)

    name = ledger.opened[0].name
    assert [each["path"] for each in seen] == ["/voice", "/part", "/name"]
    assert seen[1]["UnstableSpeechResult"] == name.split()[0]
    assert (seen[1]["CallSid"], seen[2]["SpeechResult"]) == (call.call_sid, name)
    assert call.ended is Ended.hung_up_by_application
    assert "the partial result was not taken: POST /part answered 500" in (call.problem or "")


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
    assert call.problem == "the application ended the call before the caller had said anything"


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
    assert seen[0].keys() - {"path", "method", "key", "token"} == places | about_the_call
    assert seen[1].keys() - seen[0].keys() == {"SpeechResult", "Confidence", "Language"}
    assert (seen[0]["FromCountry"], seen[0]["ToCountry"], seen[1]["Language"]) == ("CA", "US", "en-GB")
    assert seen[0]["Caller"] == seen[0]["From"] == call.number


@pytest.mark.parametrize(("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_a_redirect_is_followed_as_the_provider_does(
    serve: Serve, ledger: ListLedger, status: int, method: str
) -> None:
    seen: Seen = []
    url = serve(answering(NAME, RedirectResponse("/moved?a=1", status), "<Say>Bye.</Say>", seen=seen))

    call = place_call(PERSONA, Target(url, "/voice", auth_token="secret"), ledger)

    assert call.problem is None
    assert (seen[2]["path"], seen[2]["method"]) == ("/moved", method)
    assert ("SpeechResult" in seen[2]) == (method == "POST")


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
