"""A cleanup of active rows only leaves cancelled test rows and their users where they are."""

from datetime import UTC, datetime, timedelta

import pytest

from prodtest_assets.errors import PlanDrifted
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import Policy, Scope, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.holds import Subject, add_hold
from prodtest_assets.testdata.snapshot import take_snapshot
from prodtest_assets.testdata.usage import Usage
from tests.booking_world import START, BookingWorld

OLD, DAY = timedelta(hours=48), timedelta(hours=24)
ACTIVE_ONLY = Policy(active_only=True, lease_wait=timedelta(seconds=1))


def owner_of(world: BookingWorld, row: int) -> int:
    return int(world.sql("SELECT user_id FROM appointments WHERE id = %s", row)[0]["user_id"])


def test_cancelled_rows_and_their_users_stay_and_the_run_has_drained_what_it_was_asked_for(world):
    active, cancelled = world.book(age=OLD), world.book(age=OLD, cancelled=True)
    report = cleanup_now(world.database, world.permit, ACTIVE_ONLY)
    assert report.deleted == {"appointments": 1, "users": 1}
    assert report.plan.kept == {"appointments": {"cancelled": 1}}
    assert (report.stop_reason, report.eligible_left, report.is_failure) == (StopReason.DRAINED, 0, False)
    assert not world.has_appointment(active)
    assert world.has_user(owner_of(world, cancelled))


def test_figures_of_active_rows_leave_cancelled_ones_out_and_agree_with_plain_sql(world):
    for hours in (0.5, 5, 30, 100):
        for cancelled in (True, False, False):
            world.book(age=timedelta(hours=hours), cancelled=cancelled)
    held = Subject("appointment", row_id=world.book(age=OLD, cancelled=True))
    add_hold(world.database, world.permit, held, until=datetime.now(UTC) + OLD, reason="to be looked at")
    world.book(world.customer(), age=OLD, cancelled=True, start=START + OLD)
    world.sql("ALTER TABLE appointments ALTER status DROP NOT NULL")
    world.sql("UPDATE appointments SET status = NULL WHERE id = 2")
    found = take_snapshot(world.database, retention=DAY, active_only=True, usage=Usage(active_only=True))
    (counts,) = world.sql(
        "SELECT count(*) AS active, count(*) FILTER (WHERE created_at < now() - interval '24 hours') AS stale,"
        " count(*) FILTER (WHERE created_at > now() - interval '1 hour') AS fresh FROM appointments"
        " WHERE is_test_data AND cancelled_at IS NULL AND status IS DISTINCT FROM 'cancelled'"
    )
    assert (found.active, found.stale.total, found.ages["< 1 hour"]) == tuple(counts.values()) == (8, 4, 2)
    assert (sum(found.ages.values()), sum(hour.count for hour in found.trend)) == (8, 4)
    assert (found.total, found.cancelled, found.stale.held, found.stale.suspect) == (14, 6, 0, 0)
    assert found.recommendations[0] == "prodtest cleanup --active-only --no-dry-run"
    everything = take_snapshot(world.database, retention=DAY)
    assert (everything.stale.total, everything.stale.held, everything.stale.suspect) == (8, 1, 1)


def test_only_cancelled_rows_are_nothing_to_do_and_no_failure(world):
    world.book(age=OLD, cancelled=True)
    report = cleanup_now(world.database, world.permit, ACTIVE_ONLY)
    assert (report.deleted, report.stop_reason, report.is_failure) == ({}, StopReason.DRAINED, False)


@pytest.mark.parametrize("change", ["status = 'cancelled'", "cancelled_at = now()"])
def test_either_sign_of_a_cancellation_counts(world, change):
    row = world.book(age=OLD)
    world.sql(f"UPDATE appointments SET {change} WHERE id = %s", row)
    assert plan_cleanup(world.database, ACTIVE_ONLY).kept == {"appointments": {"cancelled": 1}}


def test_a_plan_that_is_not_stored_says_the_same(world):
    world.book(age=OLD)
    user = world.user(age=OLD)
    world.book(user, age=OLD)
    world.book(user, age=OLD, cancelled=True, start=START + timedelta(days=1))
    stored = plan_cleanup(world.database, ACTIVE_ONLY, permit=world.permit)
    shown = plan_cleanup(world.database, ACTIVE_ONLY)
    assert stored.rows == shown.rows == {"appointments": 2, "users": 1}
    assert stored.kept == shown.kept == {"appointments": {"cancelled": 1}}


def test_a_stored_plan_remembers_it_whatever_the_policy_of_its_execution_says(world):
    active, cancelled = world.book(age=OLD), world.book(age=OLD, cancelled=True)
    plan = plan_cleanup(world.database, ACTIVE_ONLY, permit=world.permit)
    assert plan.id is not None
    report = execute_plan(world.database, world.permit, plan.id, Policy())
    assert report.stop_reason is StopReason.DRAINED
    assert (world.has_appointment(active), world.has_appointment(cancelled)) == (False, True)


def test_a_row_that_is_active_again_makes_the_plan_drift(world):
    row = world.book(age=OLD, cancelled=True)
    plan = plan_cleanup(world.database, ACTIVE_ONLY, permit=world.permit)
    world.sql("UPDATE appointments SET cancelled_at = NULL, status = 'booked' WHERE id = %s", row)
    assert plan.id is not None
    with pytest.raises(PlanDrifted, match="appointments"):
        execute_plan(world.database, world.permit, plan.id, ACTIVE_ONLY)
    assert world.has_appointment(row)


def test_a_row_that_is_cancelled_after_the_plan_stays(world):
    row = world.book(age=OLD)
    plan = plan_cleanup(world.database, ACTIVE_ONLY, permit=world.permit)
    world.sql("UPDATE appointments SET status = 'cancelled' WHERE id = %s", row)
    assert plan.id is not None
    report = execute_plan(world.database, world.permit, plan.id, ACTIVE_ONLY)
    assert (report.total, report.missed, report.stop_reason) == (0, 2, StopReason.DRAINED)
    assert world.has_user(owner_of(world, row))


def test_a_cancelled_row_stays_although_it_is_named(world):
    row = world.book(age=OLD, cancelled=True)
    report = cleanup_now(world.database, world.permit, ACTIVE_ONLY, scope=Scope.NAMED, named=(row,))
    assert report.deleted == {}
    assert world.has_appointment(row)


def test_the_next_cleanup_takes_them_unless_it_is_told_the_same(world):
    row = world.book(age=OLD, cancelled=True)
    cleanup_now(world.database, world.permit, ACTIVE_ONLY)
    assert cleanup_now(world.database, world.permit, Policy()).deleted == {"appointments": 1, "users": 1}
    assert not world.has_appointment(row)
