"""The reference application, served by a thread of this process on a database of the test's own."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from prodtest_assets.sandbox.app import build_app
from tests.phone import Sandbox, Start


@pytest.fixture
def start(booking_url: str) -> Iterator[Start]:
    """Starts the application in this process, with `build_app`'s options."""
    with ExitStack() as running:

        def begin(faults: Sequence[str] = (), **options: Any) -> Sandbox:
            app = build_app(booking_url, faults=faults, **options)
            return Sandbox(running.enter_context(_served(app)), booking_url)

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
