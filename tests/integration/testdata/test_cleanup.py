"""Cleanup takes what its scope allows, archives what it takes, and touches nothing else."""

from datetime import timedelta
from uuid import uuid4

import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, Scope, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.identity import digits
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)
POLICY = Policy(batch_size=3, lease_wait=timedelta(seconds=1))


def clean(world: BookingWorld, policy: Policy = POLICY, **question: object) -> CleanupReport:
    return cleanup_now(world.database, world.permit, policy, **question)  # type: ignore[arg-type]


def test_a_stale_row_and_its_user_go_and_stand_in_the_archive(world):
    row = world.book(age=OLD)
    user = world.sql("SELECT user_id FROM appointments")[0]["user_id"]
    report = clean(world)
    assert report.stop_reason is StopReason.DRAINED
    assert report.deleted == {"appointments": 1, "users": 1}
    assert not world.has_appointment(row)
    assert not world.has_user(user)
    assert world.archived() == {("appointments", row), ("users", user)}


def test_many_batches_take_everything_that_is_stale_and_nothing_else(world):
    stale = [world.book(age=OLD) for _ in range(10)]
    young = [world.book(age=timedelta(hours=1)) for _ in range(4)]
    customer = world.customer(bookings=3)
    before = customer_fingerprints(world.database)
    report = clean(world)
    assert report.deleted == {"appointments": len(stale), "users": len(stale)}
    assert all(world.has_appointment(row) for row in young)
    assert world.has_user(customer)
    assert rows_changed(world.database, before) == 0
    assert report.proof is not None
    assert report.proof.holds
    assert report.proof.sampled > 0


def test_a_row_at_the_cutoff_stays_and_one_a_second_older_goes(world):
    stays = world.book(age=timedelta(hours=23, minutes=59, seconds=50))
    goes = world.book(age=timedelta(hours=24, seconds=1))
    clean(world)
    assert world.has_appointment(stays)
    assert not world.has_appointment(goes)


def test_a_row_created_in_the_future_goes_only_by_id(world):
    row = world.book(age=timedelta(hours=-5))
    assert clean(world, Policy(retention=timedelta(0))).total == 0
    report = clean(world, scope=Scope.NAMED, named=(row,))
    assert report.deleted["appointments"] == 1


def test_a_ledgered_row_ages_by_the_ledgers_clock(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name), age=timedelta(days=-1))
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("passed", passed=1)
    assert clean(world).total == 0
    world.sql("UPDATE prodtest.test_call SET opened_at = opened_at - interval '2 days'")
    clean(world)
    assert not world.has_appointment(row)


def test_a_suspect_stays_and_goes_only_by_id(world):
    user = world.user(mobile="+4915112345678", name="Somebody Real")
    row = world.book(user, age=OLD)
    plan = plan_cleanup(world.database, POLICY)
    assert plan.kept["appointments"] == {"suspect": 1}
    assert clean(world).total == 0
    clean(world, scope=Scope.NAMED, named=(row,))
    assert not world.has_appointment(row)
    assert world.has_user(user)


def test_a_test_row_of_a_user_with_customer_rows_is_suspect(world):
    user = world.user()
    row = world.book(user, age=OLD)
    world.book(user, marked=False, start=START + timedelta(days=1))
    assert clean(world).total == 0
    assert world.has_appointment(row)


def test_a_user_with_a_reserved_number_and_nothing_else_stays(world):
    user = world.user(age=timedelta(days=30))
    clean(world)
    assert world.has_user(user)


def test_an_unmarked_row_is_not_taken_even_when_it_is_named(world):
    customer = world.customer()
    row = world.sql("SELECT id FROM appointments")[0]["id"]
    report = clean(world, scope=Scope.NAMED, named=(row,), named_users=(customer,))
    assert report.total == 0
    assert world.has_appointment(row)
    assert world.has_user(customer)


def test_a_held_row_stays_until_the_hold_ends(world):
    row = world.book(age=OLD)
    world.sql(
        "INSERT INTO prodtest.hold (table_oid, row_id, until, reason, actor) "
        "VALUES ('appointments'::regclass, %s, now() + interval '1 hour', 'evidence', 'qa')",
        row,
    )
    assert clean(world).total == 0
    world.sql("UPDATE prodtest.hold SET until = now() - interval '1 second'")
    assert clean(world).deleted["appointments"] == 1


def test_the_rows_of_a_live_run_of_someone_else_are_out_of_reach(world):
    with world.run() as other:
        call = other.open_call(persona="quick", requested_start=START)
        user = world.user(mobile=call.number, name=call.name)
        unattributed = world.book(user, age=OLD)
        assert clean(world, Policy(retention=timedelta(0))).total == 0
        other.close_call(call.call_sid, completed=True, transcript=[])
        assert clean(world, Policy(retention=timedelta(0))).total == 0
        assert world.has_appointment(unattributed)


