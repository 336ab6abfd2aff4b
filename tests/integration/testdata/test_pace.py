"""A cleanup alone in a database, and beside an application that writes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, StopReason
from tests.booking_world import START, BookingWorld

ROWS, BATCH = 900, 300


@contextmanager
def an_application_that_writes(url: str) -> Iterator[None]:
    """Customers who come one after another, as fast as they can."""
    over = threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.is_set():
                connection.execute(
                    "INSERT INTO users (full_name, mobile) VALUES ('Customer', left(gen_random_uuid()::text, 20))"
                )

    writer = threading.Thread(target=write, name="application")
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def stale_rows(world: BookingWorld) -> None:
    world.sql(
        "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at)"
        " SELECT %s, %s::timestamptz + n * interval '1 hour', true, now() - interval '2 days'"
        " FROM generate_series(1, %s) n",
        world.user(age=timedelta(days=2)), START, ROWS,
    )  # fmt: skip


def transactions_of_a_cleanup(world: BookingWorld) -> int:
    """How many transactions it takes to remove everything that is stale."""
    report = cleanup_now(world.database, world.permit, Policy(batch_size=BATCH))
    assert (report.stop_reason, report.deleted) == (StopReason.DRAINED, {"appointments": ROWS, "users": 1})
    return len(world.database.row("cleanup_run", cleanup_id=report.id)["transactions"])


def test_alone_a_cleanup_takes_each_batch_in_one_transaction(world: BookingWorld) -> None:
    stale_rows(world)
    assert transactions_of_a_cleanup(world) == ROWS // BATCH + 1


def test_beside_an_application_that_writes_its_transactions_become_small(world: BookingWorld) -> None:
    stale_rows(world)
    with an_application_that_writes(world.url):
        assert transactions_of_a_cleanup(world) > ROWS // BATCH + 1
