"""The PostgreSQL that benchmarks measure on: the private one, with the server's own durability."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prodtest_assets.sandbox.postgres import PostgresServer, private_postgres, remove_private_postgres

# Not the system's folder for temporary files: root's may be closed to the account PostgreSQL runs under.
_TEMPORARY = Path("/var/tmp")
# A worker that wakes in one of two measurements would be counted as a difference between them.
_STEADY = {"autovacuum": "off", "max_wal_size": "4GB", "shared_buffers": "512MB"}


@contextmanager
def benchmark_server() -> Iterator[PostgresServer]:
    """A server of its own, gone afterwards with its files. `fsync` and `synchronous_commit` stay on."""
    directory = _TEMPORARY / f"prodtest-benchmarks-{secrets.token_hex(4)}"
    try:
        with private_postgres(directory, settings=_STEADY) as server:
            yield server
    finally:
        remove_private_postgres(directory)
