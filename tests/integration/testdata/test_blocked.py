"""Rows that other tables keep: found out when a plan is made, named with their reasons, and no longer waited for."""

import time
from datetime import timedelta

import pytest

from prodtest_assets.errors import PlanDrifted
from prodtest_assets.testdata.checks import checks_of
from prodtest_assets.testdata.cleanup.due import cleanup_due
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import CleanupPlan, Policy, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.models import Staleness
from prodtest_assets.testdata.snapshot import take_snapshot
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)
DAY = timedelta(hours=24)


@pytest.fixture
def payments(world: BookingWorld) -> BookingWorld:
    """An application that keeps what was paid for."""
    world.sql("CREATE TABLE payments (id int PRIMARY KEY, what bigint NOT NULL REFERENCES appointments)")
    return world


@pytest.fixture
def reminders(world: BookingWorld) -> BookingWorld:
    """An application with two levels of children, each of which refers to the user as well."""
    world.sql(
        "CREATE TABLE reminders (id int PRIMARY KEY, what bigint REFERENCES appointments ON DELETE CASCADE,"
        " other bigint REFERENCES appointments ON DELETE CASCADE, who bigint REFERENCES users ON DELETE CASCADE)"
    )
    # As a careful application would have it: without these each removed row makes the server read the table.
    for column in ("what", "other", "who"):
        world.sql(f"CREATE INDEX ON reminders ({column})")
    world.sql("CREATE TABLE deliveries (id int PRIMARY KEY, what int REFERENCES reminders ON DELETE CASCADE)")
    world.sql("CREATE INDEX ON deliveries (what)")
    return world


def plan_of(world: BookingWorld) -> CleanupPlan:
    return plan_cleanup(world.database, Policy(), permit=world.permit)


def staleness(world: BookingWorld) -> Staleness:
    return take_snapshot(world.database, retention=DAY).stale


def test_a_kept_row_is_no_longer_eligible_anywhere_once_a_plan_has_found_out(payments):
    row = payments.book(age=OLD)
    payments.sql("INSERT INTO payments VALUES (1, %s)", row)
    assert staleness(payments) == Staleness(1, 0, 0)
    plan = plan_of(payments)
    assert (plan.rows, plan.total) == ({}, 0)
    assert plan.kept == {"appointments": {"blocked": 1}, "users": {"blocked": 1}}
    assert staleness(payments) == Staleness(0, 0, 0, 1)
    assert cleanup_due(payments.database, DAY).rows == 0
    assert all(check.passed for check in checks_of(take_snapshot(payments.database, retention=DAY)))


def test_a_kept_row_does_not_hold_up_the_others_and_leaves_nothing_to_do(payments):
    kept, free = payments.book(age=OLD), payments.book(age=OLD)
    payments.sql("INSERT INTO payments VALUES (1, %s)", kept)
    report = cleanup_now(payments.database, payments.permit, Policy())
    assert (report.stop_reason, report.missed, report.eligible_left) == (StopReason.DRAINED, 0, 0)
    assert payments.has_appointment(kept)
    assert not payments.has_appointment(free)


def test_a_kept_row_goes_with_the_next_cleanup_after_that_which_kept_it_is_gone(payments):
    row = payments.book(age=OLD)
    payments.sql("INSERT INTO payments VALUES (1, %s)", row)
    plan_of(payments)
    payments.sql("DELETE FROM payments")
    report = cleanup_now(payments.database, payments.permit, Policy())
    assert report.deleted == {"appointments": 1, "users": 1}
    assert payments.sql("SELECT * FROM prodtest.blocked_row") == []


def test_a_reason_names_the_table_and_the_foreign_key_and_no_person(payments):
    row = payments.book(age=OLD)
    payments.sql("INSERT INTO payments VALUES (1, %s)", row)
    first, second = plan_of(payments).blocked
    assert (first.table, first.id) == ("appointments", row)
    assert first.reason == "payments refers to it and does not go along (payments_what_fkey)"
    assert (second.table, second.reason) == ("users", "one of its appointments stays")


def test_a_row_that_stays_keeps_another_that_a_child_ties_to_it(reminders):
    reminders.sql("CREATE TABLE payments (id int PRIMARY KEY, what bigint REFERENCES appointments)")
    tied, paid, free = (reminders.book(age=OLD) for _ in range(3))
    reminders.sql("INSERT INTO payments VALUES (1, %s)", paid)
    reminders.sql("INSERT INTO reminders (id, what, other) VALUES (1, %s, %s)", tied, paid)
    plan = plan_of(reminders)
    assert plan.rows == {"appointments": 1, "users": 1}
    reasons = {row.id: row.reason for row in plan.blocked if row.table == "appointments"}
    assert reasons[tied] == "reminders refers to it and to a row that stays (reminders_what_fkey)"
    assert cleanup_now(reminders.database, reminders.permit, Policy()).stop_reason is StopReason.DRAINED
    assert [reminders.has_appointment(row) for row in (tied, paid, free)] == [True, True, False]


