"""The booking database as assets, checks and sensors get it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg

from prodtest_assets.errors import ProdtestError
from prodtest_assets.schema import ensure_schema, is_current
from prodtest_assets.settings import Settings, load_settings
from prodtest_assets.testdata.connection import Database, open_database
from prodtest_assets.testdata.guard import WritePermit, WriteRules, authorize_writes
from prodtest_assets.testdata.identity import ReservedNumbers


@dataclass(frozen=True, slots=True)
class Writing:
    """A database that may be written to, with schema `prodtest` in place, and the permit that says so."""

    database: Database
    permit: WritePermit


class BookingDatabase(dg.ConfigurableResource[None]):
    """The booking database that the settings name. They are read when a run needs them, not while it loads."""

    def settings(self) -> Settings:
        """Everything the environment says. Raises `dagster.Failure` when a setting is wrong."""
        with clear_failures():
            return load_settings()

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """A connection for reading; schema `prodtest` need not stand there.

        Raises:
            dagster.Failure: in one sentence, whatever of our errors comes up before or inside.
        """
        with clear_failures(), readable_database(load_settings()) as database:
            yield database

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """A connection for writing. Schema `prodtest` is created where it is missing.

        Raises:
            dagster.Failure: writing is not allowed here, or any other of our errors.
        """
        with clear_failures(), writable_database(load_settings()) as writing:
            yield writing


@contextmanager
def clear_failures() -> Iterator[None]:
    """Let one of our errors end a step with its sentence, as `dagster.Failure` without a retry."""
    try:
        yield
    except ProdtestError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


@contextmanager
def readable_database(settings: Settings) -> Iterator[Database]:
    """Connect for reading.

    Raises:
        ConfigurationError, Unreachable: as `open_database`.
    """
    with open_database(_url(settings), reserved=_reserved(settings)) as database:
        yield database


@contextmanager
def writable_database(settings: Settings) -> Iterator[Writing]:
    """Ask for permission, bring schema `prodtest` up to date, and connect.

    Raises:
        RefusedForSafety: this database may not be written to.
        ConfigurationError, Unreachable: as `open_database`.
    """
    rules = write_rules(settings)
    with readable_database(settings) as database:
        permit = authorize_writes(database, rules)
        if is_current(database):
            yield Writing(database, permit)
            return
    ensure_schema(_url(settings) or "", _reserved(settings))
    with readable_database(settings) as database:
        yield Writing(database, authorize_writes(database, rules))


def write_rules(settings: Settings) -> WriteRules:
    """What the settings say about writing."""
    return WriteRules(settings.test_mode, settings.allow_database, settings.expected_system_id)


def retention(settings: Settings) -> timedelta:
    """How long a test row may live."""
    return timedelta(hours=settings.retention_hours)


def _url(settings: Settings) -> str | None:
    return settings.db_url.get_secret_value() if settings.db_url else None


def _reserved(settings: Settings) -> ReservedNumbers:
    return ReservedNumbers.with_ranges(settings.reserved_numbers)
