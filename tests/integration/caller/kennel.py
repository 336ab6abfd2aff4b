"""A boarding kennel: an application so odd that no caller understands it without a script.

It asks for a password, wants the date as keys with a star, speaks of "slots" by letters, and takes "aye" for yes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Kennel:
    """The application, and what it has noted down.

    Attributes:
        without_answer: what comes after each question, for a caller who says nothing.
    """

    without_answer: str = ""
    stays: list[dict[str, str]] = field(default_factory=list)
    _open: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        steps: dict[str, Callable[[dict[str, str], dict[str, str]], str]] = {
            "/woof": lambda said, stay: self._ask("Woof! Whisper the password of the pack.", "/name"),
            "/name": self._name,
            "/arrival": self._arrival,
            "/howl": self._howl,
            "/deal": self._deal,
            "/end": self._end,
        }
        return Starlette(routes=[Route(path, self._answering(step), methods=["POST"]) for path, step in steps.items()])

    def _answering(
        self, step: Callable[[dict[str, str], dict[str, str]], str]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            form = {name: str(value) for name, value in (await request.form()).items()}
            stay = self._open.setdefault(form["CallSid"], {"number": form["From"]})
            if "asked" not in stay or form.keys() & {"SpeechResult", "Digits"}:
                stay["asked"] = step(form, stay)
            return Response(f"<Response>{stay['asked']}</Response>", media_type="text/xml")

        return endpoint

    def _name(self, said: dict[str, str], stay: dict[str, str]) -> str:
        if said["SpeechResult"] != "good boy":
            return "<Say>Grrr.</Say><Hangup/>"
        return self._ask("Good boy! Your human's handle, bark it now!", "/arrival")

    def _arrival(self, said: dict[str, str], stay: dict[str, str]) -> str:
        stay["name"] = said["SpeechResult"]
        return self._ask("Paw in the arrival as month star day.", "/howl", takes="dtmf")

    def _howl(self, said: dict[str, str], stay: dict[str, str]) -> str:
        stay["date"] = said["Digits"]
        return self._ask("At sun's how-many-th hour does the tail wag in?", "/deal")

    def _deal(self, said: dict[str, str], stay: dict[str, str]) -> str:
        stay["hour"] = said["SpeechResult"]
        return self._ask("Aye or nay, shipmate.", "/end")

    def _end(self, said: dict[str, str], stay: dict[str, str]) -> str:
        if said["SpeechResult"] == "aye":
            self.stays.append({name: text for name, text in stay.items() if name != "asked"})
        return "<Say>Arf.</Say>"

    def _ask(self, text: str, action: str, *, takes: str = "speech") -> str:
        gather = f"<Gather input='{takes}' action='{action}' finishOnKey=''><Say>{text}</Say></Gather>"
        return gather + self.without_answer
