"""What goes, what it leaves behind, and when nothing goes at all."""

from dataclasses import replace

from prodtest_assets.errors import PlanDrifted, RefusedForSafety
from prodtest_assets.selftest.registry import promise
from prodtest_assets.selftest.world import OLD, RULES, YOUNG, World, expect
from prodtest_assets.testdata.cleanup.execute import execute_plan
from prodtest_assets.testdata.cleanup.models import Policy, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.guard import authorize_writes


@promise("Stale test rows go with their users, in many batches; young ones stay.")
def stale_rows_go(world: World) -> None:
    """Both kinds side by side."""
    stale = [world.book() for _ in range(10)]
    young = [world.book(age=YOUNG) for _ in range(3)]
    report = world.clean(Policy(batch_size=4))
    expect(report.stop_reason is StopReason.DRAINED, f"the cleanup ended {report.stop_reason}")
    expect(all(world.is_archived(row) for row in stale), "a stale row did not go")
    expect(all(world.is_there(row) for row in young), "a young row went")


@promise("What a cleanup reports as removed stands in the archive, row by row.")
def removals_are_archived(world: World) -> None:
    """The report, the table and the archive must agree."""
    rows = [world.book() for _ in range(6)]
    report = world.clean()
    expect(report.deleted == {"appointments": 6, "users": 6}, f"it reports {dict(report.deleted)} for 6 of each")
    places = world.app("places", rows=rows)
    expect(all(place["archived"] == 1 for place in places), "a removed row is not in the archive")
    expect(report.proof is not None and report.proof.holds, "its own proof does not hold")


@promise("Without test mode nothing is written.")
def nothing_without_test_mode(world: World) -> None:
    """The permit is what every write asks for."""
    try:
        authorize_writes(world.database, replace(RULES, test_mode=False))
    except RefusedForSafety:
        return
    expect(False, "a permit to write was given")


@promise("Nothing is written to another server than the expected one.")
def another_server_is_refused(world: World) -> None:
    """A system identifier that this server cannot have."""
    try:
        authorize_writes(world.database, replace(RULES, expected_system_id="1"))
    except RefusedForSafety:
        return
    expect(False, "a permit to write was given")


@promise("A plan is refused when more rows have come within reach since.")
def drifted_plan_is_refused(world: World) -> None:
    """A row that the person who read the plan has never seen."""
    seen = world.book()
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    unseen = world.book()
    expect(plan.id is not None, "the plan was not stored")
    try:
        if plan.id:
            execute_plan(world.database, world.permit, plan.id, Policy())
    except PlanDrifted:
        expect(world.is_there(seen) and world.is_there(unseen), "rows went all the same")
        return
    expect(False, "the plan was executed")


@promise("A plan for more rows than allowed removes none.")
def large_plan_is_refused(world: World) -> None:
    """One row too many."""
    rows = [world.book(age=OLD) for _ in range(4)]
    report = world.clean(Policy(max_delete=7))
    expect(report.stop_reason is StopReason.REFUSED, f"the cleanup ended {report.stop_reason}")
    expect(all(world.is_there(row) for row in rows), "a row went")


@promise("A trigger of the application that runs on delete stops the cleanup.")
def foreign_trigger_is_refused(world: World) -> None:
    """One that would change other rows."""
    world.app("add_trigger")
    row = world.book()
    try:
        world.clean()
    except RefusedForSafety:
        expect(world.is_there(row), "the row went all the same")
        return
    expect(False, "the cleanup went on")
