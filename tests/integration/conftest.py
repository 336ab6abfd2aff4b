"""A real PostgreSQL for the whole session, and an empty database for each test that wants one."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from prodtest_assets.sandbox.postgres import PostgresServer, private_postgres, remove_private_postgres

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