def test_the_rows_of_this_run_go_although_they_are_young(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name))
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("passed", passed=1)
        report = clean(world, scope=Scope.CALL, run_id=run.run_id)
    assert report.deleted == {"appointments": 1, "users": 1}
    assert not world.has_appointment(row)


def test_what_a_dead_run_left_is_settled_and_goes(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name), marked=False)
        run._ended.set()
        world.kill_run(run.run_id)
        report = clean(world)
    assert (report.adopted, report.deleted) == (1, {"appointments": 1, "users": 1})
    assert not world.has_appointment(row)


def test_a_second_cleanup_waits_and_then_ends_locked(world):
    world.book(age=OLD)
    assert world.database.call("take_lease", uuid4(), "another")
    report = clean(world)
    assert report.stop_reason is StopReason.LOCKED
    assert report.is_failure
    assert world.sql("SELECT stop_reason FROM prodtest.cleanup_run") == [{"stop_reason": "locked"}]


def test_the_lease_of_a_killed_cleanup_runs_out(world):
    world.book(age=OLD)
    world.database.call("take_lease", uuid4(), "killed")
    world.sql("UPDATE prodtest.lease SET until = now() - interval '1 second'")
    assert clean(world).stop_reason is StopReason.DRAINED


def test_a_batch_whose_lease_is_lost_removes_nothing(world):
    row = world.book(age=OLD)
    plan = plan_cleanup(world.database, POLICY, permit=world.permit)
    cleanup = uuid4()
    world.database.call("take_lease", cleanup, "slow")
    world.database.call("open_cleanup", cleanup, plan.id, "slow")
    world.sql("UPDATE prodtest.lease SET holder = %s", uuid4())
    with pytest.raises(Exception, match="lease was lost"):
        world.database.row("remove_batch", cleanup_id=cleanup, place=1, wait=False, first=1, rows=None)
    assert world.has_appointment(row)


def test_a_cleanup_that_was_killed_gets_a_stop_reason_from_the_next_one(world):
    plan = plan_cleanup(world.database, POLICY, permit=world.permit)
    killed = uuid4()
    world.database.call("take_lease", killed, "killed")
    world.database.call("open_cleanup", killed, plan.id, "killed")
    world.sql("DELETE FROM prodtest.lease")
    clean(world)
    stored = world.sql("SELECT stop_reason FROM prodtest.cleanup_run WHERE id = %s", killed)
    assert stored == [{"stop_reason": "failed"}]


def test_the_archive_takes_no_row_without_the_mark(world):
    with pytest.raises(Exception, match="only_test_rows_are_archived"):
        world.sql(
            "WITH c AS (INSERT INTO prodtest.cleanup_run (id, actor) VALUES (gen_random_uuid(), 'x') RETURNING id) "
            "INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content) "
            "SELECT id, 'appointments'::regclass, 1, '{\"is_test_data\": false}' FROM c"
        )


def test_reported_removals_equal_archived_rows(world):
    for _ in range(7):
        world.book(age=OLD)
    report = clean(world)
    archived = world.sql(
        "SELECT table_oid::regclass::text AS t, count(*) AS n FROM prodtest.archived_row "
        "WHERE cleanup_id = %s GROUP BY 1",
        report.id,
    )
    assert {row["t"]: row["n"] for row in archived} == dict(report.deleted)


def test_a_customer_row_changed_by_someone_else_is_told_apart_from_one_changed_by_us(world):
    world.customer(bookings=5)
    for _ in range(6):
        world.book(age=OLD)

    def application_edits(_: object) -> None:
        world.sql("UPDATE appointments SET notes = 'moved' WHERE NOT is_test_data")

    report = clean(world, on_progress=application_edits)
    assert report.proof is not None
    assert report.proof.changed_by_others > 0
    assert report.proof.changed_by_us == 0


@pytest.mark.parametrize(
    "number",
    [
        "+12125550147",
        "2125550147",
        "(212) 555-0147",
        "001 212 555 0147",
        "+1-212-555-0147",
        "+447700900123",
        "0044 1",
    ],
)
def test_database_and_python_read_the_same_digits(world, number):
    user = world.user(mobile=number)
    known = {row["id"] for row in world.sql("SELECT id FROM users WHERE prodtest.is_reserved_number(mobile)")}
    assert (user in known) == world.database.reserved.covers(number)
    found = world.database.rows("users_with_number", digits=digits(number))
    assert [row["user_id"] for row in found] == ([user] if user in known else [])
