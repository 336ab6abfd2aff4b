"""Real web servers on loopback, and the other side of the ledger's protocol."""

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import pytest
import uvicorn
from starlette.types import ASGIApp

from prodtest_assets.caller import OpenCall
from prodtest_assets.errors import NumberTaken


@dataclass
class ListLedger:
    """Keeps calls in a list; refuses a number that it is told is taken."""

    run_id: UUID = field(default_factory=uuid4)
    taken: frozenset[str] = frozenset()
    opened: list[OpenCall] = field(default_factory=list)
    closed: dict[str, tuple[bool, list[dict[str, object]]]] = field(default_factory=dict)

    def open_call(
        self, *, persona: str, requested_start: datetime, number: str | None = None, name: str | None = None
    ) -> OpenCall:
        assert requested_start.tzinfo is not None
        if number in self.taken:
            raise NumberTaken
        drawn = f"+1202555{100 + len(self.opened):04}"
        call = OpenCall(f"CA{secrets.token_hex(16)}", number or drawn, name or f"Jane {persona.title()}")
        self.opened.append(call)
        return call

    def close_call(self, call_sid: str, *, completed: bool, transcript: list[dict[str, object]]) -> None:
        assert call_sid not in self.closed
        self.closed[call_sid] = (completed, transcript)


@contextmanager
def running(config: uvicorn.Config) -> Iterator[int]:
    """Run a web server on a free port of loopback; gives the port."""
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(10)


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a free port of loopback; gives its base URL."""
    with running(uvicorn.Config(app, lifespan="off", log_level="critical", ws="none")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def ledger() -> ListLedger:
    return ListLedger()


@pytest.fixture
def serve() -> Iterator[Callable[[ASGIApp], str]]:
    """Starts applications that live until the test is over."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))
