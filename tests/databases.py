"""A real PostgreSQL for the whole session, and a database of its own for each test that wants one."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from prodtest_assets.sandbox.marker import mark_as_sandbox
from prodtest_assets.sandbox.postgres import PostgresServer, private_postgres, remove_private_postgres
from prodtest_assets.schema import ensure_schema, migrate_booking_tables
from prodtest_assets.testdata.identity import ReservedNumbers

# Not pytest's own folder: root's is closed to the account PostgreSQL runs under.
_TEMPORARY = Path("/var/tmp")
# The data of tests need not survive a power cut.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """A directory that does not exist yet, for a private PostgreSQL of the test's own."""
    directory = _TEMPORARY / f"prodtest-tests-{secrets.token_hex(4)}"
    yield directory
    remove_private_postgres(directory)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The PostgreSQL server all tests share."""
    directory = _TEMPORARY / f"prodtest-tests-{secrets.token_hex(4)}"
    try:
        with private_postgres(directory, settings=_FAST) as server:
            yield server
    finally:
        remove_private_postgres(directory)


@pytest.fixture
def empty_database(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a database without tables, dropped after the test."""
    name = f"booking_test_{secrets.token_hex(4)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """The name of a database in which both chains have run and which carries the sandbox's marker."""
    url = postgres.create_database("template_booking_test")
    migrate_booking_tables(url)
    ensure_schema(url, ReservedNumbers())
    mark_as_sandbox(url)
    return "template_booking_test"


@pytest.fixture
def booking_url(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """The URL of a migrated database without rows, dropped after the test."""
    name = f"booking_test_{secrets.token_hex(4)}"
    yield postgres.create_database(name, template=migrated_template)
    postgres.drop_database(name)
