"""The report at the end of a run: what was tested, what was removed, and what is left that should not be there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg

from prodtest_assets.defs.cleanup import TEST_DATA_CLEANUP
from prodtest_assets.defs.environment import asset_key
from prodtest_assets.defs.lineage import OUR_TEAM, Writes, runbook
from prodtest_assets.defs.metadata import next_steps, shown, size, table_text
from prodtest_assets.defs.pictures import Colour, bars
from prodtest_assets.defs.resources import BookingDatabase, retention
from prodtest_assets.defs.snapshot import AGE_DISTRIBUTION, CREATION_TREND, STORAGE_METRICS
from prodtest_assets.reports.atomic import write_atomically
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.models import Snapshot
from prodtest_assets.testdata.report_facts import read_report_facts
from prodtest_assets.testdata.report_models import ReportFacts
from prodtest_assets.testdata.runs import cases_of
from prodtest_assets.testdata.usage import Usage

TEST_DATA_REPORT = asset_key("test_data_report")


@dg.asset(
    key=TEST_DATA_REPORT,
    group_name="reports",
    kinds={"markdown", "html", "matplotlib"},
    owners=OUR_TEAM,
    tags=Writes.NOTHING.tags,
    metadata={"runbook": runbook("a-test-failed")},
    deps=[TEST_DATA_CLEANUP, AGE_DISTRIBUTION, STORAGE_METRICS, CREATION_TREND],
)
def report_on_test_data(
    context: dg.AssetExecutionContext, booking_database: BookingDatabase
) -> dg.MaterializeResult[None]:
    """What a person wants to know after a run, measured **once more after cleanup**.

    - `report` says how each test ended, what was removed, and what is left that should not be there.
    - `page` is one HTML file with charts and transcripts; `prodtest export --format html` writes the same.
    - `every_production_test_passed` turns the run red, at its very end, when a test did not pass.
    """
    settings = booking_database.settings()
    run_id = UUID(context.run.run_id)
    with booking_database.reading() as database:
        facts = read_report_facts(
            database, retention=retention(settings), run_id=run_id, usage=Usage(max_delete=settings.max_delete)
        )
        run = _found(database, "run", run_id=run_id)
        calls = database.rows("calls_of_run", run_id=run_id) if database.has_schema else []
        cleanup = _found(database, "latest_cleanup")
        by_tests = _found(database, "cleanup_run", cleanup_id=run_id)
    snapshot = facts.snapshot
    sections = {
        "Tests": _tests(run, len(calls), [call["outcome"] for call in calls]),
        "Each test": _each_test(run),
        "Removed": _removed(cleanup, by_tests),
        "Stored now": _stored(snapshot),
        "Residue": _residue(snapshot),
        "Alerts": [{"level": alert.level, "what": alert.message, "do": alert.action} for alert in snapshot.alerts],
    }
    text = "\n\n".join(f"### {title}\n\n{table_text(rows)}" for title, rows in sections.items())
    return dg.MaterializeResult(
        metadata={"report": dg.MetadataValue.md(text)}
        | _page(context, facts)
        | _figures(snapshot, run, cleanup)
        | {"picture": _picture(snapshot, run)}
        | next_steps(
            *(["look at the red checks of `booking_flow_results`"] if run and run["failed"] else []),
            *(f"`{command}`" for command in snapshot.recommendations),
        )
    )


def _picture(snapshot: Snapshot, run: Mapping[str, Any] | None) -> dg.MarkdownMetadataValue:
    residue = snapshot.residue
    return bars(
        "Tests of this run, and what is left after it",
        [
            ("tests passed", run["passed"] if run else 0, Colour.FINE),
            ("tests skipped", run["skipped"] if run else 0, Colour.DOUBTFUL),
            ("tests failed", run["failed"] if run else 0, Colour.BAD),
            ("stale rows", residue.stale, Colour.BAD),
            ("orphaned users", residue.orphaned, Colour.BAD),
            ("unmarked rows", residue.unmarked, Colour.BAD),
            ("rows of this run", residue.from_this_run, Colour.BAD),
        ],
        unit="tests, rows",
    )


def _page(context: dg.AssetExecutionContext, facts: ReportFacts) -> dict[str, Any]:
    """Write the page beside the run's other files. That a disk is full makes no test and no cleanup wrong."""
    from prodtest_assets.reports.html import page

    file = Path(context.instance.file_manager_directory(context.run.run_id)) / "test_data_report.html"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, page(facts).encode())
    except OSError as error:
        context.log.warning(f"the page could not be written: {error}")
        return {"page": f"not written: {error.strerror}; run prodtest export --format html"}
    return {"page": dg.MetadataValue.path(file), "page_url": dg.MetadataValue.url(file.as_uri())}


def _found(database: Database, statement: str, **parameters: object) -> Mapping[str, Any] | None:
    rows = database.rows(statement, **parameters) if database.has_schema else []
    return rows[0] if rows else None


def _tests(run: Mapping[str, Any] | None, calls: int, outcomes: list[str]) -> list[dict[str, Any]]:
    if run is None:
        return [{"run": "no call was placed in this run"}]
    return [
        {
            "target": run["target"],
            "outcome": run["outcome"],
            "passed": run["passed"],
            "failed": run["failed"],
            "skipped": run["skipped"],
            "calls": calls,
            "booked": outcomes.count("booked"),
            "began": run["started_at"],
            "ended": run["finished_at"],
        }
    ]


def _each_test(run: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """How each test of the run ended, those first that did not pass."""
    cases = cases_of(run["tests"]) if run else ()
    return [{"test": case.test, "outcome": case.outcome, "seconds": case.seconds, "why": case.reason} for case in cases]


def _removed(cleanup: Mapping[str, Any] | None, by_tests: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    removals = {"the tests themselves": by_tests, "the last cleanup": cleanup}
    return [
        {
            "by": who,
            "appointments": removal["deleted"].get("appointments", 0),
            "users": removal["deleted"].get("users", 0),
            "ended": removal["stop_reason"],
            "at": shown(removal["finished_at"]),
        }
        for who, removal in removals.items()
        if removal
    ]


def _stored(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [
        {
            "test rows": snapshot.total,
            "active": snapshot.active,
            "cancelled": snapshot.cancelled,
            "test users": snapshot.test_users,
            "oldest": snapshot.oldest,
            "bytes": size(snapshot.storage.test_row_bytes),
            "archive": size(snapshot.storage.archive_bytes),
        }
    ]


def _residue(snapshot: Snapshot) -> list[dict[str, Any]]:
    residue = snapshot.residue
    return [
        {
            "stale": residue.stale,
            "orphaned": residue.orphaned,
            "unmarked": residue.unmarked,
            "from this run": residue.from_this_run,
            "total": residue.total,
        }
    ]


def _figures(snapshot: Snapshot, run: Mapping[str, Any] | None, cleanup: Mapping[str, Any] | None) -> dict[str, Any]:
    residue = snapshot.residue
    return {
        "tests_passed": run["passed"] if run else 0,
        "tests_failed": run["failed"] if run else 0,
        "tests_skipped": run["skipped"] if run else 0,
        "run_outcome": run["outcome"] if run else "placed no call",
        "stop_reason": cleanup["stop_reason"] if cleanup else "no cleanup has run",
        "residue_stale": residue.stale,
        "residue_orphaned": residue.orphaned,
        "residue_unmarked": residue.unmarked,
        "residue_from_this_run": residue.from_this_run,
        "residue_total": residue.total,
        "pending_calendar_events": snapshot.pending_events,
        "test_rows": snapshot.total,
    }
