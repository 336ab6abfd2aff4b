"""An application with customers and with test rows that may go, and what outlasts a cleanup that ended badly."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, StopReason
from prodtest_assets.testdata.connection import open_database
from tests.booking_world import BookingWorld
from tests.integration.faults.application import Application, open_application

_OLD = timedelta(hours=48)


class Scene:
    """A world and the books of its application.

    Args:
        world: a migrated database.
        app: the application, which has stored everything in it.
    """

    def __init__(self, world: BookingWorld, app: Application) -> None:
        self.world = world
        self.app = app
        self.url = world.url
        for number, is_reserved in ((app.customers_number(), False), (app.reserved_number(), True)):
            customer = app.register(number, is_reserved=is_reserved)
            for _ in range(3):
                app.book(customer, is_test=False, age=timedelta(days=40))
        app.register(app.reserved_number(), is_reserved=True)

    def leave_stale_rows(self, count: int) -> None:
        """What old tests have left: users with reserved numbers, each with one marked appointment."""
        for _ in range(count):
            self.app.book(self.app.register(self.app.reserved_number(), is_reserved=True), is_test=True, age=_OLD)

    def let_pass(self) -> None:
        """Wait until the server has noticed that a client died, and let its lease run out."""
        own = self.world.database.connection.info.backend_pid
        for _ in range(2_000):
            left = self.app.connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'prodtest' "
                "AND pid <> %s",
                [own],
            ).fetchone()
            if left is None:
                break
            time.sleep(0.005)
        self.app.connection.execute("UPDATE prodtest.lease SET until = now() - interval '1 second'")

    def check(self) -> None:
        """The application's books agree with the database, and each cleanup's count with the archive."""
        self.app.check()
        wrong = self.app.connection.execute(
            "SELECT c.id FROM prodtest.cleanup_run c WHERE "
            "(SELECT coalesce(sum(d.value::int), 0) FROM jsonb_each_text(c.deleted) d) "
            "<> (SELECT count(*) FROM prodtest.archived_row r WHERE r.cleanup_id = c.id)"
        ).fetchall()
        assert wrong == []

    def drain(self, *, suspects: bool = False) -> None:
        """After whatever happened, one more cleanup takes all that is left.

        Args:
            suspects: whether test rows may stay, since their owner is in doubt.
        """
        with open_database(self.url) as database:
            report = cleanup_now(database, self.world.permit, Policy())
        assert report.stop_reason is StopReason.DRAINED
        assert report.eligible_left == 0
        assert report.proof is not None
        assert report.proof.holds
        self.check()
        left = self.app.connection.execute("SELECT count(*) FROM appointments WHERE is_test_data").fetchone()
        assert suspects or left == (0,)


@pytest.fixture
def scene(world: BookingWorld) -> Iterator[Scene]:
    """A customer, one with a reserved number, a user with a reserved number only, and no test rows yet."""
    app = open_application(world.url)
    try:
        yield Scene(world, app)
    finally:
        app.connection.close()


_LONG = pytest.param(True, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(4 * 3600)])


@pytest.fixture(params=[pytest.param(False, id="short"), _LONG])
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether a test that tries something many times takes hours for it; that form runs with --soak only."""
    return bool(request.param)
