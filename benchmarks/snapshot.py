"""A snapshot, against its own statements run bare and against plain counts."""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import LiteralString

import psycopg

from benchmarks.dataset import make_database
from benchmarks.result import Result
from benchmarks.server import benchmark_server
from prodtest_assets.testdata.connection import Database, open_database
from prodtest_assets.testdata.snapshot import take_snapshot

_OWN_BOUND = 1.3
_COUNTS_BOUND = 3.0
_BUFFERS_BOUND = 1.10
_RETENTION = timedelta(hours=24)

# What a person would ask by hand: total, active, range and age buckets with users in one, the trend in the other.
_COUNTS: LiteralString = """
SELECT count(*), count(*) FILTER (WHERE cancelled_at IS NULL AND status <> 'cancelled'), count(DISTINCT user_id),
       min(created_at), max(created_at),
       count(*) FILTER (WHERE created_at > now() - interval '1 hour'),
       count(*) FILTER (WHERE created_at <= now() - interval '1 hour' AND created_at > now() - interval '6 hours'),
       count(*) FILTER (WHERE created_at <= now() - interval '6 hours' AND created_at > now() - interval '12 hours'),
       count(*) FILTER (WHERE created_at <= now() - interval '12 hours' AND created_at > now() - interval '24 hours'),
       count(*) FILTER (WHERE created_at <= now() - interval '24 hours' AND created_at > now() - interval '48 hours'),
       count(*) FILTER (WHERE created_at <= now() - interval '48 hours' AND created_at > now() - interval '72 hours'),
       count(*) FILTER (WHERE created_at <= now() - interval '72 hours')
FROM appointments WHERE is_test_data
"""
_TREND: LiteralString = """
SELECT date_trunc('hour', created_at), count(*) FROM appointments
WHERE is_test_data AND created_at > now() - interval '24 hours' GROUP BY 1 ORDER BY 1
"""


def measure(quick: bool) -> list[Result]:
    """Take snapshots beside 1,000,000 customers' rows and 200,000 test rows (20,000 and 4,000 when quick)."""
    customers, tests, times = (20_000, 4_000, 3) if quick else (1_000_000, 200_000, 7)
    with benchmark_server() as server:
        large = make_database(server, "snapshot_test", customers=customers, tests=tests)
        small = make_database(server, "snapshot_of_few_test", customers=customers // 10, tests=tests)
        with open_database(large) as database:
            ours, own, counts = _in_turns(
                times, lambda: take_snapshot(database, retention=_RETENTION), lambda: _own_statements(database),
                lambda: _plain_counts(database.connection),
            )  # fmt: skip
            pages = _pages_touched(database)
        with open_database(small) as database:
            pages_with_few = _pages_touched(database)
    what = f"snapshot beside {customers:,} customers' rows"
    return [
        Result(what, ours, "s", own, "its own statements run bare", _OWN_BOUND),
        Result(what, ours, "s", counts, "plain counts in two statements", _COUNTS_BOUND),
        Result(
            f"shared buffers of a {what}", pages, "pages", pages_with_few, f"with {customers // 10:,}", _BUFFERS_BOUND
        ),
    ]


def _in_turns(times: int, *pieces: Callable[[], object]) -> list[float]:
    """The median seconds of each piece; they take turns, so that a busy moment hits all of them."""
    seconds: list[list[float]] = [[] for _ in pieces]
    for turn in range(times + 1):
        for piece, taken in zip(pieces, seconds, strict=True):
            started = time.monotonic()
            piece()
            if turn:  # the first one warms the caches
                taken.append(time.monotonic() - started)
    return [statistics.median(taken) for taken in seconds]


def _own_statements(database: Database) -> None:
    question: dict[str, object] = {
        "cutoff": None,
        "retention": _RETENTION,
        "run_id": None,
        "named": [],
        "named_users": [],
        "active_only": False,
    }
    database.rows("figures", scopes=["call", "stale"], **question)
    database.rows("storage")


def _plain_counts(connection: psycopg.Connection[dict[str, object]]) -> None:
    connection.execute(_COUNTS).fetchall()
    connection.execute(_TREND).fetchall()


def _pages_touched(database: Database) -> int:
    """How many pages a snapshot asks the buffer pool for, once the catalogs are cached."""
    take_snapshot(database, retention=_RETENTION)
    before = _pages(database)
    take_snapshot(database, retention=_RETENTION)
    return _pages(database) - before


def _pages(database: Database) -> int:
    connection = database.connection
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute(
        "SELECT blks_hit + blks_read AS pages FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    return int(row["pages"]) if row else 0
