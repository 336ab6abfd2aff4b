"""The one check that blocks: it stands at the very end, so that a failed test turns the run red and skips nothing."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import dagster as dg

from prodtest_assets.defs.booking_tables import BOOKING_FLOW_RESULTS
from prodtest_assets.defs.metadata import NOT_MEASURED, repair
from prodtest_assets.defs.report import TEST_DATA_REPORT
from prodtest_assets.defs.resources import BookingDatabase


@dg.asset_check(asset=TEST_DATA_REPORT, blocking=True)
def every_production_test_passed(
    context: dg.AssetCheckExecutionContext, booking_database: BookingDatabase
) -> dg.AssetCheckResult:
    """The tests of this run have passed, at least one of them ran, and none failed. The ledger says so."""
    with booking_database.reading() as database:
        found = database.rows("run", run_id=UUID(context.run.run_id)) if database.has_schema else []
    if not found:
        return _no_tests(belongs_to_run=_runs_the_suite(context))
    run = found[0]
    passed = run["outcome"] == "passed" and run["failed"] == 0 and run["passed"] > 0
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_sentence(run),
        metadata={name: run[name] for name in ("outcome", "passed", "failed", "skipped", "target")}
        | ({} if passed else repair("prodtest run --verbose", "a-test-failed")),
    )


def _no_tests(*, belongs_to_run: bool) -> dg.AssetCheckResult:
    """No test used the ledger. That is an error where the suite belongs to the run, else only worth a word."""
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR if belongs_to_run else dg.AssetCheckSeverity.WARN,
        description="no test of this run placed a call: see the checks of booking_flow_results"
        if belongs_to_run
        else "the suite is no part of this run: the job booking_flow_and_cleanup runs it",
        metadata=({} if belongs_to_run else NOT_MEASURED) | {"outcome": "none", "passed": 0, "failed": 0, "skipped": 0},
    )


def _runs_the_suite(context: dg.AssetCheckExecutionContext) -> bool:
    planned = context.instance.get_records_for_run(
        context.run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    ).records
    return any(record.event_log_entry.get_dagster_event().asset_key == BOOKING_FLOW_RESULTS for record in planned)


def _sentence(run: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{run[name]} {name}" for name in ("passed", "failed", "skipped"))
    return f"{counts}; the run was cut off" if run["outcome"] == "abandoned" else counts
