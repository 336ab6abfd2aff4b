"""Cleanup deletes in the jobs that exist for it; alone it shows what would go, unless a plan is named."""

import re
from datetime import timedelta
from uuid import uuid4

import dagster as dg
import pytest
from dagster import validate_run_config

from prodtest_assets.definitions import defs
from prodtest_assets.defs import cleanup
from prodtest_assets.defs.cleanup_config import CleanupConfig
from prodtest_assets.testdata.cleanup.removal import Progress
from tests.booking_world import BookingWorld
from tests.defs.conftest import ALONE, RunJob, SetSettings, values

TWO_DAYS = timedelta(hours=48)
CLEANUP = "cleanup_stale_test_data"
ONLY_CLEANUP = ["test_data_cleanup"]
NOBODYS_PLAN = "00000000-0000-4000-8000-000000000000"


def test_the_job_removes_stale_rows_and_leaves_customers(run_job: RunJob, world: BookingWorld) -> None:
    customer = world.customer()
    stale, young = world.book(age=TWO_DAYS), world.book()

    ended = run_job(CLEANUP)

    assert ended.success
    assert not world.has_appointment(stale)
    assert world.has_appointment(young)
    assert world.has_user(customer)
    assert ended.check("cleanup_is_effective").passed
    assert ended.value("test_data_cleanup", "stop_reason") == "drained"
    assert ended.value("test_data_cleanup", "deleted_appointments") == 1
    assert ended.value("test_data_cleanup", "deleted_users") == 1
    assert ended.value("test_data_cleanup", "removed_bytes") > 0
    assert ended.value("test_data_cleanup", "returned_bytes") == 0
    assert ended.check("customer_rows_untouched").passed


def test_a_lone_materialization_is_a_dry_run(run_job: RunJob, world: BookingWorld) -> None:
    stale = world.book(age=TWO_DAYS)

    ended = run_job(ALONE, selection=ONLY_CLEANUP)

    assert ended.success
    assert world.has_appointment(stale)
    assert ended.value("test_data_cleanup", "would_delete") == 2
    check = ended.check("cleanup_is_effective")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


TRIGGER = """
    CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
    CREATE TRIGGER notes BEFORE DELETE ON public.appointments FOR EACH ROW EXECUTE FUNCTION public.note()
"""


def test_a_trigger_refuses_the_run_foretold_by_the_dry_run_until_the_config_allows_it(
    run_job: RunJob, world: BookingWorld
) -> None:
    stale = world.book(age=TWO_DAYS)
    world.sql(TRIGGER)

    assert "--allow-trigger notes" in run_job(ALONE, selection=ONLY_CLEANUP).value(
        "test_data_cleanup", "would_be_refused"
    )
    assert "notes" in run_job(CLEANUP).failure("test_data_cleanup")
    assert world.has_appointment(stale)
    assert run_job(CLEANUP, config={"allow_triggers": ["notes"]}).success
    assert not world.has_appointment(stale)


def test_the_run_tells_its_log_how_far_it_is(
    run_job: RunJob, world: BookingWorld, instance: dg.DagsterInstance
) -> None:
    world.book(age=TWO_DAYS)

    ended = run_job(CLEANUP)

    lines = [entry.user_message for entry in instance.all_logs(ended.run_id) if "rows/s" in entry.user_message]
    assert [line.partition(",")[0] for line in lines] == ["1 of 2 rows removed", "2 of 2 rows removed"]
    assert lines[0].endswith("s left")


def test_a_long_cleanup_tells_its_log_no_more_than_a_line_for_ten_percent_or_five_seconds() -> None:
    quick: list[str] = []
    tell = cleanup.progress_log(quick.append)
    for removed in range(1, 1001):
        tell(Progress(removed, 1000, removed / 1000))
    slow: list[str] = []
    tell = cleanup.progress_log(slow.append)
    for removed in range(1, 101):
        tell(Progress(removed, 1_000_000, removed * 1.0))

    assert len(quick) == 10
    assert len(slow) == 20
    assert slow[0] == "5 of 1,000,000 rows removed, 1 rows/s, 999,995 s left"


