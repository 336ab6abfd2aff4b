"""Ticks of the sensors: beside a long event log, and of the stale-data sensor beside the plain question."""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import dagster as dg
import psycopg

from benchmarks.dataset import make_database
from benchmarks.result import Result
from benchmarks.server import benchmark_server
from prodtest_assets.defs.alert_sensors import check_tick, run_tick
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.testdata.cleanup.due import cleanup_due
from prodtest_assets.testdata.connection import open_database

_MORE_SECONDS = 0.1
_TICK_SECONDS = 0.1
_RETENTION = timedelta(hours=24)
_STORAGE = """
storage:
  postgres:
    postgres_db: {{scheme: postgresql+psycopg2, hostname: 127.0.0.1, port: {port}, username: {user},
                   password: {password}, db_name: {name}}}
telemetry: {{enabled: false}}
"""
# Whole runs, again and again under other ids: their events as Dagster itself has written them, a second apart.
_MORE_RUNS: LiteralString = """
INSERT INTO runs (run_id, snapshot_id, pipeline_name, status, run_body, create_timestamp, update_timestamp, start_time,
                  end_time)
SELECT c.id, r.snapshot_id, r.pipeline_name, r.status, replace(r.run_body, r.run_id, c.id),
       r.create_timestamp - c.ago, r.update_timestamp - c.ago,
       r.start_time - extract(epoch FROM c.ago), r.end_time - extract(epoch FROM c.ago)
FROM runs r CROSS JOIN LATERAL (
    SELECT md5(r.run_id || n)::uuid::text AS id, make_interval(days => 2, secs => n) AS ago
    FROM generate_series(1, %(copies)s) n) c
"""
_MORE_EVENTS: LiteralString = """
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
SELECT c.id, jsonb_set(replace(e.event, e.run_id, c.id)::jsonb, '{timestamp}',
                       to_jsonb((e.event::jsonb ->> 'timestamp')::float - extract(epoch FROM c.ago)))::text,
       e.dagster_event_type, e.timestamp - c.ago, e.step_key, e.asset_key,
       e.partition
FROM event_logs e CROSS JOIN LATERAL (
    SELECT md5(e.run_id || n)::uuid::text AS id, make_interval(days => 2, secs => n) AS ago
    FROM generate_series(1, %(copies)s) n) c
ORDER BY c.ago DESC, e.id
"""
_YOUNG_USERS: LiteralString = (
    "UPDATE users SET created_at = now() WHERE id IN (SELECT user_id FROM appointments WHERE is_test_data)"
)
_PLAIN: LiteralString = (
    "SELECT EXISTS (SELECT 1 FROM appointments WHERE is_test_data AND created_at < now() - interval '24 hours')"
)


def measure(quick: bool) -> list[Result]:
    """Tick beside 100,000 events and beside 100 (5,000 and 100 when quick); ask beside 1,000,000 customers' rows."""
    events, customers, times = (5_000, 20_000, 3) if quick else (100_000, 1_000_000, 9)
    logging.disable(logging.CRITICAL)
    try:
        with benchmark_server() as server:
            return [*_alert_ticks(server, events, times), *_stale_question(server, customers, times)]
    finally:
        logging.disable(logging.NOTSET)


def _alert_ticks(server: PostgresServer, events: int, times: int) -> list[Result]:
    with ExitStack() as stack:
        few = stack.enter_context(_daemon(server, "few", 100))
        many = stack.enter_context(_daemon(server, "many", events))
        first = _in_turns(times, few.first_seconds, many.first_seconds)
        idle = _in_turns(times, few.seconds, many.seconds)
        busy = _in_turns(times, few.seconds, many.seconds, before=(few.run, many.run))
    return [
        Result(
            f"more for {what} beside {events:,} events than beside 100",
            more - less,
            "s",
            bound=_MORE_SECONDS,
            note=f"{less * 1000:.0f} ms and {more * 1000:.0f} ms for both alert sensors",
        )
        for what, (less, more) in (
            ("the first tick", first),
            ("a tick without news", idle),
            ("a tick with a new run", busy),
        )
    ]


