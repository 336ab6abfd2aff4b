"""The lineage explains itself: what every asset must say of itself, and that what it says is true."""

import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from prodtest_assets.definitions import defs
from prodtest_assets.testdata.identity import masked_number
from tests.booking_world import START, BookingWorld
from tests.defs.conftest import ALONE, RunJob, values

_CHECKOUT = Path(__file__).parents[2]
_GRAPH = defs.resolve_asset_graph()
_KEYS = sorted(_GRAPH.get_all_asset_keys())
_TABLES = {"booking/users", "booking/appointments", "booking_flow_results", "test_data_snapshot", "test_data_cleanup"}
_LOAD = "import time; started = time.perf_counter(); {}; print(time.perf_counter() - started)"
_FLOOR = "import dagster, sqlalchemy"
_OURS = "from prodtest_assets.definitions import defs; defs.get_repository_def()"
_TIMES_THE_FLOOR = 1.5


def names(key: dg.AssetKey) -> str:
    return key.to_user_string()


@pytest.mark.parametrize("key", _KEYS, ids=names)
def test_every_asset_says_what_it_is_whose_it_is_and_what_it_writes(key: dg.AssetKey) -> None:
    asset = _GRAPH.get(key)

    assert asset.description
    assert asset.owners
    assert asset.kinds
    assert asset.tags["prodtest/writes"] in {"nothing", "own-schema", "test-calls", "test-rows"}
    assert asset.group_name != "default"


@pytest.mark.parametrize("key", _KEYS, ids=names)
def test_every_asset_leads_to_a_section_of_the_runbook(key: dg.AssetKey) -> None:
    file, _, anchor = str(_GRAPH.get(key).metadata["runbook"].value).partition("#")

    assert anchor in anchors(file)


def test_every_check_that_is_red_leads_to_a_section_of_the_runbook() -> None:
    sections = {
        found
        for module in (_CHECKOUT / "prodtest_assets" / "defs").glob("*.py")
        for found in re.findall(r"(?:section=|runbook\(|_SECTION = )\"([a-z-]+)\"", module.read_text())
    }

    assert sections
    assert sections <= anchors("docs/operations.md")


