"""A telephone, and the reference application at its other end."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import psycopg
from psycopg.rows import dict_row

from prodtest_assets.sandbox.speech import say_time

NUMBER = "+12025550123"


@dataclass
class Phone:
    """One call to the application: says lines in turn and keeps what it answers."""

    client: httpx.Client
    number: str = NUMBER
    headers: dict[str, str] = field(default_factory=lambda: {"X-Test-Data": "true"})
    path: str = "/twilio/voice"
    heard: str = ""
    over: bool = False
    sid: str = field(default_factory=lambda: f"CA{secrets.token_hex(16)}")

    def say(self, speech: str = "", *, digits: str = "") -> str:
        """Post one turn; the next one goes where the answer's Gather says."""
        form = {"CallSid": self.sid, "From": self.number, "To": "+12025550100"}
        form |= {"SpeechResult": speech} if speech else {}
        form |= {"Digits": digits} if digits else {}
        answer = self.client.post(self.path, data=form, headers=self.headers)
        answer.raise_for_status()
        document = fromstring(answer.content)
        gather = document.find("Gather")
        self.over = document.find("Hangup") is not None
        if gather is not None:
            self.path = str(answer.url.join(gather.attrib["action"]).path)
        self.heard = (document.findtext(".//Say") or "").strip()
        return self.heard

    def book(self, name: str, start: datetime, minutes: int = 30) -> str:
        """Make a whole booking, and return the last thing that was heard."""
        self.say()
        for line in (name, "yes", say_time(start)):
            self.say(line)
        self.say(digits=str(minutes))
        return self.say("Yes, please.") if not self.over else self.heard


@dataclass
class Sandbox:
    """A running application and its database."""

    client: httpx.Client
    url: str

    def phone(self, number: str = NUMBER, *, test: bool = True) -> Phone:
        """A new call."""
        return Phone(self.client, number, {"X-Test-Data": "true"} if test else {})

    def rows(self) -> list[dict[str, Any]]:
        """All appointments with their users."""
        return self.query("SELECT * FROM appointments a JOIN users u ON u.id = a.user_id ORDER BY a.id")

    def query(self, statement: str) -> list[dict[str, Any]]:
        """What the database says."""
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(statement).fetchall()


Start = Callable[..., Sandbox]
