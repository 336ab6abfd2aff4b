"""A check that has never been seen failing is not a check."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from prodtest_assets.defs.sensors import stale_test_data_sensor
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.snapshot import store_snapshot, take_snapshot
from tests.booking_world import START, BookingWorld
from tests.defs.conftest import ALONE, RunJob, values

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
CHECKOUT = Path(__file__).resolve().parents[2]
TWO_DAYS = timedelta(hours=48)
MONITOR, CLEANUP = "monitor_test_data", "cleanup_stale_test_data"


def test_all_is_well_in_a_database_without_test_rows(run_job: RunJob, world: BookingWorld) -> None:
    world.customer()

    ended = run_job(MONITOR)

    assert ended.success
    assert {check.check_name for check in ended.evaluations if not check.passed} == set()


def test_a_stale_row_is_an_error_with_a_masked_sample_and_the_repair(run_job: RunJob, world: BookingWorld) -> None:
    user = world.user(mobile="+12125550177", age=TWO_DAYS)
    row = world.book(user, age=TWO_DAYS)

    check = run_job(MONITOR).check("no_stale_test_rows")

    shown = values(check.metadata)
    assert (check.passed, check.severity) == (False, ERROR)
    assert (shown["count"], shown["truncated"]) == (1, False)
    assert str(row) in shown["sample"]
    assert "5550177" not in shown["sample"]
    assert "prodtest cleanup --no-dry-run" in shown["repair"]


def test_more_stale_rows_than_can_be_shown_are_counted_exactly(run_job: RunJob, world: BookingWorld) -> None:
    user = world.user(age=TWO_DAYS)
    for day in range(25):
        world.book(user, age=TWO_DAYS, start=START + timedelta(days=day))

    shown = values(run_job(MONITOR).check("no_stale_test_rows").metadata)

    assert (shown["count"], shown["truncated"]) == (25, True)


def test_a_row_whose_owner_may_be_a_customer_only_warns(run_job: RunJob, world: BookingWorld) -> None:
    world.book(world.customer(), age=TWO_DAYS, start=START - TWO_DAYS)

    check = run_job(MONITOR).check("no_stale_test_rows")

    assert (check.passed, check.severity) == (False, WARN)


def test_a_held_row_is_nobody_s_business(run_job: RunJob, world: BookingWorld) -> None:
    row = world.book(age=TWO_DAYS)
    world.sql(
        "INSERT INTO prodtest.hold (table_oid, row_id, until, reason, actor)"
        " VALUES ('appointments'::regclass, %s, now() + interval '1 day', 'being looked at', 'a test')",
        row,
    )

    assert run_job(MONITOR).check("no_stale_test_rows").passed


def test_a_row_that_the_application_did_not_mark_is_an_error(run_job: RunJob, world: BookingWorld) -> None:
    with world.run() as run:
        opened = run.open_call(persona="test", requested_start=START)
        world.book(world.user(mobile=opened.number, name=opened.name), marked=False)
        run.close_call(opened.call_sid, completed=True, transcript=[])

    check = run_job(MONITOR).check("no_unmarked_test_rows")

    assert (check.passed, check.severity) == (False, ERROR)


def test_a_run_without_calls_says_of_unmarked_rows_what_the_last_run_with_calls_said(
    run_job: RunJob, world: BookingWorld
) -> None:
    for marked in (False, True):
        with world.run() as run:
            opened = run.open_call(persona="test", requested_start=START)
            world.book(world.user(mobile=opened.number, name=opened.name), marked=marked)
            run.close_call(opened.call_sid, completed=True, transcript=[])
            run.remove_call(opened.call_sid)
            run.finish("passed", passed=1)

        check = run_job(MONITOR).check("no_unmarked_test_rows")

        assert check.passed == marked
        assert marked or values(check.metadata)["repair"] == "prodtest run"


def test_a_test_user_without_a_row_is_an_error(run_job: RunJob, world: BookingWorld) -> None:
    with world.run() as run:
        opened = run.open_call(persona="test", requested_start=START)
        user = world.user(mobile=opened.number, name=opened.name)
        run.close_call(opened.call_sid, completed=False, transcript=[])
    world.sql("UPDATE prodtest.test_call SET opened_at = now() - interval '2 days', user_id = %s", user)

    check = run_job(MONITOR).check("no_orphaned_test_users")

    assert (check.passed, check.severity) == (False, ERROR)


def test_a_customer_s_row_that_a_cleanup_changed_is_an_error(run_job: RunJob, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    run_job("cleanup_stale_test_data")
    world.sql("UPDATE prodtest.cleanup_run SET proof = proof || '{\"changed_by_us\": 1}'")

    check = run_job(MONITOR).check("customer_rows_untouched")

    assert (check.passed, check.severity) == (False, ERROR)


def test_a_cleanup_whose_sample_met_no_customer_has_not_measured_them(run_job: RunJob, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    run_job(CLEANUP)
    world.sql('UPDATE prodtest.cleanup_run SET proof = proof || \'{"sampled": 0, "is_measured": false}\'')

    check = run_job(MONITOR).check("customer_rows_untouched")

    assert check.passed
    assert check.description == "not measured: the sample of the last cleanup met no customer's row"


def test_a_customer_s_row_that_was_changed_stays_red_and_stops_cleaning_until_somebody_acknowledges_it(
    run_job: RunJob, instance: dg.DagsterInstance, world: BookingWorld
) -> None:
    world.book(age=TWO_DAYS)
    run_job(CLEANUP)
    changed = '{"changed_by_us": 2, "changed_rows": ["appointments:17"]}'
    world.sql(f"UPDATE prodtest.cleanup_run SET proof = proof || '{changed}'")
    (broken,) = world.sql("SELECT id::text FROM prodtest.cleanup_run")
    cleanup_now(world.database, world.permit, Policy())
    world.book(age=TWO_DAYS)

    check = run_job(MONITOR).check("customer_rows_untouched")
    assert (check.passed, check.severity) == (False, ERROR)
    shown = values(check.metadata)
    assert (shown["cleanup_id"], shown["count"], shown["truncated"]) == (broken["id"], 2, True)
    assert "| appointments | 17 |" in shown["sample"]
    assert f"cleanup {broken['id']} changed or lost a customer's row" in run_job(CLEANUP).failure("test_data_cleanup")
    with dg.build_sensor_context(instance=instance) as context:
        skipped = str(stale_test_data_sensor.evaluate_tick(context).skip_message)
    assert skipped.startswith(f"2 rows may go, but cleanup {broken['id']} changed or lost a customer's row; nothing is")

    acknowledge = (CHECKOUT / "docs/operations.md").read_text().split("```sql\n")[1].split("```")[0]
    world.sql(acknowledge.replace("CLEANUP_ID", broken["id"]))
    assert run_job(CLEANUP).check("customer_rows_untouched").passed
    assert not world.sql("SELECT 1 FROM appointments WHERE is_test_data")


def test_a_cleanup_that_ended_before_it_could_compare_warns(run_job: RunJob, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    run_job("cleanup_stale_test_data")
    world.sql("UPDATE prodtest.cleanup_run SET proof = NULL, stop_reason = 'failed'")

    check = run_job(MONITOR).check("customer_rows_untouched")

    assert (check.passed, check.severity) == (False, WARN)


def test_without_a_history_the_volume_is_not_judged(run_job: RunJob, world: BookingWorld) -> None:
    check = run_job(MONITOR).check("test_data_volume_is_normal")

    assert check.passed
    assert "not measured" in str(check.description)


def test_far_more_rows_than_usual_warn_and_say_what_was_expected(run_job: RunJob, world: BookingWorld) -> None:
    for _ in range(6):
        store_snapshot(world.database, world.permit, take_snapshot(world.database, retention=TWO_DAYS))
    user = world.user()
    for day in range(30):
        world.book(user, start=START + timedelta(days=day))

    check = run_job(MONITOR).check("test_data_volume_is_normal")

    assert (check.passed, check.severity) == (False, WARN)
    assert check.description == "30 test rows, at most 20 expected"


def test_a_report_of_its_own_warns_that_no_test_belongs_to_it(run_job: RunJob, world: BookingWorld) -> None:
    ended = run_job(ALONE, selection=["test_data_report"])

    check = ended.check("every_production_test_passed")
    assert ended.success
    assert (check.passed, check.severity) == (False, WARN)


def test_without_a_database_the_run_fails_with_the_name_of_the_setting(run_job: RunJob) -> None:
    ended = run_job(MONITOR)

    assert ended.failure("test_data_snapshot") == "no database: set PRODUCTION_DB_URL or give --db-url"


@pytest.mark.parametrize(("name", "value"), [("TEST_DATA_RETENTION_HOURS", "-3"), ("PRODTEST_TIME_ZONE", "Mars")])
def test_a_wrong_setting_is_named_in_the_run(
    run_job: RunJob, world: BookingWorld, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert name in run_job(MONITOR).failure("test_data_snapshot")
