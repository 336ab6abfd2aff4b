"""The definitions load with no environment at all, and hold the documented names in the documented places."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from prodtest_assets.booking_flow.discovery import suite_tests
from prodtest_assets.definitions import defs, ours

_CHECKOUT = Path(__file__).parents[2]
# Declared without importing them; the names of the booking flow itself are public.
_FLOW_TESTS = {test.check_name for test in suite_tests(_CHECKOUT / "tests" / "production")}
_BOOKING_FLOW = {
    "test_complete_booking_saves_to_database",
    "test_duplicate_prevention_in_production",
    "test_user_creation_and_reuse",
    "test_appointment_data_accuracy",
    "test_google_calendar_integration",
    "test_concurrent_bookings_isolation",
    "test_cleanup_identifies_test_data",
    "test_cleanup_respects_age_filter",
    "test_verify_cleanup_rules",
}
_TABLE_CHECKS = {
    "no_stale_test_rows": "booking/appointments",
    "no_unmarked_test_rows": "booking/appointments",
    "customer_rows_untouched": "booking/appointments",
    "no_orphaned_test_users": "booking/users",
    "no_orphaned_calendar_events": "booking/calendar_events",
}
_LOAD = """
import json, sys
from prodtest_assets.booking_flow.discovery import suite_tests
from prodtest_assets.definitions import defs, ours
graph = defs.resolve_asset_graph()
print(json.dumps({
    "checks": sorted(key.name for key in graph.asset_check_keys),
    "running": sorted(
        [s.name for s in [*defs.schedules, *defs.sensors] if s.default_status.value == "RUNNING"]
    ),
    "heavy": [
        name for name in ("alembic", "apprise", "googleapiclient", "matplotlib", "pandas") if name in sys.modules
    ],
}))
"""


def load_fresh(**environment: str) -> dict[str, list[str]]:
    """What a new interpreter sees, with nothing but `environment`."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD],
        env=environment,
        cwd=_CHECKOUT / "docs",
        capture_output=True,
        text=True,
        check=True,
    )
    loaded: dict[str, list[str]] = json.loads(done.stdout)
    return loaded


def test_everything_loads_without_an_environment_and_nothing_starts_by_itself() -> None:
    loaded = load_fresh()

    assert set(loaded["checks"]) >= _BOOKING_FLOW | _FLOW_TESTS | set(_TABLE_CHECKS)
    assert loaded["running"] == []
    assert loaded["heavy"] == []


def test_schedules_and_sensors_start_by_themselves_only_when_told() -> None:
    loaded = load_fresh(PRODTEST_AUTOSTART="true")

    assert sorted(loaded["running"]) == [
        "asset_check_alert_sensor",
        "daily_booking_flow",
        "monitor_every_15_minutes",
        "run_failure_alert_sensor",
        "stale_test_data_sensor",
    ]


@pytest.mark.parametrize(
    "environment",
    [{"PRODTEST_SUITE": "/no/such/folder"}, {"TEST_DATA_RETENTION_HOURS": "-1", "PRODTEST_AUTOSTART": "true"}],
)
def test_a_wrong_setting_does_not_keep_the_definitions_from_loading(environment: dict[str, str]) -> None:
    loaded = load_fresh(**environment)

    assert "no_stale_test_rows" in loaded["checks"]
    assert loaded["running"] == []


def test_dagster_accepts_the_workspace(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(_CHECKOUT / "workspace.yaml")],
        env={"HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_assets_stand_in_their_groups() -> None:
    groups: dict[str, set[str]] = {}
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, set()).add(key.to_user_string())

    assert groups == {
        "booking_app": {"booking/users", "booking/appointments", "booking/calendar_events"},
        "booking_flow": {"booking_flow_results"},
        "test_data": {"test_data_snapshot", "age_distribution", "storage_metrics", "creation_trend"},
        "cleanup": {"test_data_cleanup"},
        "reports": {"test_data_report"},
    }
    assert {key.to_user_string() for key in graph.external_asset_keys} == groups["booking_app"]


def test_checks_stand_on_their_assets_and_only_the_last_one_blocks() -> None:
    graph = defs.resolve_asset_graph()
    places = {key.name: key.asset_key.to_user_string() for key in graph.asset_check_keys}

    assert places == _TABLE_CHECKS | dict.fromkeys(_FLOW_TESTS, "booking_flow_results") | {
        "test_data_volume_is_normal": "test_data_snapshot",
        "cleanup_is_effective": "test_data_cleanup",
        "every_production_test_passed": "test_data_report",
    }
    nodes = [graph.get(key) for key in graph.asset_check_keys]
    assert [node.key.name for node in nodes if node.blocking] == ["every_production_test_passed"]


def test_checks_of_the_tables_wait_for_cleanup() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.asset_check_keys:
        if key.name in _TABLE_CHECKS:
            assert dg.AssetKey("test_data_cleanup") in graph.get(key).parent_entity_keys


@pytest.mark.parametrize(
    ("job", "assets", "more_checks"),
    [
        (
            "booking_flow_and_cleanup",
            {"booking_flow_results", "test_data_snapshot", "age_distribution", "storage_metrics", "creation_trend",
             "test_data_cleanup", "test_data_report"},
            _FLOW_TESTS | {"test_data_volume_is_normal", "cleanup_is_effective", "every_production_test_passed"},
        ),
        (
            "monitor_test_data",
            {"test_data_snapshot", "age_distribution", "storage_metrics", "creation_trend"},
            {"test_data_volume_is_normal"},
        ),
        ("cleanup_stale_test_data", {"test_data_cleanup"}, {"cleanup_is_effective"}),
    ],
)  # fmt: skip
def test_jobs_hold_their_assets_and_name_the_checks_of_the_tables(
    job: str, assets: set[str], more_checks: set[str]
) -> None:
    layer = defs.resolve_job_def(job).asset_layer

    assert {key.to_user_string() for key in layer.selected_asset_keys} == assets
    assert {key.name for key in layer.asset_graph.asset_check_keys} == set(_TABLE_CHECKS) | more_checks


def test_schedules_say_when_in_utc() -> None:
    repository = defs.get_repository_def()
    schedules = {
        schedule.name: (schedule.cron_schedule, schedule.execution_timezone, schedule.job_name)
        for schedule in repository.schedule_defs
    }

    assert schedules == {
        "daily_booking_flow": ("0 8 * * *", "UTC", "booking_flow_and_cleanup"),
        "monitor_every_15_minutes": ("*/15 * * * *", "UTC", "monitor_test_data"),
    }


def test_steps_run_in_the_run_s_own_process() -> None:
    assert defs.resolve_job_def("booking_flow_and_cleanup").executor_def.name == "in_process"


def test_a_team_merges_ours_with_what_it_has_and_keeps_its_own_executor() -> None:
    @dg.asset
    def revenue() -> None: ...

    theirs = dg.Definitions(
        assets=[revenue], jobs=[dg.define_asset_job("daily", [revenue])], executor=dg.multiprocess_executor
    )
    merged = dg.Definitions.merge(theirs, ours())

    dg.Definitions.validate_loadable(merged)
    executors = {name: merged.resolve_job_def(name).executor_def.name for name in ("daily", "monitor_test_data")}
    assert executors == {"daily": "multiprocess", "monitor_test_data": "in_process"}
