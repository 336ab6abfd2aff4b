"""Undo beside others: a cleanup at work, a booking about to happen, and kill -9 at many moments."""

import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from prodtest_assets.errors import ProdtestError
from prodtest_assets.testdata.cleanup.undo import UndoReport, undo_cleanup
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from tests.booking_world import BookingWorld
from tests.undoing import OLD, clean, content, end_of_holds, reasons, rows_present, undo, user_of


def test_an_undo_waits_for_a_cleanup_that_is_at_work(world):
    world.book(age=OLD)
    cleanup = clean(world)
    other = uuid4()
    world.database.call("take_lease", other, "a cleanup")
    with pytest.raises(ProdtestError, match="a cleanup is at work"):
        undo_cleanup(world.database, world.permit, cleanup, lease_wait=timedelta(seconds=0.3))
    assert content(world) == []

    def work() -> UndoReport:
        with open_database(world.url) as database:
            return undo_cleanup(database, world.permit, cleanup)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(work)
        time.sleep(0.5)
        assert not waiting.done()
        world.database.call("release_lease", other)
        assert waiting.result(30).total == 2


def test_a_row_whose_key_a_booking_is_about_to_take_is_skipped_and_comes_back_later(world):
    row = world.book(age=OLD)
    user = user_of(world, row)
    number = world.sql("SELECT mobile FROM users")[0]["mobile"]
    cleanup = clean(world)
    with psycopg.connect(world.url) as application:
        application.execute("INSERT INTO users (full_name, mobile) VALUES ('Customer', %s)", [number])
        report = undo_cleanup(world.database, world.permit, cleanup)
        assert "another transaction" in reasons(report)[f"users:{user}"]
        application.rollback()
    assert undo(world, cleanup).total == 2


_UNDO = textwrap.dedent(
    """
    import sys
    from uuid import UUID
    from prodtest_assets.testdata.cleanup.undo import undo_cleanup
    from prodtest_assets.testdata.connection import open_database
    from prodtest_assets.testdata.guard import WriteRules, authorize_writes

    with open_database(sys.argv[1]) as database:
        permit = authorize_writes(database, WriteRules(test_mode=True))
        print("ready", flush=True)
        undo_cleanup(database, permit, UUID(sys.argv[2]), batch_size=1)  # more commits: more moments to be killed at
    """
)


def test_an_undo_killed_at_any_moment_leaves_every_row_in_exactly_one_place(world, request, record_property):
    kills = 40 if request.config.getoption("--soak") else 8
    world.customer(bookings=3)
    customers = customer_fingerprints(world.database)
    rows = {("appointments", world.book(age=OLD)) for _ in range(10)}
    rows |= {("users", user_of(world, appointment)) for _, appointment in rows}
    moments = set()
    for kill in range(kills):
        end_of_holds(world)
        cleanup = clean(world)
        kill_an_undo(world, cleanup, after=kill * len(rows) // kills)
        present = rows_present(world)
        assert present | world.archived() == rows
        assert not present & world.archived()
        moments.add(len(present))
        clean(world)
        assert rows_present(world) == present, "what a killed undo restored is not on hold"
        undo_cleanup(world.database, world.permit, cleanup)
        assert (rows_present(world), world.archived()) == (rows, set())
    assert rows_changed(world.database, customers) == 0
    assert len(moments) > 3, "the kills came too early or too late"
    record_property("kills survived", kills)
    record_property("rows restored when killed", sorted(moments))


def kill_an_undo(world: BookingWorld, cleanup: UUID, *, after: int) -> None:
    """Start an undo in a process of its own, and kill it when it has restored so many rows."""
    command = [sys.executable, "-c", _UNDO, world.url, str(cleanup)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    before = len(world.archived())
    while process.poll() is None and before - len(world.archived()) < after:
        pass
    process.kill()
    process.communicate()
    world.sql("UPDATE prodtest.lease SET until = now() - interval '1 second'")
