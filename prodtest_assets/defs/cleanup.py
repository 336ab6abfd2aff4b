"""Cleanup as an asset: live in the jobs that exist for it, otherwise a dry run unless a stored plan is named."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import dagster as dg
from pydantic import Field

from prodtest_assets.calendar_events import remove_events
from prodtest_assets.defs.booking_tables import APPOINTMENTS, CALENDAR_EVENTS, USERS
from prodtest_assets.defs.metadata import markdown_table
from prodtest_assets.defs.resources import BookingDatabase, retention, write_rules
from prodtest_assets.defs.snapshot import TEST_DATA_SNAPSHOT
from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit, authorize_writes
from prodtest_assets.testdata.models import CleanupPlan, CleanupReport, Policy

TEST_DATA_CLEANUP = dg.AssetKey("test_data_cleanup")
BOOKING_FLOW_AND_CLEANUP = "booking_flow_and_cleanup"
CLEANUP_STALE_TEST_DATA = "cleanup_stale_test_data"
LIVE_JOBS = frozenset({BOOKING_FLOW_AND_CLEANUP, CLEANUP_STALE_TEST_DATA})


class CleanupConfig(dg.Config):
    """How to clean. Left alone, it cleans in the jobs that exist for it, and everywhere else shows what would go."""

    plan_id: str | None = Field(
        None,
        description="The stored plan to execute, as a dry run shows it. It makes this run delete; rows that came "
        "within reach since then stop it.",
    )
    dry_run: bool | None = Field(
        None,
        description="True: only show what would go, also in a job that cleans. False is refused where neither the "
        "job nor a plan says that this run deletes.",
    )
    older_than_hours: float | None = Field(
        None, ge=0, description="Rows older than this are stale; TEST_DATA_RETENTION_HOURS if left out."
    )
    max_delete: int | None = Field(
        None,
        ge=0,
        description="Remove this many of the oldest rows and leave the rest. If left out, a plan that needs more "
        "than PRODTEST_MAX_DELETE rows is refused whole.",
    )


@dg.asset(
    key=TEST_DATA_CLEANUP,
    group_name="cleanup",
    kinds={"postgres"},
    deps=[TEST_DATA_SNAPSHOT, USERS, APPOINTMENTS, CALENDAR_EVENTS],
    check_specs=[
        dg.AssetCheckSpec(
            "cleanup_is_effective",
            asset=TEST_DATA_CLEANUP,
            description="What may go has gone, each row is in the archive, and no customer's row was touched.",
        )
    ],
)
def cleanup_of_test_data(
    context: dg.AssetExecutionContext, config: CleanupConfig, booking_database: BookingDatabase
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Removes what tests left: stale rows, rows of this run and of dead runs, users without a row, their events."""
    settings = booking_database.settings()
    policy = _policy(config, settings)
    run_id = UUID(context.run.run_id)
    if not _is_live(config, context.run.job_name):
        with booking_database.reading() as database:
            permit, refusal = _permit_to_store(database, settings)
            plan = plan_cleanup(database, policy, run_id=run_id, permit=permit)
        yield dg.MaterializeResult(metadata=_plan_metadata(plan, refusal))
        yield _dry_verdict(plan)
        return
    with booking_database.writing() as writing:
        if config.plan_id:
            report = execute_plan(writing.database, writing.permit, _uuid(config.plan_id), policy)
        else:
            report = cleanup_now(writing.database, writing.permit, policy, run_id=run_id)
        events = remove_events(writing.database, settings)
    metadata = _report_metadata(report) | {"events_removed": events.removed, "events_pending": events.pending}
    if events.problem:
        metadata["events_problem"] = events.problem
    yield dg.MaterializeResult(metadata=metadata)
    yield _live_verdict(report)


def _is_live(config: CleanupConfig, job_name: str) -> bool:
    """Whether this run deletes: a stored plan says so, or a job that exists for it."""
    if config.dry_run:
        return False
    live = config.plan_id is not None or job_name in LIVE_JOBS
    if config.dry_run is False and not live:
        raise dg.Failure(
            description="a materialization of its own deletes only what a plan holds: run it as it is, then again "
            f"with the plan_id that it shows, or start the job {CLEANUP_STALE_TEST_DATA}",
            allow_retries=False,
        )
    return live


def _policy(config: CleanupConfig, settings: Settings) -> Policy:
    hours = config.older_than_hours
    limit = config.max_delete
    return Policy(
        retention=retention(settings) if hours is None else timedelta(hours=hours),
        max_delete=settings.max_delete if limit is None else limit,
        accept_partial=limit is not None,
        keep_archive=timedelta(days=settings.archive_days),
    )


def _permit_to_store(database: Database, settings: Settings) -> tuple[WritePermit | None, str | None]:
    """The permit to store the plan of a dry run, or why it gets no id. A dry run creates no schema."""
    try:
        permit = authorize_writes(database, write_rules(settings))
    except RefusedForSafety as refusal:
        return None, str(refusal)
    if not database.has_schema:
        return None, "schema prodtest is missing; `prodtest migrate` or the first live run creates it"
    return permit, None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise dg.Failure(description=f"plan_id: {text!r} is not the id of a plan", allow_retries=False) from error


def _plan_metadata(plan: CleanupPlan, refusal: str | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "dry_run": True,
        "plan_id": str(plan.id) if plan.id else f"not stored: {refusal}",
        "cutoff": dg.MetadataValue.timestamp(plan.cutoff),
        "would_delete": plan.total,
        "would_delete_per_table": _per_table(plan.rows),
        "kept": markdown_table(
            [
                {"table": table, "because it is": reason, "rows": count}
                for table, reasons in plan.kept.items()
                for reason, count in reasons.items()
            ]
        ),
    }
    if plan.id and plan.total:
        metadata["next"] = dg.MetadataValue.md(f"`plan_id: {plan.id}` in this asset's config makes it delete")
    return metadata


def _report_metadata(report: CleanupReport) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "dry_run": False,
        "stop_reason": report.stop_reason.value,
        "planned": report.plan.total,
        "deleted": report.total,
        "deleted_per_table": _per_table(report.deleted),
        "deleted_appointments": report.deleted.get("appointments", 0),
        "deleted_users": report.deleted.get("users", 0),
        "adopted": report.adopted,
        "missed": report.missed,
        "eligible_left": report.eligible_left,
        "cutoff": dg.MetadataValue.timestamp(report.plan.cutoff),
        "seconds": round(report.seconds, 2),
    }
    if report.id:
        metadata["cleanup_id"] = str(report.id)
    if report.proof:
        metadata["customer_rows_sampled"] = report.proof.sampled
        metadata["customer_rows_changed"] = report.proof.changed_by_us
    return metadata


def _live_verdict(report: CleanupReport) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not report.is_failure,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{report.total} of {report.plan.total} rows removed, ended {report.stop_reason.value}",
        metadata={
            "stop_reason": report.stop_reason.value,
            "eligible_left": report.eligible_left,
            "every_removed_row_is_archived": report.proof is None or report.proof.unarchived == 0,
        },
    )


def _dry_verdict(plan: CleanupPlan) -> dg.AssetCheckResult:
    """A dry run never counts as a cleanup: it passes only when there was nothing to do."""
    return dg.AssetCheckResult(
        passed=plan.total == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"dry run: {plan.total} rows would go" if plan.total else "nothing to remove",
        metadata={"stop_reason": "dry run", "eligible_left": plan.total},
    )


def _per_table(rows: Any) -> dg.MarkdownMetadataValue:
    return markdown_table([{"table": table, "rows": count} for table, count in rows.items()])
