"""The world of a demonstration: a private PostgreSQL, a booking application, and what a job needs to know of them."""

import importlib.util
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prodtest_assets.cli.dagster_home import prepare_dagster
from prodtest_assets.cli.output import say
from prodtest_assets.errors import Unreachable
from prodtest_assets.sandbox.calendar_store import CALENDAR_ID
from prodtest_assets.sandbox.faults import check_faults
from prodtest_assets.sandbox.locks import held
from prodtest_assets.sandbox.marker import mark_as_sandbox
from prodtest_assets.sandbox.postgres import PostgresServer, private_postgres
from prodtest_assets.sandbox.seed import seed_customers, seed_leftovers
from prodtest_assets.sandbox.server import RunningApp, running_app
from prodtest_assets.sandbox.state import make_directories, state_directory
from prodtest_assets.schema import ensure_schema, migrate_booking_tables
from prodtest_assets.testdata.identity import ReservedNumbers

BOOKING_DATABASE = "booking_test"
_SECONDS_IN_LINE = 300.0
# What leads to a real database, application or calendar, or changes what the job does.
_SETTINGS = (
    "PRODUCTION_", "PRODTEST_", "TEST_DATA_", "TWILIO_", "GOOGLE_", "FUNCTION_URL", "DAGSTER_", "PYTEST_", "PG"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where a demonstration keeps its files.

    Attributes:
        path: made if it was missing.
    """

    path: Path

    @property
    def postgres(self) -> Path:
        """The private PostgreSQL's directory."""
        return self.path / "postgres"

    @property
    def dagster_home(self) -> Path:
        """Dagster's settings, and what its steps print."""
        return self.path / "dagster"

    @property
    def lock(self) -> Path:
        """Held by the demonstration that is at work."""
        return self.path / "demo.lock"

    @property
    def log(self) -> Path:
        """What the job and the application had to say."""
        return self.path / "demo.log"


@dataclass(frozen=True, slots=True)
class World:
    """A demonstration's database and application.

    Attributes:
        database_url: of the booking database.
        app: the running application.
        job_environment: the whole environment of the job's process; it holds secrets.
        seconds: how long it took to build.
    """

    database_url: str = field(repr=False)
    app: RunningApp
    job_environment: Mapping[str, str] = field(repr=False)
    seconds: float


def forget_settings() -> None:
    """Take everything out of this process's environment that leads to someone's database or application.

    Whatever is started from now on has never heard of it.
    """
    for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
        del os.environ[name]


@contextmanager
def demo_folder() -> Iterator[DemoFolder]:
    """The folder in the state directory.

    Raises:
        OSError: it cannot be made.
    """
    path = state_directory()
    # The account PostgreSQL runs under must be able to pass through.
    make_directories(path, 0o711)
    yield DemoFolder(path)


@contextmanager
def only_demo(folder: DemoFolder) -> Iterator[None]:
    """Wait until no other demonstration is at work in this folder.

    Raises:
        Unreachable: another one did not come to an end.
    """
    started = time.monotonic()
    try:
        with held(folder.lock, 0.0):
            yield
            return
    except Unreachable:
        if time.monotonic() - started > 1:
            raise
    say("another demonstration is at work here; waiting for it to end")
    with held(folder.lock, _SECONDS_IN_LINE):
        yield


@contextmanager
def demo_world(folder: DemoFolder, *, faults: Sequence[str] = (), fresh: bool = False) -> Iterator[World]:
    """Build the world, and take it down at the end.

    Args:
        folder: of this demonstration, which is the only one at work there.
        faults: how the application misbehaves.
        fresh: throw away the databases of earlier demonstrations.

    Raises:
        ConfigurationError: there is no such fault, or PostgreSQL cannot run here.
        RefusedForSafety: `fresh`, and somebody else uses the database.
    """
    started = time.monotonic()
    check_faults(faults)
    auth_token, api_key = secrets.token_hex(16), secrets.token_hex(16)
    with private_postgres(folder.postgres, fresh=fresh) as server:
        dagster = prepare_dagster(folder.dagster_home, server, fresh=fresh)
        url = prepare_bookings(server)
        with running_app(url, faults=faults, auth_token=auth_token, api_key=api_key, log_file=folder.log) as app:
            environment = dict(os.environ) | dagster | settings_for(url, app, auth_token, api_key)
            yield World(url, app, environment, time.monotonic() - started)


def prepare_bookings(server: PostgresServer) -> str:
    """A migrated database with customers and leftovers. Each step does nothing where it was done before."""
    is_new = not server.has_database(BOOKING_DATABASE)
    url = server.create_database(BOOKING_DATABASE) if is_new else server.url(BOOKING_DATABASE)
    migrate_booking_tables(url)
    mark_as_sandbox(url)
    ensure_schema(url, ReservedNumbers())
    seed_customers(url)
    seed_leftovers(url)
    return url


def settings_for(url: str, app: RunningApp, auth_token: str, api_key: str) -> dict[str, str]:
    """The environment variables that lead to a private database and application."""
    has_calendar_client = importlib.util.find_spec("googleapiclient") is not None
    return {
        "PRODUCTION_DB_URL": url,
        "PRODUCTION_DB_TEST_MODE": "true",
        "PRODUCTION_TEST_URL": app.url,
        "TWILIO_AUTH_TOKEN": auth_token,
        "PRODUCTION_API_KEY": api_key,
        "GOOGLE_CALENDAR_ENABLED": str(has_calendar_client).lower(),
        "GOOGLE_CALENDAR_ID": CALENDAR_ID,
        "PRODTEST_CALENDAR_API_URL": app.calendar_api_url,
    }
