"""From settings to what the rules take: a database, the permission to write, a policy."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from prodtest_assets.cli.output import say_statement
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.settings import Settings, load_settings
from prodtest_assets.testdata.connection import Database, normalize_url, open_database, repeated_url
from prodtest_assets.testdata.guard import WriteRules
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.usage import Usage


def settings_for(*, db_url: str | None = None, allow_database: str | None = None) -> Settings:
    """The settings, where what stands on the command line wins.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    return load_settings(db_url=db_url, allow_database=allow_database)


def database_url(settings: Settings) -> str:
    """The booking database's URL.

    Raises:
        ConfigurationError: none is configured, or it is no PostgreSQL URL.
    """
    if settings.db_url is None:
        raise ConfigurationError("no database: set PRODUCTION_DB_URL or give --db-url")
    return normalize_url(settings.db_url.get_secret_value())


def reserved_numbers(settings: Settings) -> ReservedNumbers:
    """The numbers that belong to tests.

    Raises:
        ConfigurationError: a range of PRODTEST_RESERVED_NUMBERS cannot be read.
    """
    return ReservedNumbers.with_ranges(settings.reserved_numbers)


@contextmanager
def booking_database(settings: Settings, *, show_sql: bool = False) -> Iterator[Database]:
    """The booking database, connected.

    Args:
        settings: say where it is.
        show_sql: print each statement on stderr before it is asked.

    Raises:
        ConfigurationError: no URL, or user, password or database name are wrong.
        Unreachable: nobody answers.
    """
    on_statement = say_statement if show_sql else None
    url, reserved = database_url(settings), reserved_numbers(settings)
    with open_database(url, reserved=reserved, on_statement=on_statement) as database:
        yield database


def write_rules(settings: Settings) -> WriteRules:
    """What the person who runs this has said about writing."""
    return WriteRules(
        test_mode=settings.test_mode,
        allow_database=settings.allow_database,
        expected_system_id=settings.expected_system_id,
    )


def usage(settings: Settings, db_url: str | None, older_than: float | None, *, active_only: bool = False) -> Usage:
    """How a command that is recommended names the rows of this one.

    Args:
        db_url: from the command line.
        older_than: hours from the command line.
        active_only: whether cancelled rows are left out.
    """
    return Usage(repeated_url(db_url) if db_url else None, older_than, settings.max_delete, active_only)


def retention(settings: Settings, older_than: float | None) -> timedelta:
    """How long a test row may live.

    Args:
        older_than: hours from the command line, which win; 0 is legal.
    """
    return timedelta(hours=settings.retention_hours if older_than is None else older_than)