def anchors(file: str) -> set[str]:
    """Of the headings of a Markdown file, as renderers make them."""
    headings = re.findall(r"^#+ (.+)$", (_CHECKOUT / file).read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_asset_of_ours_knows_the_line_where_it_is_defined() -> None:
    for key in sorted(_GRAPH.materializable_asset_keys):
        (reference,) = _GRAPH.get(key).metadata["dagster/code_references"].code_references
        lines = Path(reference.file_path).read_text().splitlines()

        assert any("def " in line for line in lines[reference.line_number - 1 :])
        assert Path(reference.file_path).is_relative_to(_CHECKOUT / "prodtest_assets" / "defs")


def test_each_table_of_the_application_knows_the_file_where_it_is_described() -> None:
    for key in sorted(_GRAPH.external_asset_keys):
        (reference,) = _GRAPH.get(key).metadata["dagster/code_references"].code_references

        assert f'"{key.path[-1]}")' in Path(reference.file_path).read_text()


def test_the_tables_of_the_application_come_after_the_calls_that_fill_them() -> None:
    flow = dg.AssetKey("booking_flow_results")
    for table in ("users", "appointments"):
        assert flow in _GRAPH.get(dg.AssetKey(["booking", table])).parent_keys


def test_the_columns_that_are_shown_stand_in_the_database(world: BookingWorld) -> None:
    shown = {
        names(key): _GRAPH.get(key).metadata for key in _KEYS if "dagster/column_schema" in _GRAPH.get(key).metadata
    }

    assert set(shown) == _TABLES
    for metadata in shown.values():
        schema, _, table = str(metadata["dagster/table_name"]).partition(".")
        found = world.sql(
            "SELECT column_name AS name, is_nullable AS nullable FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = %s",
            schema,
            table,
        )
        nullable = {row["name"]: row["nullable"] == "YES" for row in found}
        for column in metadata["dagster/column_schema"].columns:
            # The figures of a snapshot stand in one column, as JSON.
            name = column.name.partition(".")[0]
            assert name in nullable
            assert column.constraints.nullable or not nullable[name], f"{table}.{name} may be null"


def test_columns_come_from_columns_that_are_shown_and_from_assets_upstream() -> None:
    columns = {
        key: {column.name for column in _GRAPH.get(key).metadata["dagster/column_schema"].columns}
        for key in _KEYS
        if "dagster/column_schema" in _GRAPH.get(key).metadata
    }
    with_lineage = [key for key in _KEYS if "dagster/column_lineage" in _GRAPH.get(key).metadata]

    assert {names(key) for key in with_lineage} == {"booking/appointments", "test_data_snapshot", "test_data_cleanup"}
    for key in with_lineage:
        for column, sources in _GRAPH.get(key).metadata["dagster/column_lineage"].deps_by_column.items():
            assert column in columns[key]
            for source in sources:
                assert source.column_name in columns[source.asset_key]
                assert source.asset_key in _GRAPH.get(key).parent_keys


def test_a_snapshot_and_a_morning_s_run_are_expected_to_be_fresh() -> None:
    windows = {
        names(key): _GRAPH.get(key).freshness_policy.fail_window.to_timedelta()
        for key in _KEYS
        if _GRAPH.get(key).freshness_policy
    }

    assert {name: window.total_seconds() / 3600 for name, window in windows.items()} == {
        "booking_flow_results": 49,
        "test_data_snapshot": 1,
    }


def test_a_snapshot_observes_the_application_s_tables(
    run_job: RunJob, world: BookingWorld, instance: dg.DagsterInstance
) -> None:
    world.customer(bookings=3)
    world.book(event="event-1")
    world.sql("ANALYZE users, appointments")

    run_job(ALONE, selection=["test_data_snapshot"])

    users, appointments, events = (
        values(
            instance.fetch_observations(dg.AssetKey(["booking", name]), limit=1).records[0].asset_observation.metadata
        )
        for name in ("users", "appointments", "calendar_events")
    )
    assert (users["dagster/row_count"], users["test_users"]) == (2, 1)
    assert (appointments["dagster/row_count"], appointments["test_rows"]) == (4, 1)
    assert appointments["newest_row"] == appointments["newest_test_row"] > time.time() - 600
    assert (events["events_of_test_rows"], events["events_to_be_removed"]) == (1, 0)


def test_no_row_is_newer_than_the_newest(run_job: RunJob, world: BookingWorld, instance: dg.DagsterInstance) -> None:
    world.book()
    world.book(age=timedelta(hours=2))

    run_job(ALONE, selection=["test_data_snapshot"])

    key = dg.AssetKey(["booking", "appointments"])
    seen = values(instance.fetch_observations(key, limit=1).records[0].asset_observation.metadata)
    assert seen["newest_row"] == seen["newest_test_row"] > seen["oldest_test_row"]


def test_a_table_that_was_never_analysed_has_no_estimate(
    run_job: RunJob, world: BookingWorld, instance: dg.DagsterInstance
) -> None:
    world.sql("ALTER TABLE users SET (autovacuum_enabled = off)")

    run_job(ALONE, selection=["test_data_snapshot"])

    (record,) = instance.fetch_observations(dg.AssetKey(["booking", "users"]), limit=1).records
    assert "dagster/row_count" not in record.asset_observation.metadata
    assert values(record.asset_observation.metadata)["newest_row"] == "none"


def test_what_is_shown_of_a_red_check_holds_no_number(run_job: RunJob, world: BookingWorld) -> None:
    number = "+12125550177"
    with world.run() as run:
        opened = run.open_call(persona="test", requested_start=START, number=number)
        world.book(world.user(mobile=number, name=opened.name), marked=False)
        run.close_call(opened.call_sid, completed=True, transcript=[])

    shown = values(run_job("monitor_test_data").check("no_unmarked_test_rows").metadata)

    assert masked_number(number) in shown["sample"]
    assert number not in str(shown)
    assert (shown["count"], shown["truncated"]) == (1, False)
    assert shown["repair"] == "prodtest cleanup --no-dry-run"
    assert shown["runbook"] == "docs/operations.md#unmarked-rows"


def test_the_definitions_load_in_one_and_a_half_times_what_dagster_and_sqlalchemy_take() -> None:
    floor = min(seconds_of(_FLOOR) for _ in range(3))
    ours = min(seconds_of(_OURS) for _ in range(3))

    assert ours < _TIMES_THE_FLOOR * floor


def seconds_of(statements: str) -> float:
    """In a new interpreter, with neither an environment nor a database."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD.format(statements)],
        env={"PYTHONPATH": str(_CHECKOUT)},
        cwd=_CHECKOUT / "docs",
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
