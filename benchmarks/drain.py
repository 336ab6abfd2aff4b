"""Draining stale test rows, against the same batches deleted bare by id list on a copy of the same database."""

import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import LiteralString
from uuid import uuid4

import psycopg

from benchmarks.cleanup_process import NO_LIMIT, CleanupFigures, figures_of, start_cleanup
from benchmarks.dataset import make_database
from benchmarks.result import Result
from benchmarks.server import benchmark_server
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.removal import OnProgress
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import WriteRules, authorize_writes

_DRAIN_BOUND = 6.0
_ARCHIVE_BOUND = 3.0
_MEMORY_BOUND_MB = 150.0
_TRANSACTION_BOUND_SECONDS = 1.0
_BUFFERS_BOUND = 1.10
_SAMPLE_SECONDS = 0.02

_BARE: dict[str, LiteralString] = {
    "appointments": "DELETE FROM appointments WHERE id = ANY (%(ids)s)",
    "users": "DELETE FROM users WHERE id = ANY (%(ids)s)",
}
# The cheapest statement that still repeats the predicate and archives: no lock first, no second look, no lease.
_ARCHIVING: dict[str, LiteralString] = {
    "appointments": """
        WITH gone AS (
            DELETE FROM appointments a WHERE a.id = ANY (%(ids)s) AND a.is_test_data AND a.created_at < %(cutoff)s
            RETURNING a.*
        )
        INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content)
        SELECT %(cleanup)s, 'public.appointments'::regclass, g.id, to_jsonb(g) FROM gone g
    """,
    "users": """
        WITH gone AS (
            DELETE FROM users u WHERE u.id = ANY (%(ids)s)
            AND (SELECT count(*) FROM appointments a WHERE a.user_id = u.id) = 0 RETURNING u.*
        )
        INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content)
        SELECT %(cleanup)s, 'public.users'::regclass, g.id, to_jsonb(g) FROM gone g
    """,
}


@dataclass(frozen=True, slots=True)
class _Batch:
    table: str
    ids: list[int] = field(repr=False)


@dataclass(slots=True)
class _Replay:
    """The batches, run one by one on a copy of the database, and the seconds that took."""

    connection: psycopg.Connection
    statements: Mapping[str, LiteralString]
    batches: Iterator[_Batch]
    parameters: Mapping[str, object]
    seconds: float = 0.0

    def step(self) -> bool:
        """Run the next batch in a transaction of its own; False when there is none."""
        batch = next(self.batches, None)
        if batch is None:
            return False
        started = time.monotonic()
        cursor = self.connection.execute(self.statements[batch.table], {**self.parameters, "ids": batch.ids})
        self.seconds += time.monotonic() - started
        if cursor.rowcount != len(batch.ids):
            raise RuntimeError(f"{cursor.rowcount} of {len(batch.ids)} rows of {batch.table} went")
        return True


@dataclass(frozen=True, slots=True)
class _Round:
    """One drain of three copies of one database, in seconds."""

    bare: float
    archiving: float
    planning: float
    ours: float
    rows: int
    longest_transaction: float


