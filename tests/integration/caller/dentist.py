"""A booking application that shares nothing with the sandbox but TwiML.

A keypad menu, a page for each step, Redirects between them, a GET in the middle, a session cookie instead
of the CallSid, day and time asked apart, the duration by keys, and no word "booked" at the end. It demands
the provider's signature.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from twilio.twiml.voice_response import Gather, VoiceResponse  # type: ignore[import-untyped]

TOKEN = "the dentist's auth token"
Step = Callable[[dict[str, str], dict[str, object]], Response]
LENGTHS = {"1": 15, "2": 30, "3": 60}


@dataclass
class Dentist:
    """The application, and what it has noted down.

    Attributes:
        book: keeps a visit, as a database does.
        visits: what was booked, one entry for each visit.
        seen: method, path, headers and form of every request.
    """

    book: Callable[[dict[str, object]], None] = lambda visit: None
    visits: list[dict[str, object]] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    _sessions: dict[str, dict[str, object]] = field(default_factory=dict)

    def app(self) -> Starlette:
        steps = {
            "/ivr": self._menu, "/ivr/chosen": self._chosen, "/who": self._who, "/who/is": self._who_is,
            "/day": self._day, "/clock": self._clock, "/length": self._length, "/sum": self._sum, "/end": self._end,
            "/old": self._old,
        }  # fmt: skip
        return Starlette(
            routes=[Route(path, self._guarded(step), methods=["GET", "POST"]) for path, step in steps.items()]
        )

    def _guarded(self, step: Step) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            posted = {name: str(value) for name, value in (await request.form()).items()}
            fields = posted or dict(request.query_params)
            self.seen.append((request.method, request.url.path, dict(request.headers), fields))
            signature = request.headers.get("X-Twilio-Signature", "")
            if not RequestValidator(TOKEN).validate(str(request.url), posted, signature):
                return Response("not signed", 403, media_type="text/plain")
            if step == self._menu and not {"CallSid", "From"} <= fields.keys():
                return Response("no call", 400, media_type="text/plain")
            key = request.cookies.get("visit", "") or secrets.token_hex(8)
            answer = step(fields, self._sessions.setdefault(key, {}))
            answer.set_cookie("visit", key, path="/")
            return answer

        return endpoint

    def _menu(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        visit["from"] = fields["From"]
        twiml = VoiceResponse()
        twiml.say("Welcome to Bright Smiles Dental Care. We are open from 9 to 5.")
        gather = Gather(action="ivr/chosen", num_digits=1, timeout=3)
        gather.say("To hear our address, press 1. To schedule a visit, press 2. To speak to the front desk, press 0.")
        twiml.append(gather)
        twiml.redirect("/ivr")
        return _page(twiml)

    def _chosen(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        twiml = VoiceResponse()
        twiml.say("One moment.")
        twiml.redirect("/who" if fields["Digits"] == "2" else "/ivr", method="GET")
        return _page(twiml)

    def _who(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        twiml = VoiceResponse()
        gather = Gather(input="speech", action="/who/is?attempt=1", method="GET", speech_timeout="auto")
        gather.say("Happy to help. Who is the visit for?")
        twiml.append(gather)
        return _page(twiml)

    def _who_is(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        assert fields["attempt"] == "1"
        visit["name"] = fields["SpeechResult"]
        return RedirectResponse("/day", 303)

    def _day(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        # No action: the answer comes back to this address.
        if "SpeechResult" in fields:
            visit["day"] = fields["SpeechResult"]
            return _page(_redirect_to("clock"))
        twiml = VoiceResponse()
        twiml.say(f"Nice to meet you, {visit['name']}.")
        gather = Gather(input="speech")
        gather.say("On which date would you like to see us? You can say, for instance, Tuesday, March 3.")
        twiml.append(gather)
        return _page(twiml)

    def _clock(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        if "SpeechResult" in fields:
            visit["time"] = fields["SpeechResult"]
            return _page(_redirect_to("/old"))
        twiml = VoiceResponse()
        gather = Gather(input="speech", action="?said=1")
        gather.say("Okay. And what time suits you?")
        twiml.append(gather)
        return _page(twiml)

    def _old(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        return RedirectResponse("/length", 307)

    def _length(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        twiml = VoiceResponse()
        gather = Gather(action="/sum", num_digits=1)
        gather.say("Press 1 for a check-up of 15 minutes, 2 for 30 minutes with cleaning, 3 for an hour.")
        twiml.append(gather)
        return _page(twiml)

    def _sum(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        visit["minutes"] = LENGTHS[fields["Digits"]]
        twiml = VoiceResponse()
        twiml.say(f"Let me repeat that. {visit['name']}, {visit['day']}, {visit['time']}, {visit['minutes']} minutes.")
        gather = Gather(input="dtmf speech", action="end")
        gather.say("Does everything sound right?")
        twiml.append(gather)
        return _page(twiml)

    def _end(self, fields: dict[str, str], visit: dict[str, object]) -> Response:
        twiml = VoiceResponse()
        if re.search(r"\byes\b", fields.get("SpeechResult", "")):
            self.visits.append(dict(visit))
            self.book(visit)
            twiml.say("Wonderful, see you then!")
        return _page(twiml)


def _redirect_to(path: str) -> VoiceResponse:
    twiml = VoiceResponse()
    twiml.redirect(path)
    return twiml


def _page(twiml: VoiceResponse) -> Response:
    return Response(str(twiml), media_type="application/xml")
