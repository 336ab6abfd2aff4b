"""An application that keeps its locks, that waits for ours, and that works as hard as it can meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import psycopg
import pytest

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, StopReason
from prodtest_assets.testdata.connection import open_database
from tests.integration.faults.application import open_application
from tests.integration.faults.random_application import RandomApplication


@pytest.fixture
def background():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def clean(scene, **policy) -> CleanupReport:
    with open_database(scene.url) as database:
        return cleanup_now(database, scene.world.permit, Policy(**policy))


def wait_until(holds, seconds=30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def waiting_sessions(scene, application: str) -> int:
    rows = scene.app.connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
        "AND application_name = %s",
        [application],
    ).fetchone()
    return int(rows[0])


def deadlocks(scene) -> int:
    """How many the server has resolved in this database."""
    rows = scene.world.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(rows[0]["deadlocks"])


def test_rows_that_the_application_keeps_locked_stay_and_are_reported_while_all_others_go(scene, background):
    scene.leave_stale_rows(8)
    locked = sorted(row.id for row in scene.app.bookings.values() if row.is_test)[:2]
    with psycopg.connect(scene.url) as application:
        application.execute("SELECT 1 FROM appointments WHERE id = ANY (%s) FOR UPDATE", [locked])
        started = time.monotonic()
        report = background.submit(clean, scene, batch_size=3).result(60)
        assert report.stop_reason is StopReason.HELD
        assert report.deleted["appointments"] == 6
        assert report.eligible_left >= len(locked)
        assert not report.is_failure
        assert time.monotonic() - started < 45
        application.rollback()
    scene.check()
    scene.drain()


def test_a_deadlock_is_resolved_for_the_application_and_the_cleanup_tries_again(scene, background, record_property):
    """The application has a user's child and wants the user; the cleanup has the user and wants the child."""
    scene.world.sql(
        "CREATE TABLE devices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " user_id bigint REFERENCES users ON DELETE CASCADE, seen int DEFAULT 0)"
    )
    scene.leave_stale_rows(3)
    user = max(scene.app.people)
    scene.app.connection.execute("INSERT INTO devices (user_id) VALUES (%s)", [user])
    with psycopg.connect(scene.url, application_name="application") as application:
        application.execute("UPDATE devices SET seen = 1")
        cleanup = background.submit(clean, scene)
        wait_until(lambda: waiting_sessions(scene, "prodtest"))
        application.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", [user])
        application.commit()
        report = cleanup.result(60)
    wait_until(lambda: deadlocks(scene))  # the statistics follow
    assert report.stop_reason is StopReason.DRAINED
    assert report.deleted == {"appointments": 3, "users": 3, "devices": 1}
    record_property("deadlocks", deadlocks(scene))


def test_an_application_that_locks_a_user_and_then_the_appointment_waits_no_longer_than_a_batch(scene, background):
    """The opposite order of a cleanup, which takes appointments first."""
    scene.leave_stale_rows(6)
    booking = max(scene.app.bookings)
    user = scene.app.bookings[booking].person
    with psycopg.connect(scene.url, application_name="application") as application:
        application.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", [user])
        cleanup = background.submit(clean, scene, batch_size=2)
        wait_until(lambda: not scene.world.has_appointment(booking))
        changed = application.execute("UPDATE appointments SET notes = 'moved' WHERE id = %s", [booking])
        assert changed.rowcount == 0
        application.commit()
        assert cleanup.result(60).stop_reason is StopReason.DRAINED
    scene.check()


@pytest.mark.parametrize("is_taken", [False, True], ids=["free", "taken by another cleanup"])
def test_a_lease_that_runs_out_while_a_plan_is_made_is_taken_again_unless_somebody_else_has_it(
    scene, background, is_taken
):
    scene.leave_stale_rows(3)
    with psycopg.connect(scene.url) as application:
        application.execute("LOCK TABLE prodtest.plan IN EXCLUSIVE MODE")
        cleanup = background.submit(clean, scene)
        wait_until(lambda: waiting_sessions(scene, "prodtest"))
        scene.world.sql("UPDATE prodtest.lease SET until = now() - interval '1 second'")
        if is_taken:
            scene.world.sql("SELECT prodtest.take_lease(gen_random_uuid(), 'somebody else')")
        application.commit()
        if is_taken:
            with pytest.raises(RefusedForSafety, match="lease was lost"):
                cleanup.result(60)
        else:
            assert cleanup.result(60).stop_reason is StopReason.DRAINED
    assert len(scene.world.archived()) == (0 if is_taken else 6)
    scene.check()


class Rush:
    """Applications and cleanups that all work at once until the time is up, and what they did."""

    def __init__(self, scene, seconds: float) -> None:
        self.scene = scene
        self.deadline = time.monotonic() + seconds
        self.done = {"steps of applications": 0, "cleanups": 0, "rows archived": 0}
        self._turn = threading.Lock()

    def is_over(self) -> bool:
        return time.monotonic() > self.deadline

    def count(self, what: str, more: int = 1) -> None:
        with self._turn:
            self.done[what] += more

    def clean(self) -> None:
        with open_database(self.scene.url) as database:
            while not self.is_over():
                policy = Policy(batch_size=3, lease_wait=timedelta(seconds=1), max_delete=100_000)
                report = cleanup_now(database, self.scene.world.permit, policy)
                assert report.stop_reason in (StopReason.DRAINED, StopReason.HELD, StopReason.LOCKED)
                assert report.proof is None or report.proof.holds
                self.count("cleanups")
                self.count("rows archived", report.total)


def test_a_rush_of_bookings_cancellations_and_flipping_marks_loses_nothing(scene, is_long, background, record_property):
    rush = Rush(scene, 300 if is_long else 5)

    def work(place: int) -> RandomApplication:
        rng, anybody = Random(place), RandomApplication(open_application(scene.url, first=30_000 * place + 10_000))
        with anybody.app.connection:
            anybody.begin()
            while not rush.is_over():
                anybody.take((rng.randrange(10_000), rng.randrange(10_000)))
                rush.count("steps of applications")
            return anybody

    cleanups = [background.submit(rush.clean) for _ in range(2)]
    applications = [background.submit(work, place) for place in range(2)]
    for cleanup in cleanups:
        cleanup.result()
    for application in applications:
        books = application.result().app
        scene.app.people |= books.people
        scene.app.bookings |= books.bookings
    scene.check()
    scene.drain(suspects=True)
    for what, number in rush.done.items():
        record_property(what, number)
    assert rush.done["rows archived"] > 0
