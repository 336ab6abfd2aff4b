"""One cleanup per database: a row with an end, which every batch extends in its own transaction.

A session's advisory lock would strand behind a transaction pooler, so it is a row.
"""

import getpass
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from prodtest_assets.testdata.connection import Database

_POLL_SECONDS = 0.25


class LeaseTaken(Exception):
    """Another cleanup works on this database, and went on doing so for as long as was waited."""


@contextmanager
def cleanup_lease(database: Database, holder: UUID, *, wait: timedelta) -> Iterator[None]:
    """Hold the lease of `database` while the body runs.

    Args:
        holder: the cleanup's id.
        wait: how long to wait for another cleanup to end.

    Raises:
        LeaseTaken: it did not end.
    """
    deadline = time.monotonic() + wait.total_seconds()
    while not database.call("take_lease", holder, actor()):
        if time.monotonic() >= deadline:
            raise LeaseTaken
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if not database.connection.broken:
            database.call("release_lease", holder)


def actor() -> str:
    """Who does this, as the audit shows it: user and host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
