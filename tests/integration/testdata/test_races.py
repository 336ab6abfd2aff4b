"""What happens between the moment a row is chosen and the moment it would go."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, StopReason
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)


@pytest.fixture
def background():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def clean_in(pool: ThreadPoolExecutor, world: BookingWorld, policy: Policy | None = None) -> Future[CleanupReport]:
    def work() -> CleanupReport:
        with open_database(world.url) as database:
            return cleanup_now(database, world.permit, policy or Policy())

    return pool.submit(work)


def wait_until(holds: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def somebody_waits(world: BookingWorld) -> bool:
    return bool(
        world.sql(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database "
            "WHERE datname = current_database()) OR NOT granted AND locktype = 'transactionid'"
        )
    )


def test_a_mark_lifted_while_the_delete_waits_saves_the_row(world, background):
    row, other = world.book(age=OLD), world.book(age=OLD)
    with psycopg.connect(world.url) as application:
        application.execute("UPDATE appointments SET is_test_data = false WHERE id = %s", [row])
        cleanup = clean_in(background, world)
        wait_until(lambda: somebody_waits(world))
        application.commit()
        report = cleanup.result(30)
    assert world.has_appointment(row)
    assert not world.has_appointment(other)
    assert ("appointments", row) not in world.archived()
    assert report.missed == 2


def test_a_booking_for_a_test_user_between_check_and_delete_is_not_lost(world, background):
    row = world.book(age=OLD)
    user = world.sql("SELECT user_id FROM appointments")[0]["user_id"]
    with psycopg.connect(world.url) as application:
        application.execute(
            "INSERT INTO appointments (user_id, starts_at) VALUES (%s, %s)", [user, START + timedelta(days=1)]
        )
        cleanup = clean_in(background, world)
        wait_until(lambda: somebody_waits(world))
        application.commit()
        cleanup.result(30)
    assert not world.has_appointment(row)
    assert world.has_user(user)
    assert world.sql("SELECT count(*) AS n FROM appointments")[0]["n"] == 1


def test_an_application_that_keeps_its_locks_delays_only_its_own_rows(world, background):
    locked, free = world.book(age=OLD), [world.book(age=OLD) for _ in range(5)]
    with psycopg.connect(world.url) as application:
        application.execute("SELECT * FROM appointments WHERE id = %s FOR UPDATE", [locked])
        cleanup = clean_in(background, world)
        wait_until(lambda: not any(world.has_appointment(row) for row in free))
        assert world.has_appointment(locked)
        application.rollback()
        assert cleanup.result(30).stop_reason is StopReason.DRAINED
    assert not world.has_appointment(locked)


def test_two_cleanups_started_together_take_every_row_once(world, background):
    rows = [world.book(age=OLD) for _ in range(12)]
    reports = [clean_in(background, world, Policy(batch_size=2)) for _ in range(2)]
    removed = sum(report.result(60).deleted.get("appointments", 0) for report in reports)
    assert removed == len(rows)
    assert {row for table, row in world.archived() if table == "appointments"} == set(rows)


_CLEANUP = textwrap.dedent(
    """
    import sys
    from prodtest_assets.testdata.cleanup.execute import cleanup_now
    from prodtest_assets.testdata.connection import open_database
    from prodtest_assets.testdata.guard import WriteRules, authorize_writes
    from prodtest_assets.testdata.cleanup.models import Policy

    with open_database(sys.argv[1]) as database:
        permit = authorize_writes(database, WriteRules(test_mode=True))
        print("ready", flush=True)
        cleanup_now(database, permit, Policy(batch_size=1), on_progress=lambda p: print(p.removed, flush=True))
    """
)


def test_a_cleanup_killed_at_any_moment_leaves_every_row_in_exactly_one_place(world, record_property):
    world.customer(bookings=4)
    before = customer_fingerprints(world.database)
    kills = 12
    rows: set[int] = set()
    for kill in range(kills):
        rows |= {world.book(age=OLD) for _ in range(6)}
        process = subprocess.Popen([sys.executable, "-c", _CLEANUP, world.url], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        threading.Event().wait(0.012 * kill)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        world.sql("UPDATE prodtest.lease SET until = now() - interval '1 second'")
        present = {row["id"] for row in world.sql("SELECT id FROM appointments WHERE is_test_data")}
        archived = {row for table, row in world.archived() if table == "appointments"}
        assert present | archived == rows
        assert not present & archived
    with open_database(world.url) as database:
        report = cleanup_now(database, world.permit, Policy())
    assert report.stop_reason is StopReason.DRAINED
    assert {row for table, row in world.archived() if table == "appointments"} == rows
    assert rows_changed(world.database, before) == 0
    record_property("kills survived", kills)
