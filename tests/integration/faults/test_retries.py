"""What the server asks to try again is tried again, and nothing else; what takes too long ends with its reason."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import psycopg
import pytest

from prodtest_assets.errors import ProdtestError
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, StopReason
from prodtest_assets.testdata.cleanup.pace import LONGEST_REST_SECONDS
from prodtest_assets.testdata.cleanup.removal import Progress


def fail_archiving(scene, code: str, times: int) -> None:
    """The server raises this error for the first rows that are archived; a sequence counts them."""
    scene.world.sql("CREATE SEQUENCE public.attempts")
    scene.world.sql(
        "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('public.attempts') <= {times} THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END IF;"
        " RETURN NEW; END $$"
    )
    scene.world.sql(
        "CREATE TRIGGER fails BEFORE INSERT ON prodtest.archived_row FOR EACH ROW EXECUTE FUNCTION public.fail()"
    )


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("40001", id="serialization failure"),
        pytest.param("40P01", id="deadlock"),
        pytest.param("55P03", id="lock timeout"),
        pytest.param("57014", id="statement timeout"),
    ],
)
def test_a_batch_that_the_server_turns_back_is_tried_again(scene, code):
    scene.leave_stale_rows(3)
    fail_archiving(scene, code, times=2)
    report = cleanup_now(scene.world.database, scene.world.permit, Policy())
    assert (report.stop_reason, report.deleted) == (StopReason.DRAINED, {"appointments": 3, "users": 3})
    assert scene.world.sql("SELECT last_value FROM attempts")[0]["last_value"] == 2 + 6
    scene.check()


def test_any_other_error_ends_the_cleanup_and_leaves_every_row(scene):
    scene.leave_stale_rows(3)
    fail_archiving(scene, "22012", times=1)
    with pytest.raises(ProdtestError, match="on purpose"):
        cleanup_now(scene.world.database, scene.world.permit, Policy())
    assert scene.world.sql("SELECT last_value FROM attempts")[0]["last_value"] == 1
    assert scene.world.sql("SELECT stop_reason FROM prodtest.cleanup_run") == [{"stop_reason": "failed"}]
    assert scene.world.archived() == set()
    scene.check()


def test_a_cleanup_that_runs_out_of_time_stops_between_two_batches_and_the_next_one_goes_on(scene):
    scene.leave_stale_rows(6)
    policy = Policy(batch_size=1, max_runtime=timedelta(seconds=1))

    def slowly(_: Progress) -> None:
        time.sleep(0.6)

    report = cleanup_now(scene.world.database, scene.world.permit, policy, on_progress=slowly)
    assert report.stop_reason is StopReason.MAX_RUNTIME
    assert 0 < report.total < 12
    assert report.eligible_left == 12 - report.total
    scene.check()
    scene.drain()


def test_a_cleanup_rests_after_each_batch_while_sessions_of_the_application_wait_for_locks(scene):
    scene.leave_stale_rows(4)
    customer = next(key for key in scene.app.people if scene.app.is_a_customer(key))
    at: list[float] = []
    with (
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(scene.url) as holder,
        psycopg.connect(scene.url) as waiter,
    ):
        holder.execute("SELECT 1 FROM users WHERE id = %s FOR UPDATE", [customer])
        blocked = threads.submit(waiter.execute, "SELECT 1 FROM users WHERE id = %s FOR UPDATE", [customer])

        def on_progress(_: Progress) -> None:
            at.append(time.monotonic())
            if len(at) == 3:
                holder.rollback()
                blocked.result(30)

        while not scene.world.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s", waiter.info.backend_pid):
            time.sleep(0.01)
        report = cleanup_now(scene.world.database, scene.world.permit, Policy(batch_size=1), on_progress=on_progress)
        waiter.rollback()
    rests = [after - before for before, after in pairwise(at)]
    assert report.stop_reason is StopReason.DRAINED
    assert min(rests[:2]) >= LONGEST_REST_SECONDS * 0.9
    assert min(rests[2:]) < LONGEST_REST_SECONDS / 2
    scene.check()
