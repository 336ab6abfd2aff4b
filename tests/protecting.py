"""A database that is protected for a while, and cleaned up by the role that may do nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

from prodtest_assets.testdata.protect import Protection, protect, unprotect
from tests.booking_world import BookingWorld


@contextmanager
def as_protected_role(world: BookingWorld, roles: Protection) -> Iterator[None]:
    """Protect the database and use the world's own connection as the login role; both end with the body."""
    protect(world.database, world.permit, roles)
    try:
        world.database.connection.execute(f"SET SESSION AUTHORIZATION {roles.login}".encode())
        yield
    finally:
        world.database.connection.execute("RESET SESSION AUTHORIZATION")
        unprotect(world.database, world.permit)
