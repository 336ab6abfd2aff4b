"""Cleanup as an asset: live in the jobs that exist for it, otherwise a dry run unless a stored plan is named."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import dagster as dg

from prodtest_assets.calendar_events import remove_events
from prodtest_assets.defs import columns
from prodtest_assets.defs.booking_tables import APPOINTMENTS, CALENDAR_EVENTS, USERS
from prodtest_assets.defs.cleanup_config import CleanupConfig
from prodtest_assets.defs.environment import asset_key, cleanup_pool
from prodtest_assets.defs.lineage import OUR_TEAM, Writes, runbook
from prodtest_assets.defs.metadata import NOT_MEASURED, markdown_table, next_steps, repair
from prodtest_assets.defs.pictures import Bar, Colour, bars
from prodtest_assets.defs.resources import BookingDatabase, write_rules
from prodtest_assets.defs.snapshot import TEST_DATA_SNAPSHOT
from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.cleanup.due import refuse_while_unexplained
from prodtest_assets.testdata.cleanup.effective import cleanup_past, reasons_ineffective
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan, trigger_refusal
from prodtest_assets.testdata.cleanup.models import CleanupPlan, CleanupReport
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.removal import OnProgress, Progress
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit, authorize_writes

TEST_DATA_CLEANUP = asset_key("test_data_cleanup")
_SECTION = "cleanup-is-red"
_SECONDS_BETWEEN_LINES = 5
_KEPT_COLOURS = {"suspect": Colour.DOUBTFUL, "future": Colour.DOUBTFUL, "blocked": Colour.DOUBTFUL}


@dg.asset(
    key=TEST_DATA_CLEANUP,
    pool=cleanup_pool(),
    group_name="cleanup",
    kinds={"postgres", "table"},
    owners=OUR_TEAM,
    tags=Writes.TEST_ROWS.tags,
    deps=[TEST_DATA_SNAPSHOT, USERS, APPOINTMENTS, CALENDAR_EVENTS],
    metadata={"runbook": runbook(_SECTION)} | columns.archive(),
    check_specs=[
        dg.AssetCheckSpec(
            "cleanup_is_effective",
            asset=TEST_DATA_CLEANUP,
            description="What may go has gone, each row is in the archive, no customer's row was touched, and what is "
            "left grows no older from cleanup to cleanup. Red after a day of dry runs alone.",
        )
    ],
)
def cleanup_of_test_data(
    context: dg.AssetExecutionContext, config: CleanupConfig, booking_database: BookingDatabase
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Removes what tests left: stale rows, rows of this run and of dead runs, users without a row, their events.

    - **Alone it is a dry run** that shows what would go and stores a plan; with the plan's id in its config it deletes.
    - In the jobs `booking_flow_and_cleanup` and `cleanup_stale_test_data`, run whole, it deletes, if the safety rules
      allow.
    - Each row is archived in the transaction that removes it: `prodtest undo` brings it back.
    """
    settings = booking_database.settings()
    policy, plan_id = config.policy(settings), config.plan()
    run_id = UUID(context.run.run_id)
    if not config.is_live(context.job_def):
        with booking_database.reading() as database:
            permit, refusal = _permit_to_store(database, settings)
            plan = plan_cleanup(database, policy, run_id=run_id, permit=permit)
            reasons = reasons_ineffective(cleanup_past(database), None, plan.total)
            forbidden = trigger_refusal(database, plan.id, policy) if plan.total else None
        metadata = _plan_metadata(plan, refusal)
        yield dg.MaterializeResult(metadata=metadata | ({"would_be_refused": forbidden} if forbidden else {}))
        yield _dry_verdict(plan, reasons)
        return
    tell = progress_log(context.log.info)
    with booking_database.writing() as writing:
        refuse_while_unexplained(writing.database)
        if plan_id:
            report = execute_plan(writing.database, writing.permit, plan_id, policy, on_progress=tell)
        else:
            report = cleanup_now(writing.database, writing.permit, policy, run_id=run_id, on_progress=tell)
        reasons = reasons_ineffective(cleanup_past(writing.database), report, report.eligible_left)
        events = remove_events(writing.database, settings)
    metadata = _report_metadata(report) | {"events_removed": events.removed, "events_pending": events.pending}
    if events.problem:
        metadata["events_problem"] = events.problem
    yield dg.MaterializeResult(metadata=metadata | next_steps(*_advice(report)))
    yield _live_verdict(report, reasons)


def progress_log(say: Callable[[str], object]) -> OnProgress:
    """Tells `say` how far a cleanup is: after each 5 s or 10 % of the rows, and at the end."""
    told = Progress(0, 0, 0.0)

    def on_progress(now: Progress) -> None:
        nonlocal told
        is_far = (now.removed - told.removed) * 10 >= now.planned or now.removed == now.planned
        if now.removed > told.removed and (is_far or now.seconds - told.seconds >= _SECONDS_BETWEEN_LINES):
            told = now
            say(str(now))

    return on_progress


def _permit_to_store(database: Database, settings: Settings) -> tuple[WritePermit | None, str | None]:
    """The permit to store the plan of a dry run, or why it gets no id. A dry run creates no schema."""
    try:
        permit = authorize_writes(database, write_rules(settings))
    except RefusedForSafety as refusal:
        return None, str(refusal)
    if not database.has_schema:
        return None, "schema prodtest is missing; `prodtest migrate` or the first live run creates it"
    return permit, None


