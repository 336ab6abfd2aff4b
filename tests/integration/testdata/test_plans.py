"""A plan holds what may go; its execution takes that and no more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from prodtest_assets.errors import ConfigurationError, PlanDrifted
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.holds import Subject, add_hold
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)
POLICY = Policy(batch_size=3, lease_wait=timedelta(seconds=1))


def clean(world: BookingWorld, policy: Policy) -> CleanupReport:
    return cleanup_now(world.database, world.permit, policy)


def test_a_plan_is_stored_and_its_execution_takes_what_it_holds(world):
    row = world.book(age=OLD)
    plan = plan_cleanup(world.database, POLICY, permit=world.permit)
    assert plan.rows == {"appointments": 1, "users": 1}
    assert plan.id is not None
    assert world.has_appointment(row)
    execute_plan(world.database, world.permit, plan.id, POLICY)
    assert not world.has_appointment(row)


def test_rows_of_one_user_are_told_apart_although_they_are_judged_together(world):
    user = world.user(age=OLD)
    ages = (OLD, OLD, OLD, timedelta(), timedelta(), timedelta(days=-1))
    rows = [world.book(user, age=age, start=START + timedelta(hours=n)) for n, age in enumerate(ages)]
    world.book(user, age=OLD, start=START + timedelta(days=1), cancelled=True)
    until = datetime.now(UTC) + timedelta(days=1)
    add_hold(world.database, world.permit, Subject("appointment", row_id=rows[0]), until=until, reason="evidence")
    plan = plan_cleanup(world.database, replace(POLICY, active_only=True), permit=world.permit)
    assert plan.rows == {"appointments": 2}
    assert plan.kept == {"appointments": {"held": 1, "young": 2, "future": 1, "cancelled": 1}}


def test_a_plan_without_a_permit_writes_nothing(world):
    world.book(age=OLD)
    plan = plan_cleanup(world.database, POLICY)
    assert plan.id is None
    assert world.sql("SELECT * FROM prodtest.plan") == []


def test_rows_that_come_within_reach_make_a_plan_refused(world):
    world.book(age=OLD)
    plan = plan_cleanup(world.database, POLICY, permit=world.permit)
    late = world.book(age=OLD)
    assert plan.id is not None
    with pytest.raises(PlanDrifted, match="appointments"):
        execute_plan(world.database, world.permit, plan.id, POLICY)
    assert world.has_appointment(late)
    assert world.archived() == set()


def test_a_row_that_left_the_plans_reach_stays_and_is_reported(world):
    row, other = world.book(age=OLD), world.book(age=OLD)
    plan = plan_cleanup(world.database, POLICY, permit=world.permit)
    world.sql("UPDATE appointments SET is_test_data = false WHERE id = %s", row)
    assert plan.id is not None
    report = execute_plan(world.database, world.permit, plan.id, POLICY)
    assert report.missed == 2  # the row and its user
    assert world.has_appointment(row)
    assert not world.has_appointment(other)


def test_a_plan_that_left_rows_out_for_want_of_room_has_not_drifted(world):
    rows = [world.book(age=timedelta(days=days)) for days in (9, 8, 7, 6)]
    policy = Policy(max_delete=2, accept_partial=True)
    plan = plan_cleanup(world.database, policy, permit=world.permit)
    assert plan.id is not None
    report = execute_plan(world.database, world.permit, plan.id, policy)
    assert report.stop_reason is StopReason.MAX_DELETE
    assert [world.has_appointment(row) for row in rows] == [False, False, True, True]


def test_a_plan_that_left_rows_out_drifts_when_more_come(world):
    for days in (9, 8, 7, 6):
        world.book(age=timedelta(days=days))
    policy = Policy(max_delete=2, accept_partial=True)
    plan = plan_cleanup(world.database, policy, permit=world.permit)
    world.book(age=OLD)
    assert plan.id is not None
    with pytest.raises(PlanDrifted):
        execute_plan(world.database, world.permit, plan.id, policy)


def test_a_late_row_of_a_planned_user_makes_the_plan_drift(world):
    user = world.user()
    world.book(user, age=OLD)
    plan = plan_cleanup(world.database, POLICY, permit=world.permit)
    late = world.book(user, age=OLD, start=START + timedelta(days=1))
    assert plan.id is not None
    with pytest.raises(PlanDrifted, match="appointments"):
        execute_plan(world.database, world.permit, plan.id, POLICY)
    assert world.has_appointment(late)


def test_a_user_whom_nothing_keeps_any_more_makes_the_plan_drift(world):
    user = world.user(age=OLD)
    world.book(user, age=OLD)
    young = world.book(user, age=timedelta(hours=1), start=START + timedelta(days=1))
    plan = plan_cleanup(world.database, POLICY, permit=world.permit)
    world.sql("DELETE FROM appointments WHERE id = %s", young)
    assert plan.id is not None
    with pytest.raises(PlanDrifted, match="users"):
        execute_plan(world.database, world.permit, plan.id, POLICY)


def test_a_plan_in_many_parts_holds_every_row_once(world):
    stale = [world.book(age=OLD) for _ in range(30)]
    for _ in range(5):
        world.book(age=timedelta(hours=1))
    plan = plan_cleanup(world.database, Policy(batch_size=2), permit=world.permit)
    batches = world.sql(
        "SELECT table_oid::regclass::text AS t, row_ids FROM prodtest.plan_batch WHERE plan_id = %s", plan.id
    )
    planned = [row for batch in batches if batch["t"].endswith("appointments") for row in batch["row_ids"]]
    assert sorted(planned) == sorted(stale)
    assert max(len(batch["row_ids"]) for batch in batches) == 2
    assert plan.rows == {"appointments": 30, "users": 30}
    assert plan.kept["appointments"] == {"young": 5}
    assert world.sql("SELECT 1 FROM prodtest.plan_part") == []


def test_a_limit_takes_the_oldest_rows_of_all_parts(world):
    rows = [world.book(age=timedelta(days=30 - place % 15)) for place in range(30)]
    policy = Policy(max_delete=4, accept_partial=True, batch_size=1)
    plan = plan_cleanup(world.database, policy, permit=world.permit)
    assert (plan.rows, plan.truncated) == ({"appointments": 4}, 56)
    assert plan.id is not None
    execute_plan(world.database, world.permit, plan.id, policy)
    assert [place for place, row in enumerate(rows) if not world.has_appointment(row)] == [0, 1, 15, 16]


def half_a_plan(world: BookingWorld) -> UUID:
    """What a planner that was killed leaves behind: its parts are known, and one of them is judged."""
    plan, cutoff = uuid4(), world.sql("SELECT now() - interval '1 day' AS cutoff")[0]["cutoff"]
    parts = world.database.call("open_plan", plan, "stale", cutoff, None, [], [], None, 1, "killed")
    assert isinstance(parts, int)
    assert parts > 1
    world.database.call("fill_plan", plan, 1)
    return plan


def test_a_plan_that_was_left_half_way_cannot_be_executed(world):
    rows = [world.book(age=OLD) for _ in range(20)]
    plan = half_a_plan(world)
    with pytest.raises(ConfigurationError, match="no plan"):
        execute_plan(world.database, world.permit, plan, POLICY)
    with pytest.raises(Exception, match="part of it is not judged"):
        world.database.call("close_plan", plan)
    cleanup = uuid4()
    assert world.database.call("take_lease", cleanup, "forged")
    with pytest.raises(Exception, match="no complete plan"):
        world.database.call("open_cleanup", cleanup, plan, "forged")
    assert all(world.has_appointment(row) for row in rows)


def test_no_part_of_a_plan_is_judged_twice(world):
    for _ in range(20):
        world.book(age=OLD)
    plan = half_a_plan(world)
    with pytest.raises(Exception, match="to be judged"):
        world.database.call("fill_plan", plan, 1)


def test_what_a_killed_planner_left_goes_with_a_later_plan(world):
    for _ in range(20):
        world.book(age=OLD)
    old, young = half_a_plan(world), half_a_plan(world)
    world.sql("UPDATE prodtest.plan SET created_at = created_at - interval '2 hours' WHERE id = %s", old)
    plan = plan_cleanup(world.database, POLICY, permit=world.permit)
    assert {row["id"] for row in world.sql("SELECT id FROM prodtest.plan")} == {young, plan.id}


def test_an_unknown_plan_is_a_clear_error(world):
    with pytest.raises(ConfigurationError, match="no plan"):
        execute_plan(world.database, world.permit, uuid4(), POLICY)


def test_a_plan_over_the_limit_is_refused_and_deletes_nothing(world):
    rows = [world.book(age=OLD) for _ in range(3)]
    report = clean(world, Policy(max_delete=5))
    assert report.stop_reason is StopReason.REFUSED
    assert all(world.has_appointment(row) for row in rows)


def test_a_limit_given_by_a_person_takes_the_oldest_rows(world):
    rows = [world.book(age=timedelta(days=days)) for days in (9, 8, 7, 6)]
    report = clean(world, Policy(max_delete=2, accept_partial=True))
    assert report.stop_reason is StopReason.MAX_DELETE
    assert [world.has_appointment(row) for row in rows] == [False, False, True, True]


def test_a_plan_is_made_and_counted_without_schema_prodtest(world):
    row = world.book(age=OLD)
    world.book(age=timedelta(hours=1))
    world.sql("DROP SCHEMA prodtest CASCADE")
    with open_database(world.url) as database:
        assert not database.has_schema
        plan = plan_cleanup(database, POLICY)
    assert plan.rows == {"appointments": 1, "users": 1}
    assert plan.kept["appointments"] == {"young": 1}
    assert world.has_appointment(row)
