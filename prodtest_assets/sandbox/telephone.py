"""The webhooks of the telephony provider: form posts in, TwiML out."""

from collections import OrderedDict
from datetime import UTC, datetime
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from prodtest_assets.sandbox.callers import TEST_HEADER, is_test_caller, normalize_number
from prodtest_assets.sandbox.misbehaviour import spoil
from prodtest_assets.sandbox.signature import is_signed
from prodtest_assets.sandbox.twiml import Answer, render
from prodtest_assets.sandbox.voice import CallState, Dialogue

VOICE_PATH = "/twilio/voice"
_MOST_CALLS = 10_000


class Calls:
    """The calls in progress, by their CallSid; the oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._states: OrderedDict[str, CallState] = OrderedDict()
        self._lock = Lock()

    def open(self, sid: str, state: CallState) -> None:
        """Keep a new call."""
        with self._lock:
            self._states[sid] = state
            if len(self._states) > _MOST_CALLS:
                self._states.popitem(last=False)

    def get(self, sid: str) -> CallState | None:
        """The call with this CallSid, if it is in progress."""
        with self._lock:
            return self._states.get(sid)

    def close(self, sid: str) -> None:
        """Forget a call that has ended."""
        with self._lock:
            self._states.pop(sid, None)


class Telephone:
    """Answers the provider's webhooks.

    Args:
        auth_token: with one, a request without the right `X-Twilio-Signature` is refused.
    """

    def __init__(self, dialogue: Dialogue, faults: frozenset[str], auth_token: str | None) -> None:
        self._dialogue = dialogue
        self._faults = faults
        self._auth_token = auth_token
        self._calls = Calls()

    def routes(self) -> list[Route]:
        """The two webhooks: where a call starts and where what the caller says arrives."""
        return [
            Route(VOICE_PATH, spoil(self._faults, self._start), methods=["POST"]),
            Route(f"{VOICE_PATH}/collect", spoil(self._faults, self._collect), methods=["POST"]),
        ]

    async def _start(self, request: Request) -> Response:
        form = await request.form()
        if refusal := self._refusal(request, form):
            return refusal
        answer = await run_in_threadpool(self._greet, form, request.headers.get(TEST_HEADER))
        return _twiml(answer, "voice/collect")

    async def _collect(self, request: Request) -> Response:
        form = await request.form()
        if refusal := self._refusal(request, form):
            return refusal
        answer = await run_in_threadpool(self._reply, form, request.headers.get(TEST_HEADER))
        return _twiml(answer, "collect")

    def _refusal(self, request: Request, form: FormData) -> Response | None:
        fields = [(name, str(value)) for name, value in form.multi_items()]
        signature = request.headers.get("X-Twilio-Signature", "")
        if self._auth_token and not is_signed(self._auth_token, str(request.url), fields, signature):
            return PlainTextResponse("The signature is missing or wrong.", 403)
        if not form.get("CallSid"):
            return PlainTextResponse("CallSid is missing.", 400)
        return None

    def _greet(self, form: FormData, test_header: str | None) -> Answer:
        number = normalize_number(str(form.get("From", "")))
        if number is None:
            return Answer("I am sorry, I can only book for callers who show their number. Goodbye.", listens=False)
        call = CallState(number, is_test_caller(number, test_header))
        self._calls.open(str(form["CallSid"]), call)
        return self._dialogue.greet(call)

    def _reply(self, form: FormData, test_header: str | None) -> Answer:
        sid = str(form["CallSid"])
        call = self._calls.get(sid)
        if call is None:
            # The application was restarted in the middle of the call.
            return self._greet(form, test_header)
        speech, digits = str(form.get("SpeechResult", "")), str(form.get("Digits", ""))
        answer = self._dialogue.reply(call, speech=speech, digits=digits, now=datetime.now(UTC))
        if not answer.listens:
            self._calls.close(sid)
        return answer


def _twiml(answer: Answer, action: str) -> Response:
    return Response(render(answer, action), media_type="text/xml")