def test_a_row_that_came_to_be_kept_after_the_plan_stays_although_it_is_planned(payments):
    row = payments.book(age=OLD)
    plan = plan_of(payments)
    payments.sql("INSERT INTO payments VALUES (1, %s)", row)
    assert plan.id is not None
    report = execute_plan(payments.database, payments.permit, plan.id, Policy())
    assert (report.stop_reason, report.total) == (StopReason.HELD, 0)
    assert payments.has_appointment(row)


def test_rows_that_go_along_are_counted_down_to_the_grandchildren_and_each_once(reminders):
    row = reminders.book(age=OLD)
    (user,) = reminders.sql("SELECT user_id AS id FROM appointments")
    reminders.sql("INSERT INTO reminders VALUES (1, %s, %s, %s), (2, %s, NULL, NULL)", row, row, user["id"], row)
    reminders.sql("INSERT INTO deliveries VALUES (1, 1), (2, 1), (3, 2)")
    plan = plan_of(reminders)
    assert plan.along == {"reminders": 2, "deliveries": 3}
    assert plan.effects == {"reminders (goes by cascade)": 2, "deliveries (goes by cascade)": 3}
    assert (plan.total, plan.total_in_all_tables) == (2, 7)
    report = cleanup_now(reminders.database, reminders.permit, Policy())
    assert report.deleted == plan.rows | plan.along


def test_a_child_of_a_kept_row_is_no_tests(reminders):
    customer = reminders.customer()
    row, free = reminders.book(age=OLD), reminders.book(age=OLD)
    reminders.sql("INSERT INTO reminders VALUES (1, %s, NULL, %s), (2, %s, NULL, NULL)", row, customer, free)
    plan = plan_of(reminders)
    assert plan.effects == {"reminders (goes by cascade)": 2}
    assert plan.along == {"reminders": 1}


def test_rows_that_go_along_count_towards_the_limit(reminders):
    row = reminders.book(age=OLD)
    reminders.sql("INSERT INTO reminders (id, what) SELECT n, %s FROM generate_series(1, 10) n", row)
    report = cleanup_now(reminders.database, reminders.permit, Policy(max_delete=11))
    assert (report.stop_reason, report.total) == (StopReason.REFUSED, 0)
    assert reminders.has_appointment(row)
    assert cleanup_now(reminders.database, reminders.permit, Policy(max_delete=12)).total == 12


def test_rows_that_would_go_along_and_came_after_the_plan_make_it_drift(reminders):
    row = reminders.book(age=OLD)
    reminders.sql("INSERT INTO reminders (id, what) VALUES (1, %s)", row)
    plan = plan_of(reminders)
    reminders.sql("INSERT INTO deliveries VALUES (1, 1)")
    assert plan.id is not None
    with pytest.raises(PlanDrifted, match="deliveries"):
        execute_plan(reminders.database, reminders.permit, plan.id, Policy())
    assert reminders.has_appointment(row)


def test_some_ids_of_what_stays_are_named_for_each_reason(world):
    suspect = world.book(world.customer(), age=OLD, start=START - DAY)
    held = world.book(age=OLD)
    world.sql(
        "INSERT INTO prodtest.hold (table_oid, row_id, until, reason, actor)"
        " VALUES ('public.appointments'::regclass, %s, now() + interval '1 day', 'evidence', 'qa')",
        held,
    )
    for permit in (world.permit, None):
        sample = plan_cleanup(world.database, Policy(), permit=permit).sample["appointments"]
        assert (sample["suspect"], sample["held"]) == ([suspect], [held])


def test_the_protected_role_finds_out_as_well(payments, protected):
    kept, free = payments.book(age=OLD), payments.book(age=OLD)
    payments.sql("INSERT INTO payments VALUES (1, %s)", kept)
    # The role itself may not read the payments, only our functions may, which a stored plan goes through.
    shown = plan_cleanup(protected.cleaner.database, Policy())
    assert (shown.effects, shown.along) == ({"payments (keeps its parent)": None}, None)
    plan = plan_of(protected.cleaner)
    assert plan.rows == {"appointments": 1, "users": 1}
    assert plan.kept["appointments"] == {"blocked": 1}
    report = cleanup_now(protected.cleaner.database, protected.cleaner.permit, Policy())
    assert (report.stop_reason, report.total) == (StopReason.DRAINED, 2)
    assert report.storage is not None
    assert [payments.has_appointment(row) for row in (kept, free)] == [True, False]


def test_many_rows_and_children_are_planned_in_seconds(reminders):
    reminders.user(age=OLD)
    reminders.sql(
        "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at) SELECT max(id), now() + n * interval"
        " '1 min', true, now() - interval '2 days' FROM users, generate_series(1, 20000) n GROUP BY n"
    )
    reminders.sql("INSERT INTO reminders SELECT row_number() OVER (), id, id, user_id FROM appointments")
    started = time.monotonic()
    plan = plan_cleanup(reminders.database, Policy(max_delete=100_000), permit=reminders.permit)
    assert time.monotonic() - started < 10
    assert plan.along == {"reminders": 20_000}
    report = cleanup_now(reminders.database, reminders.permit, Policy(max_delete=100_000))
    assert report.total == 40_001
    assert report.seconds < 60