def _plan_metadata(plan: CleanupPlan, refusal: str | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "dry_run": True,
        "plan_id": str(plan.id) if plan.id else f"not stored: {refusal}",
        "cutoff": dg.MetadataValue.timestamp(plan.cutoff),
        "would_delete": plan.total,
        "would_delete_per_table": _per_table(plan.rows),
        "goes_along": _per_table(plan.along or {}),
        "kept": _kept(plan),
        "blocked": _blocked(plan),
        "picture": _picture("What would go, and what stays", "would go", plan.rows, plan.kept),
    }
    steps = [f"`plan_id: {plan.id}` in this asset's config makes it delete"] if plan.id and plan.total else []
    return metadata | next_steps(*steps)


def _blocked(plan: CleanupPlan) -> dg.MarkdownMetadataValue:
    return markdown_table([{"table": row.table, "id": row.id, "because": row.reason} for row in plan.blocked])


def _kept(plan: CleanupPlan) -> dg.MarkdownMetadataValue:
    return markdown_table(
        [
            {
                "table": table,
                "because it is": reason,
                "rows": count,
                "ids": _ids(plan.sample.get(table, {}).get(reason), count),
            }
            for table, reasons in plan.kept.items()
            for reason, count in reasons.items()
        ]
    )


def _ids(sample: Sequence[int] | None, count: int) -> str:
    more = ["..."] if sample and count > len(sample) else []
    return ", ".join([*map(str, sample or ()), *more])


def _picture(
    title: str, gone: str, rows: Mapping[str, int], kept: Mapping[str, Mapping[str, int]]
) -> dg.MarkdownMetadataValue:
    drawn: list[Bar] = []
    for name in sorted({*rows, *kept}):
        drawn.append((f"{name}: {gone}", rows.get(name, 0), Colour.BAD))
        drawn += [
            (f"{name}: {verdict}, stay", count, _KEPT_COLOURS.get(verdict, Colour.QUIET))
            for verdict, count in kept.get(name, {}).items()
        ]
    return bars(title, drawn, unit="rows")


def _report_metadata(report: CleanupReport) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "dry_run": False,
        "stop_reason": report.stop_reason.value,
        "planned": report.plan.total,
        "deleted": report.total,
        "deleted_per_table": _per_table(report.deleted),
        "deleted_appointments": report.deleted.get("appointments", 0),
        "deleted_users": report.deleted.get("users", 0),
        "kept": _kept(report.plan),
        "blocked": _blocked(report.plan),
        "picture": _picture("What went, and what stayed", "removed", report.deleted, report.plan.kept),
        "adopted": report.adopted,
        "missed": report.missed,
        "eligible_left": report.eligible_left,
        "cutoff": dg.MetadataValue.timestamp(report.plan.cutoff),
        "seconds": round(report.seconds, 2),
    }
    if report.id:
        metadata["cleanup_id"] = str(report.id)
    if report.storage:
        reusable = report.storage.reusable_bytes
        metadata["removed_bytes"] = report.storage.removed_bytes
        metadata["reusable_bytes"] = "not measured" if reusable is None else reusable
        metadata["returned_bytes"] = report.storage.returned_bytes
    if report.proof:
        metadata["customer_rows_sampled"] = report.proof.sampled
        metadata["customer_rows_changed"] = report.proof.changed_by_us
    return metadata


def _advice(report: CleanupReport) -> list[str]:
    steps = [f"`prodtest undo {report.id} --dry-run` says what can be brought back"] if report.total else []
    if report.eligible_left:
        steps.append(f"{report.eligible_left} rows that may go are left: `prodtest cleanup` says which and why")
    if report.storage and report.storage.recommendation:
        steps.append(f"a vacuum is due, without which no removed row makes room: `{report.storage.recommendation}`")
    if report.plan.kept.get("appointments", {}).get("suspect"):
        steps.append("rows in doubt go by id only: `prodtest cleanup --id ID --no-dry-run`")
    return steps


def _live_verdict(report: CleanupReport, reasons: Sequence[str]) -> dg.AssetCheckResult:
    done = f"{report.total} of {report.plan.total} rows removed, ended {report.stop_reason.value}"
    return dg.AssetCheckResult(
        passed=not reasons,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join([done, *reasons]),
        metadata={
            "stop_reason": report.stop_reason.value,
            "eligible_left": report.eligible_left,
            "every_removed_row_is_archived": report.proof is None or report.proof.unarchived == 0,
        }
        | (repair("prodtest cleanup", _SECTION) if reasons else {}),
    )


def _dry_verdict(plan: CleanupPlan, reasons: Sequence[str]) -> dg.AssetCheckResult:
    """A dry run never counts as a cleanup: it passes only when there was nothing to do, and ends no alert."""
    metadata: dict[str, Any] = {"stop_reason": "dry run", "eligible_left": plan.total}
    return dg.AssetCheckResult(
        passed=plan.total == 0,
        severity=dg.AssetCheckSeverity.ERROR if reasons else dg.AssetCheckSeverity.WARN,
        description="; ".join(
            [f"dry run: {plan.total} rows would go" if plan.total else "nothing to remove", *reasons]
        ),
        metadata=metadata
        | ({} if reasons else NOT_MEASURED)
        | (repair("prodtest cleanup --no-dry-run", _SECTION) if plan.total else {}),
    )


def _per_table(rows: Any) -> dg.MarkdownMetadataValue:
    return markdown_table([{"table": table, "rows": count} for table, count in rows.items()])
