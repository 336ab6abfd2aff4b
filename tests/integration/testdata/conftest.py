"""What the tests of the rules share."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.protect import Protection, protect, unprotect
from tests.booking_world import RULES, BookingWorld


@dataclass
class ProtectedWorld:
    """A protected database, seen by the application (superuser) and by the role that may only clean up.

    Attributes:
        application: the same database as its owner.
        cleaner: the shortcuts with a database connected as the protected role.
        url: that role's address.
    """

    application: BookingWorld
    cleaner: BookingWorld
    url: str
    roles: Protection

    def attempt(self, *statements: str) -> list[dict[str, Any]]:
        """Run SQL in one session of the protected role, and give the rows of the last statement."""
        with psycopg.connect(self.url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            for statement in statements[:-1]:
                connection.execute(statement.encode())
            cursor = connection.execute(statements[-1].encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def roles() -> Protection:
    """Roles of this test alone, since roles belong to the whole server."""
    suffix = secrets.token_hex(4)
    return Protection(f"cleaner_{suffix}", f"owner_{suffix}")


@pytest.fixture
def protected(world: BookingWorld, roles: Protection) -> Iterator[ProtectedWorld]:
    """A migrated database that is protected, and a session of the role that was left."""
    protect(world.database, world.permit, roles)
    world.sql(f"ALTER ROLE {roles.login} PASSWORD 'secret'")
    parts = urlsplit(world.url)
    url = urlunsplit(parts._replace(netloc=f"{roles.login}:secret@{parts.hostname}:{parts.port}"))
    try:
        with open_database(url) as database:
            cleaner = BookingWorld(world.url, database, authorize_writes(database, RULES))
            yield ProtectedWorld(world, cleaner, url, roles)
    finally:
        unprotect(world.database, world.permit)