class _Daemon:
    """Both alert sensors on a Dagster of their own, and a booking database."""

    def __init__(self, instance: dg.DagsterInstance, url: str) -> None:
        self._instance, self._url = instance, url
        self._definitions = _definitions(passed=True)
        self._cursors: dict[str, str | None] = {}
        self._is_red = False

    def run(self) -> None:
        """One run with five checks, which turn red and green by turns."""
        self._is_red = not self._is_red
        job = _definitions(passed=not self._is_red).resolve_job_def("watch")
        job.execute_in_process(instance=self._instance)

    def first_seconds(self) -> float:
        """How long the first tick of both sensors takes."""
        self._cursors.clear()
        return self.seconds()

    def seconds(self) -> float:
        """How long one tick of both sensors takes."""
        with _settings(PRODUCTION_DB_URL=self._url, PRODUCTION_DB_TEST_MODE="true"):
            started = time.monotonic()
            for name, tick in (("checks", check_tick), ("runs", run_tick)):
                with dg.build_sensor_context(
                    instance=self._instance, cursor=self._cursors.get(name), definitions=self._definitions
                ) as context:
                    self._cursors[name] = tick(context).cursor
            return time.monotonic() - started


@contextmanager
def _daemon(server: PostgresServer, name: str, events: int) -> Iterator[_Daemon]:
    dagster_url = server.create_database(f"dagster_{name}")
    booking_url = make_database(server, f"alerts_{name}_test", customers=100, tests=10)
    with tempfile.TemporaryDirectory() as home:
        Path(home, "dagster.yaml").write_text(
            _STORAGE.format(port=server.port, user=server.user, password=server.password, name=f"dagster_{name}")
        )
        with dg.DagsterInstance.from_config(home) as instance:
            daemon = _Daemon(instance, booking_url)
            daemon.run()
            with psycopg.connect(dagster_url, autocommit=True) as connection:
                found = connection.execute("SELECT count(*) FROM event_logs").fetchone()
                copies = {"copies": events // (found[0] if found else 1)}
                connection.execute(_MORE_EVENTS, copies)
                connection.execute(_MORE_RUNS, copies)
                connection.execute("VACUUM ANALYZE")
            yield daemon


def _definitions(*, passed: bool) -> dg.Definitions:
    @dg.asset
    def bookings() -> None: ...

    def check(place: int) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=bookings, name=f"check_{place}")
        def judge() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=passed, description="3 rows", metadata={"sample": "| id |"})

        return judge

    return dg.Definitions(
        assets=[bookings],
        asset_checks=[check(place) for place in range(5)],
        jobs=[dg.define_asset_job("watch", selection=dg.AssetSelection.all())],
        executor=dg.in_process_executor,
    )


def _stale_question(server: PostgresServer, customers: int, times: int) -> list[Result]:
    url = make_database(server, "stale_question_test", customers=customers, tests=customers // 100)
    with open_database(url) as database:
        database.connection.execute("UPDATE appointments SET created_at = now() WHERE is_test_data")
        database.connection.execute(_YOUNG_USERS)
        database.connection.execute("VACUUM ANALYZE")
        ours, floor = _in_turns(
            times,
            lambda: _timed(lambda: cleanup_due(database, _RETENTION)),
            lambda: _timed(lambda: database.connection.execute(_PLAIN).fetchone()),
        )
    what = f"is a cleanup due, beside {customers:,} customers' rows and {customers // 100:,} young test rows"
    note = f"{ours / floor:.0f} times a bare EXISTS of {floor * 1000:.2f} ms"
    return [Result(what, ours, "s", bound=_TICK_SECONDS, note=note)]


def _in_turns(times: int, *pieces: Callable[[], float], before: tuple[Callable[[], None], ...] = ()) -> list[float]:
    """The least seconds of each piece, since whatever else the machine does only adds; they take turns."""
    seconds: list[list[float]] = [[] for _ in pieces]
    for _ in range(times):
        for prepare in before:
            prepare()
        for piece, taken in zip(pieces, seconds, strict=True):
            taken.append(piece())
    return [min(taken) for taken in seconds]


def _timed(piece: Callable[[], object]) -> float:
    started = time.monotonic()
    piece()
    return time.monotonic() - started


@contextmanager
def _settings(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