def measure(quick: bool) -> list[Result]:
    """Drain 150,000 stale rows beside 1,000,000 customers' (3,000 beside 20,000 when quick)."""
    customers, tests, rounds = (20_000, 4_000, 1) if quick else (1_000_000, 200_000, 3)
    with benchmark_server() as server:
        make_database(server, "template_of_benchmarks_test", customers=customers, tests=tests)
        measured = [_measure_round(server, "template_of_benchmarks_test") for _ in range(rounds)]
        large, figures = _buffers_touched(server, "template_of_benchmarks_test")
        make_database(server, "template_of_few_customers_test", customers=customers // 10, tests=tests)
        small, _ = _buffers_touched(server, "template_of_few_customers_test")
    what = f"{measured[0].rows:,} rows beside {customers:,} customers' rows"
    return [*_time_results(measured, what), *_cost_results(measured, figures, small, large, customers)]


def _time_results(rounds: Sequence[_Round], what: str) -> list[Result]:
    middle = sorted(rounds, key=lambda entry: entry.ours / entry.bare)[len(rounds) // 2]
    ratios = ", ".join(f"{entry.ours / entry.bare:.1f}" for entry in rounds)
    archiving = statistics.median(entry.archiving / entry.bare for entry in rounds) * middle.bare
    bare = "the same batches deleted bare by id"
    return [
        Result(f"drain {what}", middle.ours, "s", middle.bare, bare, _DRAIN_BOUND, f"ratios {ratios}"),
        Result("archive and predicate alone", archiving, "s", middle.bare, bare, _ARCHIVE_BOUND),
        Result("of the drain, planning", middle.planning, "s", middle.bare, bare),
    ]


def _cost_results(
    rounds: Sequence[_Round], figures: CleanupFigures, small: int, large: int, customers: int
) -> list[Result]:
    memory = figures.peak_memory_bytes / 1e6
    longest = max(entry.longest_transaction for entry in rounds)
    return [
        Result("memory of the process that cleans up", memory, "MB", bound=_MEMORY_BOUND_MB),
        Result("longest transaction of a drain", longest, "s", bound=_TRANSACTION_BOUND_SECONDS),
        Result(
            f"shared buffers touched with {customers:,} customers' rows", large, "pages", small,
            f"with {customers // 10:,}", _BUFFERS_BOUND,
        ),
    ]  # fmt: skip


def _measure_round(server: PostgresServer, template: str) -> _Round:
    """After each batch of the cleanup both floors run the same one, so that whatever else runs here slows all three."""
    with _copy(server, template) as bare_url, _copy(server, template) as archiving_url, _copy(server, template) as url:
        started = time.monotonic()
        batches = _batches(bare_url)
        planning = time.monotonic() - started
        with (
            _replay(bare_url, batches, _BARE) as bare,
            _replay(archiving_url, batches, _ARCHIVING) as archiving,
            _watched_transactions(url) as longest,
        ):
            report = _drain(url, lambda _: [bare.step(), archiving.step()])
            while bare.step() or archiving.step():
                pass
    planned = sum(len(batch.ids) for batch in batches)
    if report.total != planned:
        raise RuntimeError(f"the cleanup removed {report.total} of {planned} rows: {report.stop_reason}")
    ours = report.seconds - bare.seconds - archiving.seconds
    return _Round(bare.seconds, archiving.seconds, planning, ours, planned, max(longest, default=0.0))


def _drain(url: str, on_progress: OnProgress) -> CleanupReport:
    with open_database(url) as database:
        permit = authorize_writes(database, WriteRules(test_mode=True))
        return cleanup_now(database, permit, Policy(max_delete=NO_LIMIT), on_progress=on_progress)


@contextmanager
def _copy(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"copy_{uuid4().hex[:8]}_test"
    url = server.create_database(name, template=template)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    try:
        yield url
    finally:
        server.drop_database(name)


def _batches(url: str) -> list[_Batch]:
    """The batches of a real plan, so that both sides delete the same rows in the same transactions."""
    with open_database(url) as database:
        permit = authorize_writes(database, WriteRules(test_mode=True))
        plan = plan_cleanup(database, Policy(), permit=permit)
        rows = database.connection.execute(
            "SELECT (SELECT relname FROM pg_class WHERE oid = table_oid) AS name, row_ids FROM prodtest.plan_batch "
            "WHERE plan_id = %s ORDER BY place",
            [plan.id],
        ).fetchall()
        database.connection.execute("DELETE FROM prodtest.plan WHERE id = %s", [plan.id])
    return [_Batch(str(row["name"]), list(row["row_ids"])) for row in rows]


@contextmanager
def _replay(url: str, batches: Sequence[_Batch], statements: Mapping[str, LiteralString]) -> Iterator[_Replay]:
    """The same batches by other statements; the connection is made before."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT now() - %s", [timedelta(hours=24)]).fetchone()
        parameters = {"cutoff": row[0] if row else None, "cleanup": uuid4()}
        yield _Replay(connection, statements, iter(batches), parameters)


@contextmanager
def _watched_transactions(url: str) -> Iterator[list[float]]:
    """The ages, in seconds, that the cleanup's transactions were seen to reach."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.wait(_SAMPLE_SECONDS):
                row = connection.execute(
                    "SELECT extract(epoch FROM max(clock_timestamp() - xact_start)) FROM pg_stat_activity "
                    "WHERE application_name = 'prodtest' AND datname = current_database()"
                ).fetchone()
                if row and row[0] is not None:
                    seen.append(float(row[0]))

    watcher = threading.Thread(target=watch, name="transaction-watch")
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _buffers_touched(server: PostgresServer, template: str) -> tuple[int, CleanupFigures]:
    """How many pages a drain asked the buffer pool for, catalogs included, and what it took besides."""
    with _copy(server, template) as url:
        before = _pages(server, url)
        figures = figures_of(start_cleanup(url))
        return _pages(server, url) - before, figures


def _pages(server: PostgresServer, url: str) -> int:
    """The database's counters, read from outside it and after its sessions have handed theirs in."""
    name = url.rpartition("/")[2]
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        while connection.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s", [name]).fetchone():
            time.sleep(_SAMPLE_SECONDS)
        row = connection.execute(
            "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = %s", [name]
        ).fetchone()
    return int(row[0]) if row else 0
