"""A plan holds what may go; its execution takes that and no more."""

from datetime import timedelta
from uuid import uuid4

import pytest

from prodtest_assets.errors import ConfigurationError, PlanDrifted
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.models import CleanupReport, Policy, StopReason
from tests.booking_world import BookingWorld

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
