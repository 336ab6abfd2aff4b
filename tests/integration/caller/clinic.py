"""A walk-in clinic on nothing but the standard library's web server.

The call starts with a GET; addresses are absolute; a cookie with a path leads from page to page. The menu is for keys
only, the weekday is asked without a date and before the time, and the name last. Nobody asks how long it takes. A
caller who says nothing is hung up on, and after the booking there is one more question.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg

from prodtest_assets.caller.spoken import DAYS

from .practice import ZONE

Visit = dict[str, str]
MINUTES = 20


class Clinic(ThreadingHTTPServer):
    """The application, and what it has noted down."""

    daemon_threads = True

    def __init__(self, database_url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Pages)
        self.root = f"http://127.0.0.1:{self.server_port}"
        self.visits: dict[str, Visit] = {}
        self._database_url = database_url
        self.pages: dict[str, Callable[[Visit, Visit], str]] = {
            "/phone/incoming": self._incoming, "/phone/menu": self._menu, "/phone/weekday": self._weekday,
            "/phone/time": self._time, "/phone/name": self._name, "/phone/check": self._check,
            "/phone/done": self._done, "/phone/bye": self._bye,
        }  # fmt: skip

    def _incoming(self, said: Visit, visit: Visit) -> str:
        visit["from"] = said["From"]
        return (
            '<Say language="en-US" voice="Polly.Joanna">Hello, you have reached Riverside Walk-in Clinic.</Say>'
            '<Say language="es-US" voice="Polly.Lupe">Para español, oprima el nueve.</Say>'
            f"<Redirect>{self.root}/phone/menu</Redirect>"
        )

    def _menu(self, said: Visit, visit: Visit) -> str:
        return (
            f'<Gather input="dtmf" numDigits="1" timeout="6" action="{self.root}/phone/weekday"><Say>If this is an'
            " emergency, hang up and dial 9 1 1. To make an appointment, press one. To change or cancel an appointment,"
            " press two. For billing, press three.</Say></Gather><Redirect>/phone/menu</Redirect>"
        )

    def _weekday(self, said: Visit, visit: Visit) -> str:
        if said.get("Digits", "1") != "1":
            return "<Say>Please hold.</Say><Hangup/>"
        return self._ask("What day of the week would you like to come in?", "time")

    def _time(self, said: Visit, visit: Visit) -> str:
        visit["weekday"] = said["SpeechResult"]
        if visit["weekday"] not in DAYS:
            return self._weekday({}, visit)
        return self._ask(f"Okay, {visit['weekday']}. And what time works best for you?", "name")

    def _name(self, said: Visit, visit: Visit) -> str:
        visit["time"] = said["SpeechResult"]
        return self._ask("Got it. Lastly, could I get your first and last name?", "check")

    def _check(self, said: Visit, visit: Visit) -> str:
        visit["name"] = said["SpeechResult"]
        heard = f"I have {visit['name']}, {visit['weekday']} at {visit['time']}."
        return self._ask(f"{heard} If this is correct, say yes. To start over, say no.", "done", takes="dtmf speech")

    def _done(self, said: Visit, visit: Visit) -> str:
        if "yes" not in said.get("SpeechResult", "").lower():
            return self._weekday({}, visit)
        self._store(visit)
        return "<Say>Great, you are on the schedule.</Say>" + self._ask(
            "Is there anything else I can help you with today?", "bye"
        )

    def _bye(self, said: Visit, visit: Visit) -> str:
        return "<Say>Thank you for calling Riverside. Take care!</Say><Hangup/>"

    def _ask(self, text: str, page: str, *, takes: str = "speech") -> str:
        return (
            f'<Gather input="{takes}" language="en-US" speechTimeout="auto" speechModel="phone_call"'
            f' action="{self.root}/phone/{page}"><Say><prosody rate="slow">{text}</prosody></Say></Gather>'
            "<Say>I did not hear anything. Goodbye.</Say>"
        )

    def _store(self, visit: Visit) -> None:
        with psycopg.connect(self._database_url) as connection:
            user = connection.execute(
                "INSERT INTO users (full_name, mobile) VALUES (%(name)s, %(from)s)"
                " ON CONFLICT (mobile) DO UPDATE SET full_name = excluded.full_name RETURNING id",
                visit,
            ).fetchone()
            assert user is not None
            connection.execute(
                "INSERT INTO appointments (user_id, starts_at, duration_min, is_test_data) VALUES (%s, %s, %s, %s)",
                (user[0], next_start(visit["weekday"], visit["time"]), MINUTES, "55501" in visit["from"]),
            )


def next_start(weekday: str, time: str) -> datetime:
    """The next `Monday` with `2:30 PM` on the clinic's clock, tomorrow at the earliest."""
    clock = datetime.strptime(time, "%I:%M %p" if ":" in time else "%I %p").replace(tzinfo=ZONE)
    days = (datetime.now(ZONE) + timedelta(days=ahead) for ahead in range(1, 8))
    day = next(day for day in days if DAYS[day.weekday()] == weekday)
    return day.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)


class _Pages(BaseHTTPRequestHandler):
    server: Clinic

    def do_GET(self) -> None:
        self._answer(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        self._answer(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))

    def _answer(self, said: Visit) -> None:
        path = urlsplit(self.path).path
        if (self.command == "GET") != (path == "/phone/incoming") or (path == "/phone/incoming" and "From" not in said):
            self.send_error(400)
            return
        cookies = SimpleCookie(self.headers.get("Cookie", ""))
        session = cookies["session"].value if "session" in cookies else secrets.token_hex(8)
        inner = self.server.pages[path](said, self.server.visits.setdefault(session, {}))
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{inner}</Response>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", f"session={session}; Path=/phone; HttpOnly")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def open_clinic(database_url: str) -> Iterator[Clinic]:
    """A clinic that takes calls until the block ends."""
    with Clinic(database_url) as clinic:
        thread = Thread(target=clinic.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield clinic
        clinic.shutdown()
        thread.join(5)
