"""What `prodtest dev` shows: somebody's own deployment, or a private database and the reference application."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from prodtest_assets.cli.access import database_url
from prodtest_assets.cli.demo.world import BOOKING_DATABASE, prepare_bookings, settings_for
from prodtest_assets.cli.dev.folder import DevFolder
from prodtest_assets.cli.output import shown_url
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.sandbox.faults import check_faults
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.settings import Settings, load_settings

# What Dagster and the suite must not get from the terminal where the command is started.
_OF_THIS_TERMINAL = ("DAGSTER_", "PYTEST_", "PG")
# What describes somebody's own application. The rest of the settings counts in a private world as well.
_OF_AN_APPLICATION = (
    "PRODUCTION_", "FUNCTION_URL", "TWILIO_", "GOOGLE_", "PRODTEST_ALLOW_DATABASE", "PRODTEST_EXPECTED_SYSTEM_ID",
    "PRODTEST_CALENDAR_API_URL", "PRODTEST_CALL_SCRIPT", "PRODTEST_VOICE_PATH", "PRODTEST_TIME_ZONE",
    "PRODTEST_RESERVED_NUMBERS",
)  # fmt: skip
# Whoever is on call would get what the sandbox does wrong on purpose.
_OF_PEOPLE = ("PRODTEST_ALERT_URLS",)


@dataclass(frozen=True, slots=True)
class World:
    """What Dagster works on.

    Attributes:
        application: its address, for people.
        database: the booking database's address, without the password.
        environment: leads there; it holds secrets.
        folder: Dagster's current directory. In that of a private world lies no `.env`.
        application_pid: of the private application.
    """

    application: str
    database: str
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    application_pid: int | None = None


def own_deployment(faults: Sequence[str]) -> Settings | None:
    """The settings, if they name a deployment of somebody's own.

    Args:
        faults: how the application is to misbehave.

    Raises:
        ConfigurationError: only half of a deployment is named, it is to misbehave, or there is no such fault.
    """
    check_faults(faults)
    settings = load_settings()
    named = {"PRODUCTION_DB_URL": settings.db_url, "PRODUCTION_TEST_URL": settings.test_url}
    missing = [name for name, value in named.items() if value is None]
    if len(missing) == len(named):
        return None
    if missing:
        (given,) = named.keys() - set(missing)
        raise ConfigurationError(
            f"{given} is set and {missing[0]} is not: set both for your own deployment, or neither for a private one"
        )
    if faults:
        raise ConfigurationError("--fault is for the private application: unset PRODUCTION_DB_URL, PRODUCTION_TEST_URL")
    return settings


def world_of(
    settings: Settings | None, server: PostgresServer, folder: DevFolder, faults: Sequence[str], *, alerts: bool
) -> AbstractContextManager[World]:
    """The deployment that `settings` name; a private one, which ends with the block, if they are None.

    Args:
        alerts: whether the failures of a private deployment go to PRODTEST_ALERT_URLS, as those of one's own do.

    Raises:
        ConfigurationError: the URL is none of PostgreSQL's.
        Unreachable: the private application does not start.
    """
    return _private_world(server, folder, faults, alerts=alerts) if settings is None else _own_world(settings)


@contextmanager
def _own_world(settings: Settings) -> Iterator[World]:
    address = urlsplit(database_url(settings))
    place = f"{address.hostname or 'localhost'}:{address.port or 5432}{address.path}"
    yield World(
        application=shown_url(settings.test_url or ""),
        database=f"postgresql://{place}",
        environment=_environment(_OF_THIS_TERMINAL),
        folder=Path.cwd(),
    )


@contextmanager
def _private_world(
    server: PostgresServer, folder: DevFolder, faults: Sequence[str], *, alerts: bool
) -> Iterator[World]:
    url = prepare_bookings(server)
    auth_token, api_key = secrets.token_hex(16), secrets.token_hex(16)
    log = folder.logs / "application.log"
    log.unlink(missing_ok=True)
    with running_app(url, faults=faults, auth_token=auth_token, api_key=api_key, log_file=log) as app:
        environment = _environment(_OF_THIS_TERMINAL + _OF_AN_APPLICATION + (() if alerts else _OF_PEOPLE))
        if suite := environment.get("PRODTEST_SUITE"):
            environment["PRODTEST_SUITE"] = str(Path(suite).absolute())
        yield World(
            application=app.url,
            database=f"postgresql://{server.user}@{server.host}:{server.port}/{BOOKING_DATABASE}",
            environment=environment | settings_for(url, app, auth_token, api_key),
            folder=folder.dagster_home,
            application_pid=app.pid,
        )


def _environment(left_out: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
