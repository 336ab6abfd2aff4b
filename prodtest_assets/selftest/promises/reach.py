"""Whose rows are out of reach."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from prodtest_assets.selftest.registry import promise
from prodtest_assets.selftest.world import YOUNG, World, expect
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.holds import Subject, add_hold

_NO_AGE = Policy(retention=timedelta(0))


@promise("A customer's row stays, also when a person names it by id.")
def named_customer_stays(world: World) -> None:
    """A slip of the finger in a list of ids."""
    customer = world.app("customer")[0]
    report = world.clean_named(rows=(customer["appointment_id"],), users=(customer["user_id"],))
    expect(report.total == 0, f"{report.total} rows went")
    expect(world.is_there(customer["appointment_id"]), "the customer's appointment went")
    expect(world.has_user(customer["user_id"]), "the customer went")


@promise("A reserved number alone does not make a customer a test user.")
def reserved_number_is_no_proof(world: World) -> None:
    """Customers hold such numbers in every staging copy."""
    alone = world.user()
    world.clean(_NO_AGE)
    expect(world.has_user(alone), "a user with a reserved number and nothing else went")


@promise("A test row whose owner is in doubt is reported and stays.")
def suspect_stays(world: World) -> None:
    """A marked row of somebody with a customer's number, and one of a test user who has become a customer."""
    doubtful = world.book(world.user(mobile="+4930123456"))
    reused = world.user()
    marked = world.book(reused)
    real = world.book(reused, marked=False, day=2)
    report = world.clean()
    expect(report.plan.kept.get("appointments", {}).get("suspect") == 2, "the rows are not reported as suspects")
    expect(all(world.is_there(row) for row in (doubtful, marked, real)), "a row went")


@promise("A row on hold stays until the hold ends, and then goes.")
def hold_is_respected(world: World) -> None:
    """Evidence of a bug that somebody still looks at."""
    row = world.book()
    until = datetime.now(UTC) + timedelta(days=1)
    add_hold(world.database, world.permit, Subject("appointment", row_id=row), until=until, reason="evidence")
    world.clean()
    expect(world.is_there(row), "it went in spite of the hold")
    world.app("end_hold")
    world.clean()
    expect(world.is_archived(row), "it stayed after the hold had ended")


@promise("Rows of a run that is alive elsewhere are out of reach, whatever their age.")
def live_run_is_out_of_reach(world: World) -> None:
    """Somebody cleans up with a retention of zero while another run is at work."""
    with world.run() as run:
        call = run.open_call(persona="selftest", requested_start=datetime.now(UTC))
        row = world.book(world.user(mobile=call.number, name=call.name))
        world.clean(_NO_AGE)
        expect(world.is_there(row), "the row of the live run went while its call was open")
        run.close_call(call.call_sid, completed=True, transcript=[])
        world.clean(_NO_AGE)
        expect(world.is_there(row), "the row of the live run went after its call")
        run.finish("passed", passed=1)


@promise("What a dead run left is found by its ledger and goes, marked or not.")
def dead_run_is_settled(world: World) -> None:
    """The process that led the run was killed, and the application forgot the mark."""
    run_id = uuid4()
    with world.run(run_id) as run:
        call = run.open_call(persona="selftest", requested_start=datetime.now(UTC))
        row = world.book(world.user(mobile=call.number, name=call.name, age=YOUNG), marked=False, age=YOUNG)
        world.app("silence_run", run_id=run_id)
        report = world.clean()
    expect(report.adopted == 1, f"{report.adopted} rows were adopted")
    expect(world.is_archived(row), "the row stayed")


@promise("A test takes back what its own call left, and nothing else.")
def own_call_is_taken_back(world: World) -> None:
    """A row of the same kind stands beside it."""
    other = world.book(age=YOUNG)
    with world.run() as run:
        call = run.open_call(persona="selftest", requested_start=datetime.now(UTC))
        row = world.book(world.user(mobile=call.number, name=call.name), age=YOUNG)
        run.close_call(call.call_sid, completed=True, transcript=[])
        removed = run.remove_call(call.call_sid)
        run.finish("passed", passed=1)
    expect(removed == 2, f"{removed} rows went instead of 2")
    expect(world.is_archived(row) and world.is_there(other), "another row went, or its own stayed")
