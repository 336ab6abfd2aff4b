"""A stop reason, always: also for a cleanup that never began, and for one that outlived its own lease."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import Policy, Scope, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.removal import Progress
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)
NO_WAIT = Policy(lease_wait=timedelta())


def reasons(world: BookingWorld) -> list[dict[str, Any]]:
    return world.sql("SELECT plan_id, stop_reason FROM prodtest.cleanup_run WHERE finished_at IS NOT NULL")


def test_a_drifted_plan_is_noted_as_refused(world):
    world.book(age=OLD)
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    world.book(age=OLD)
    with pytest.raises(RefusedForSafety):
        execute_plan(world.database, world.permit, plan.id, Policy())
    assert reasons(world) == [{"plan_id": plan.id, "stop_reason": "refused"}]


def test_a_trigger_in_the_way_is_noted_as_refused(world):
    world.sql("CREATE RULE keep AS ON DELETE TO users DO INSTEAD NOTHING")
    world.book(age=OLD)
    with pytest.raises(RefusedForSafety):
        cleanup_now(world.database, world.permit, Policy())
    assert [row["stop_reason"] for row in reasons(world)] == ["refused"]


def test_a_lease_that_was_lost_while_planning_is_noted_as_refused(world):
    world.book(age=OLD)
    world.sql(
        "CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN UPDATE prodtest.lease SET holder = gen_random_uuid(); RETURN NEW; END'"
    )
    world.sql("CREATE TRIGGER steals AFTER INSERT ON prodtest.plan FOR EACH ROW EXECUTE FUNCTION steal()")
    with pytest.raises(RefusedForSafety, match="lease was lost"):
        cleanup_now(world.database, world.permit, Policy())
    assert [row["stop_reason"] for row in reasons(world)] == ["refused"]


def test_a_cleanup_that_could_not_prove_anything_has_failed(world):
    row = world.book(age=OLD)

    def somebody_breaks_the_schema(_: Progress) -> None:
        world.sql("DROP FUNCTION prodtest.name_of")

    with pytest.raises(ConfigurationError):
        cleanup_now(
            world.database,
            world.permit,
            Policy(),
            scope=Scope.NAMED,
            named=(row,),
            on_progress=somebody_breaks_the_schema,
        )
    assert [run["stop_reason"] for run in reasons(world)] == ["failed"]
    assert ("appointments", row) in world.archived()


def test_a_locked_cleanup_reports_what_was_asked_for(world):
    row, other = world.book(age=OLD), world.book(age=OLD)
    world.database.call("take_lease", uuid4(), "another")
    report = cleanup_now(world.database, world.permit, NO_WAIT, scope=Scope.NAMED, named=(row,))
    assert (report.stop_reason, report.plan.scope, dict(report.plan.rows)) == (
        StopReason.LOCKED,
        Scope.NAMED,
        {"appointments": 1},
    )
    assert world.has_appointment(other)


def test_a_locked_execution_reports_its_own_plan(world):
    world.book(age=OLD)
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    world.database.call("take_lease", uuid4(), "another")
    report = execute_plan(world.database, world.permit, plan.id, NO_WAIT)
    assert (report.stop_reason, report.plan.id) == (StopReason.LOCKED, plan.id)


def test_a_plan_made_with_a_limit_can_be_executed_without_giving_it_again(world):
    for _ in range(4):
        world.book(age=OLD)
    plan = plan_cleanup(world.database, Policy(max_delete=3, accept_partial=True), permit=world.permit)
    report = execute_plan(world.database, world.permit, plan.id, Policy(max_delete=2))
    assert (report.stop_reason, report.total) == (StopReason.MAX_DELETE, 3)


def test_a_stored_dry_plan_settles_the_dead(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name))
        run._ended.set()
        world.kill_run(run.run_id)
        plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    assert plan.rows == {"appointments": 1, "users": 1}


def test_a_cleanup_whose_own_retries_outlast_its_lease_goes_on(world):
    for _ in range(3):
        world.book(age=OLD)
    free = world.book(age=OLD - timedelta(hours=1))
    with psycopg.connect(world.url) as application:
        application.execute("SELECT 1 FROM appointments WHERE id <> %s FOR UPDATE", [free])

        def lease_runs_out(_: Progress) -> None:
            world.sql("UPDATE prodtest.lease SET until = now() - interval '1 second'")

        policy = Policy(batch_size=1, max_runtime=timedelta(seconds=3))
        report = cleanup_now(world.database, world.permit, policy, on_progress=lease_runs_out)
    assert report.stop_reason is StopReason.MAX_RUNTIME
    assert report.deleted["appointments"] == 1
    assert report.proof is not None


def test_a_lease_that_ran_out_and_was_taken_is_lost(world):
    ours, another = uuid4(), uuid4()
    world.database.call("take_lease", ours, "slow")
    world.sql("UPDATE prodtest.lease SET until = now() - interval '1 second'")
    world.database.call("hold_lease", ours)
    assert not world.database.call("take_lease", another, "eager")
    world.sql("UPDATE prodtest.lease SET until = now() - interval '1 second'")
    assert world.database.call("take_lease", another, "eager")
    with pytest.raises(RefusedForSafety, match="lease was lost"):
        world.database.call("hold_lease", ours)
