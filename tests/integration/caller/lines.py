"""Two booking lines for the keypad, each told as one conversation: it says what comes next and is sent what was keyed.

The optician offers days and times by key, its addresses are queries, and each POST is answered with a redirect to a
GET. The surgery takes date, hour and half of the day apart, on a clock of 12 hours, and reads each of them back.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .practice import ZONE

Said = dict[str, str]
Booked = tuple[str, datetime, int]
"""A number or a name, the start, and minutes."""
Talk = Generator[str, Said, Booked]
_NTH = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth".split()
_NTH += "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split()
_NTH += [f"twenty-{nth}" for nth in _NTH[:9]] + ["thirtieth", "thirty-first"]


@dataclass
class Line:
    """One application.

    Attributes:
        talk: a conversation, begun with the fields of the first request.
        redirects: a POST is answered with 303.
        booked: what was agreed.
    """

    talk: Callable[[Said], Talk]
    redirects: bool = False
    booked: list[Booked] = field(default_factory=list)
    _open: dict[str, Talk] = field(default_factory=dict)
    _asked: dict[str, str] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/line", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        said = {**request.query_params, **{name: str(value) for name, value in (await request.form()).items()}}
        if self.redirects and request.method == "POST":
            kept = {name: said[name] for name in ("CallSid", "From", "Digits", "SpeechResult") if name in said}
            return RedirectResponse(f"?{urlencode(kept)}", 303)
        return Response(f"<Response>{self._next(said)}</Response>", media_type="text/xml")

    def _next(self, said: Said) -> str:
        call = said["CallSid"]
        if call not in self._open:
            self._open[call] = self.talk(said)
            self._asked[call] = next(self._open[call])
        elif said.keys() & {"Digits", "SpeechResult"}:
            try:
                self._asked[call] = self._open[call].send(said)
            except StopIteration as over:
                self.booked.append(over.value)
                return "<Say>You are all set.</Say><Hangup/>"
        return self._asked[call]


def optician(said: Said) -> Talk:
    """Everything but the name is chosen by one key."""
    yield _ask("For English, press 1. Pour le français, faites le 2.", takes="key")
    said = yield _ask("Prescriptions press 1, appointments press 2, everything else press 3.", takes="key")
    said = yield _ask("And your name is?", takes="speech")
    name = said["SpeechResult"]
    yield _ask(f"I heard {name}. If that's right, press 1. If not, press 2.", takes="key")
    said = yield _ask("How long do you need? 1, fifteen minutes. 2, half an hour. 3, an hour.", takes="key")
    minutes = {"1": 15, "2": 30, "3": 60}[said["Digits"]]
    coming = (datetime.now(ZONE) + timedelta(days=ahead) for ahead in range(1, 40))
    days = [day for day in coming if day.weekday() < 5]
    key = "9"
    while key == "9":
        three, days = days[:3], days[3:]
        offered = " ".join(f"For {day:%a}, {day:%b} {day.day}, press {place}." for place, day in enumerate(three, 1))
        key = (yield _ask(f"{offered} For later dates, press 9.", takes="key"))["Digits"]
    day = three[int(key) - 1].replace(second=0, microsecond=0)
    slots = [day.replace(hour=half // 2, minute=half % 2 * 30) for half in range(18, 34)]
    key = "0"
    while key == "0":
        four, slots = slots[:4], slots[4:]
        offered = " ".join(f"{place} for {_clock(slot, ':')}." for place, slot in enumerate(four, 1))
        key = (yield _ask(f"On {day:%A} we have: {offered} 0 to hear more times.", takes="key"))["Digits"]
    start = four[int(key) - 1]
    yield _ask(f"That's {start:%A} at {_clock(start, ' ')}. Press 2 to start over, or 1 to lock it in.", takes="key")
    return name, start, minutes


def surgery(said: Said) -> Talk:
    """Everything is keyed in; a number of two digits above 12 is no hour."""
    yield _ask("This call may be recorded. Press 1 to consent, or hang up now.", takes="key")
    number = yield from _sure("Please enter your ten digit phone number, then press pound.", " ".join)
    ask_date = "Enter the date of your visit, two digits for the month and two for the day, followed by pound."
    day = _coming((yield from _sure(ask_date, _spoken_day)))
    hours = 24
    while hours > 12:
        hours, minute = divmod(
            int((yield _ask("Enter the hour as four digits, then pound.", takes="keys"))["Digits"]), 100
        )
    said = yield _ask("For AM press 1. For PM press 2.", takes="key")
    start = day.replace(hour=hours % 12 + (12 if said["Digits"] == "2" else 0), minute=minute)
    minutes = yield from _sure("How many minutes do you need? Enter the number and press pound.", "{} minutes".format)
    whole = f"Your {minutes} minute visit on {day:%A}, {day:%B} {day.day} at {_clock(start, ' ')} is ready to book."
    yield _ask(f"{whole} Press 9 to cancel, press 5 to confirm.", takes="key")
    return number, start, int(minutes)


def _sure(question: str, read_back: Callable[[str], str]) -> Generator[str, Said, str]:
    """Ask until the caller agrees to what they have keyed in."""
    key = "2"
    while key == "2":
        keyed = (yield _ask(question, takes="keys"))["Digits"]
        told = f"You entered {read_back(keyed)}. Press 1 if this is right or 2 to enter it again."
        key = (yield _ask(told, takes="key"))["Digits"]
    return keyed


def _spoken_day(keyed: str) -> str:
    day = _coming(keyed)
    return f"{day:%A}, {day:%B} {_NTH[day.day - 1]}"


def _ask(text: str, *, takes: str) -> str:
    attributes = {
        "speech": 'input="speech"',
        "key": 'input="dtmf" numDigits="1"',
        "keys": 'input="dtmf" finishOnKey="#"',
    }[takes]
    return f'<Gather {attributes} action="?step=next"><Say>{text}</Say></Gather><Redirect>?step=again</Redirect>'


def _clock(start: datetime, colon: str) -> str:
    minutes = f"{colon}{start:%M}" if start.minute else ""
    return f"{start.hour % 12 or 12}{minutes} {'AM' if start.hour < 12 else 'PM'}"


def _coming(keyed: str) -> datetime:
    now = datetime.now(ZONE)
    days = (datetime.strptime(f"{year}{keyed}", "%Y%m%d").replace(tzinfo=ZONE) for year in (now.year, now.year + 1))
    return next(day for day in days if day > now)