def test_a_day_of_dry_runs_alone_is_an_error(run_job: RunJob, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    run_job(ALONE, selection=ONLY_CLEANUP)
    world.sql("UPDATE prodtest.plan SET created_at = created_at - interval '1 day'")

    check = run_job(ALONE, selection=ONLY_CLEANUP).check("cleanup_is_effective")

    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "only dry runs since" in str(check.description)


def test_a_lone_materialization_on_the_page_of_a_job_is_a_dry_run_too(run_job: RunJob, world: BookingWorld) -> None:
    stale = world.book(age=TWO_DAYS)

    ended = run_job("booking_flow_and_cleanup", selection=ONLY_CLEANUP)

    assert ended.success
    assert world.has_appointment(stale)
    assert ended.value("test_data_cleanup", "would_delete") == 2


def test_all_assets_of_a_job_on_its_page_are_the_job(run_job: RunJob, world: BookingWorld) -> None:
    stale = world.book(age=TWO_DAYS)

    run_job(CLEANUP, selection=ONLY_CLEANUP)

    assert not world.has_appointment(stale)


def test_the_plan_of_a_dry_run_makes_a_lone_materialization_live(run_job: RunJob, world: BookingWorld) -> None:
    stale = world.book(age=TWO_DAYS)
    plan = run_job(ALONE, selection=ONLY_CLEANUP).value("test_data_cleanup", "plan_id")

    ended = run_job(ALONE, selection=ONLY_CLEANUP, config={"plan_id": plan})

    assert ended.success
    assert not world.has_appointment(stale)
    assert ended.check("cleanup_is_effective").passed


def test_a_plan_that_more_rows_have_come_within_reach_of_is_refused(run_job: RunJob, world: BookingWorld) -> None:
    stale = world.book(age=TWO_DAYS)
    plan = run_job(ALONE, selection=ONLY_CLEANUP).value("test_data_cleanup", "plan_id")
    world.book(age=TWO_DAYS)

    ended = run_job(ALONE, selection=ONLY_CLEANUP, config={"plan_id": plan})

    assert not ended.success
    assert "rows came within reach since the plan was made" in ended.failure("test_data_cleanup")
    assert world.has_appointment(stale)


@pytest.mark.parametrize(("plan", "message"), [(NOBODYS_PLAN, "no plan"), ("yesterday's", "is not the id of a plan")])
def test_an_unknown_plan_is_refused(run_job: RunJob, world: BookingWorld, plan: str, message: str) -> None:
    ended = run_job(ALONE, selection=ONLY_CLEANUP, config={"plan_id": plan})

    assert message in ended.failure("test_data_cleanup")


def test_a_lone_materialization_cannot_be_talked_into_deleting(run_job: RunJob, world: BookingWorld) -> None:
    stale = world.book(age=TWO_DAYS)

    ended = run_job(ALONE, selection=ONLY_CLEANUP, config={"dry_run": False})

    assert "deletes only what a plan holds" in ended.failure("test_data_cleanup")
    assert world.has_appointment(stale)


def test_a_job_can_be_told_to_run_dry(run_job: RunJob, world: BookingWorld) -> None:
    stale = world.book(age=TWO_DAYS)

    ended = run_job(CLEANUP, config={"dry_run": True})

    assert world.has_appointment(stale)
    assert ended.value("test_data_cleanup", "dry_run") is True
    assert not ended.check("no_stale_test_rows").passed


def test_without_test_mode_the_job_says_so_and_deletes_nothing(
    run_job: RunJob, world: BookingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = world.book(age=TWO_DAYS)
    monkeypatch.delenv("PRODUCTION_DB_TEST_MODE")

    ended = run_job(CLEANUP)

    assert ended.failure("test_data_cleanup") == "writing needs test mode: set PRODUCTION_DB_TEST_MODE=true"
    assert world.has_appointment(stale)


def test_without_test_mode_a_dry_run_still_shows_what_would_go(
    run_job: RunJob, world: BookingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.book(age=TWO_DAYS)
    monkeypatch.delenv("PRODUCTION_DB_TEST_MODE")

    ended = run_job(ALONE, selection=ONLY_CLEANUP)

    assert ended.value("test_data_cleanup", "would_delete") == 2
    assert ended.value("test_data_cleanup", "plan_id").startswith("not stored: writing needs test mode")
    assert world.sql("SELECT 1 FROM prodtest.plan") == []


def test_a_plan_above_the_limit_is_refused_whole_and_the_check_is_red(
    run_job: RunJob, world: BookingWorld, settings_of: SetSettings
) -> None:
    settings_of(PRODTEST_MAX_DELETE="5")
    rows = [world.book(age=TWO_DAYS) for _ in range(3)]

    ended = run_job(CLEANUP)

    assert all(world.has_appointment(row) for row in rows)
    assert ended.value("test_data_cleanup", "stop_reason") == "refused"
    check = ended.check("cleanup_is_effective")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_given_limit_takes_the_oldest_rows(run_job: RunJob, world: BookingWorld) -> None:
    young, old = world.book(age=TWO_DAYS), world.book(age=2 * TWO_DAYS)

    ended = run_job(CLEANUP, config={"max_delete": 1})

    assert not world.has_appointment(old)
    assert world.has_appointment(young)
    assert ended.value("test_data_cleanup", "stop_reason") == "max_delete"


def test_hours_given_by_a_person_win_over_the_settings(run_job: RunJob, world: BookingWorld) -> None:
    row = world.book(age=timedelta(hours=3))

    run_job(CLEANUP, config={"older_than_hours": 2})

    assert not world.has_appointment(row)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"older_than_hours": -1}, "older_than_hours: -1 is not between 0 and 87840"),
        ({"older_than_hours": float("inf")}, "older_than_hours: inf is not between 0 and 87840"),
        ({"older_than_hours": float("nan")}, "older_than_hours: nan is not between 0 and 87840"),
        ({"max_delete": -4}, "max_delete: -4 is not between 0 and 2147483647"),
        ({"max_delete": 2**31}, "max_delete: 2147483648 is not between 0 and 2147483647"),
        (
            {"plan_id": str(uuid4()), "max_delete": 5},
            "plan_id says already which rows go: leave out older_than_hours and max_delete",
        ),
    ],
)
def test_a_wrong_value_in_the_launchpad_ends_the_run_in_one_line(
    run_job: RunJob, world: BookingWorld, config: dict[str, object], message: str
) -> None:
    stale = world.book(age=TWO_DAYS)

    ended = run_job(CLEANUP, config=config)

    assert ended.failure("test_data_cleanup") == message
    assert world.has_appointment(stale)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"max_delete": "many"}, 'Value "many" of type "<class \'str\'>" is not valid for expected type "Int"'),
        ({"older_than": 5}, 'Received unexpected config entry "older_than"'),
    ],
)
def test_the_launchpad_itself_refuses_what_is_no_number_and_no_setting(config: dict[str, object], message: str) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=re.escape(message)):
        validate_run_config(defs.resolve_job_def(CLEANUP), {"ops": {"test_data_cleanup": {"config": config}}})


def test_every_field_of_the_launchpad_is_described() -> None:
    fields = CleanupConfig.to_fields_dict()

    assert set(fields) == {"plan_id", "dry_run", "older_than_hours", "max_delete", "allow_triggers"}
    assert all(field.description for field in fields.values())


def test_no_row_is_deleted_when_the_database_is_not_for_tests(
    run_job: RunJob, world: BookingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = world.book(age=TWO_DAYS)
    monkeypatch.setenv("PRODTEST_EXPECTED_SYSTEM_ID", "1")

    ended = run_job(CLEANUP)

    assert "PRODTEST_EXPECTED_SYSTEM_ID" in ended.failure("test_data_cleanup")
    assert world.has_appointment(stale)


def test_events_that_cannot_be_removed_are_told_and_wait(run_job: RunJob, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS, event="event-1")

    ended = run_job(CLEANUP)

    metadata = values(ended.materialized["test_data_cleanup"])
    assert (metadata["events_removed"], metadata["events_pending"]) == (0, 1)
    assert "GOOGLE_CALENDAR_ENABLED" in metadata["events_problem"]
    calendar = ended.check("no_orphaned_calendar_events")
    assert calendar.passed
    assert "not measured" in str(calendar.description)
