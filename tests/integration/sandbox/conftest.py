"""A migrated, marked database for each test of the reference application, and callers who phone it."""

import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree.ElementTree import fromstring

import httpx
import psycopg
import pytest
import uvicorn
from alembic import command
from alembic.config import Config
from psycopg.rows import dict_row
from starlette.applications import Starlette

from prodtest_assets.sandbox.app import build_app
from prodtest_assets.sandbox.marker import mark_as_sandbox
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.sandbox.speech import say_time

_ALEMBIC_INI = Path(__file__).parents[3] / "alembic.ini"
NUMBER = "+12025550123"


@pytest.fixture(scope="session")
def sandbox_template(postgres: PostgresServer) -> str:
    """The name of a database with both chains applied and the sandbox's marker."""
    name = f"sandbox_template_{secrets.token_hex(4)}"
    url = postgres.create_database(name)
    for section in ("alembic", "prodtest"):
        config = Config(_ALEMBIC_INI, ini_section=section)
        config.attributes["sqlalchemy.url"] = url
        command.upgrade(config, "head")
    mark_as_sandbox(url)
    return name


@pytest.fixture
def sandbox_url(postgres: PostgresServer, sandbox_template: str) -> Iterator[str]:
    """The URL of a sandbox database of the test's own."""
    name = f"sandbox_test_{secrets.token_hex(4)}"
    yield postgres.create_database(name, template=sandbox_template)
    postgres.drop_database(name)


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


@pytest.fixture
def start(sandbox_url: str) -> Iterator[Start]:
    """Starts the application in this process, with `build_app`'s options."""
    with ExitStack() as running:

        def begin(faults: Sequence[str] = (), **options: Any) -> Sandbox:
            app = build_app(sandbox_url, faults=faults, **options)
            return Sandbox(running.enter_context(_served(app)), sandbox_url)

        yield begin


@contextmanager
def _served(app: Starlette) -> Iterator[httpx.Client]:
    """A client of `app`, which a thread of this process serves on loopback."""
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", ws="none", log_level="critical"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def sandbox(start: Start) -> Sandbox:
    """The healthy application."""
    return start()


@pytest.fixture
def soon() -> datetime:
    """2 PM UTC on a workday one to two weeks ahead."""
    day = datetime.now(UTC).replace(hour=14, minute=0, second=0, microsecond=0) + timedelta(days=8)
    return day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))
