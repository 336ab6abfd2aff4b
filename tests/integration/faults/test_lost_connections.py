"""The connection ends at any message: the network fails, or the server cuts the session off, or cancels it."""

import threading
import time
from datetime import timedelta

import psycopg
import pytest

from prodtest_assets.errors import ProdtestError, Unreachable
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.connection import open_database
from tests.integration.faults.wire import wire_to

ROWS = 3
POLICY = Policy(batch_size=2, lease_wait=timedelta(seconds=5))
_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'prodtest' AND pid <> %s"


def clean_over(scene, wire) -> None:
    with open_database(wire.url) as database:
        cleanup_now(database, scene.world.permit, POLICY)


@pytest.fixture
def stride(is_long) -> int:
    """Every message in the long form, every fourth one in the short."""
    return 1 if is_long else 4


def at_messages(scene, wire, places, act, settled=lambda: None, **how) -> list[ProdtestError]:
    """Run a cleanup for the chosen messages of a whole one; the errors that it ended with.

    What `act` has begun is over when `settled` returns: it must not meet the cleanup that comes after.
    """
    scene.leave_stale_rows(ROWS)
    wire.arm()
    clean_over(scene, wire)
    errors = []
    for point in range(1, wire.sent + 1)[places]:
        scene.leave_stale_rows(ROWS)
        wire.arm(point, act, **how)
        try:
            clean_over(scene, wire)
        except ProdtestError as error:
            errors.append(error)
        settled()
        wire.arm()
        scene.let_pass()
        scene.check()
    scene.drain()
    return errors


def test_a_connection_cut_at_any_message_is_unreachable_and_the_next_cleanup_goes_on(scene, stride, record_property):
    with wire_to(scene.url) as wire:
        errors = at_messages(scene, wire, slice(0, None, stride), lambda: None, delivers=False, cuts=True)
    assert {type(error) for error in errors} == {Unreachable}
    record_property("connections cut", len(errors))


def test_a_connection_cut_just_after_any_message_is_unreachable_and_the_next_cleanup_goes_on(
    scene, stride, record_property
):
    with wire_to(scene.url) as wire:
        errors = at_messages(scene, wire, slice(1 % stride, None, stride), lambda: None, cuts=True)
    assert {type(error) for error in errors} == {Unreachable}
    record_property("connections cut", len(errors))


def test_a_session_that_the_server_ends_at_any_message_is_unreachable(scene, stride, record_property):
    def end_session() -> None:
        own = scene.world.database.connection.info.backend_pid
        scene.app.connection.execute("SELECT pg_terminate_backend(pid, 5000) " + _OTHERS, [own])

    with wire_to(scene.url) as wire:
        errors = at_messages(scene, wire, slice(2 % stride, None, stride), end_session)
    assert {type(error) for error in errors} == {Unreachable}
    record_property("sessions ended", len(errors))


def test_a_statement_that_is_cancelled_is_tried_again_or_ends_the_cleanup(scene, stride, record_property):
    """A statement timeout is a cancel with the same code; this one comes while the server works on a message."""
    own = scene.world.database.connection.info.backend_pid
    hits = []

    def cancel() -> None:
        for _ in range(3):
            time.sleep(0.002)
            scene.app.connection.execute("SELECT pg_cancel_backend(pid) " + _OTHERS + " AND state = 'active'", [own])

    with wire_to(scene.url) as wire:
        errors = at_messages(
            scene,
            wire,
            slice(3 % stride, None, stride),
            lambda: hits.append(threading.Thread(target=cancel)) or hits[-1].start(),
            settled=lambda: [hit.join() for hit in hits],
        )
    unreachable = [error for error in errors if isinstance(error, Unreachable)]
    assert all(isinstance(error.__cause__, psycopg.errors.QueryCanceled) for error in unreachable)
    record_property("messages followed by a cancel", len(hits))
    record_property("cleanups ended by it", len(errors))


@pytest.mark.parametrize("milliseconds", [1, 4, 16])
def test_a_server_with_short_statement_timeouts_keeps_every_promise(scene, milliseconds):
    scene.leave_stale_rows(20)
    name = scene.world.database.name
    scene.world.sql(f'ALTER DATABASE "{name}" SET statement_timeout = {milliseconds}')
    try:
        with open_database(scene.url) as database:
            cleanup_now(database, scene.world.permit, POLICY)
    except ProdtestError as error:
        assert "timeout" in str(error)  # noqa: PT017 - a fast machine raises nothing
    finally:
        scene.world.sql(f'ALTER DATABASE "{name}" RESET statement_timeout')
    scene.let_pass()
    scene.check()
    scene.drain()
