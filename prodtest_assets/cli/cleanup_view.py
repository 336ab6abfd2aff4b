"""What a cleanup will do or has done: for people, as JSON, and as an exit code."""

from collections.abc import Mapping, Sequence

import click

from prodtest_assets.calendar_events import EventRemoval
from prodtest_assets.cli.output import counted, instant, per_table, say, show, show_json, show_table
from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.reports.words import size
from prodtest_assets.testdata.cleanup.models import (
    CleanupPlan,
    CleanupReport,
    CustomerProof,
    Policy,
    StopReason,
    StorageChange,
)

_VERDICTS: Mapping[str, str] = {
    "in_use": "still has appointments that stay",
    "held": "on hold: prodtest hold list",
    "blocked": "rows of other tables keep it",
    "live": "a run that is at work made it",
    "cancelled": "cancelled, and --active-only leaves it",
    "open_call": "a call at work holds the number",
    "suspect": "it is in doubt whose it is; give its --id if it is meant",
    "future": "created in the future; give its --id if it is meant",
    "young": "younger than the retention",
    "stale": "not asked for",
    "call": "not asked for",
}


def exit_code(report: CleanupReport) -> int:
    """The documented exit code of a cleanup's stop reason."""
    if report.stop_reason is StopReason.REFUSED:
        return RefusedForSafety.exit_code
    if report.stop_reason is StopReason.FAILED or (report.proof is not None and not report.proof.holds):
        return 1
    waits = report.stop_reason in (StopReason.HELD, StopReason.LOCKED)
    return 1 if waits and report.eligible_left and not report.total else 0


def show_plan(
    plan: CleanupPlan,
    policy: Policy,
    database: str,
    why_not_stored: str | None,
    forbidden: str | None,
    unindexed: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Print what a live run would do.

    Args:
        plan: stored or not.
        policy: the limits of this request.
        database: its name.
        why_not_stored: the reason why the plan has no id; None when it has one.
        forbidden: what forbids a live run, such as triggers of the application; None when nothing does.
        unindexed: tables with a foreign key that leads here and has no index.
        as_json: as one document instead of lines.
    """
    refused = "; ".join(filter(None, (_too_large(plan, policy) if _is_too_large(plan, policy) else None, forbidden)))
    if as_json:
        show_json(_plan_document(plan, database, refused or None, why_not_stored) | {"unindexed": list(unindexed)})
        return
    show(f"dry run on {database}: nothing is removed")
    show(f"  would go: {per_table(plan.rows)} (created before {instant(plan.cutoff)})")
    if plan.truncated:
        show(f"  left for later: {counted(plan.truncated, 'row')}, since --max-delete is {policy.max_delete:,}")
    _show_effects(plan)
    if plan.total and unindexed:
        show(f"  slow, no index (prodtest preflight has the statement): {', '.join(unindexed)}")
    _show_kept(plan)
    if refused:
        show(f"  a live run would be refused: {refused}")
    if why_not_stored:
        show(f"  the plan is not stored: {why_not_stored}")
    elif plan.total:
        show(f"  do: prodtest cleanup --plan {plan.id} --no-dry-run")


def _show_effects(plan: CleanupPlan) -> None:
    if plan.effects:
        show("  rows of other tables that refer to these:")
    for effect, count in sorted(plan.effects.items()):
        show(f"    {'unknown, this role may not read it' if count is None else f'{count:,}'}: {effect}")
    if plan.along:
        show(f"  provably a test's, go along: {per_table(plan.along)}")


def _show_kept(plan: CleanupPlan) -> None:
    rows = [
        (counted(count, table.removesuffix("s")), _VERDICTS.get(verdict, verdict), _ids(plan, table, verdict, count))
        for table, verdicts in sorted(plan.kept.items())
        for verdict, count in sorted(verdicts.items())
    ]
    if rows:
        show("  would stay:")
        show_table(rows, indent=4)
    if plan.blocked:
        show("  kept by rows of other tables:")
        show_table([(f"{row.table}:{row.id}", row.reason) for row in plan.blocked], indent=4)
    total, ids = plan.adopts
    if total:
        show(f"  not marked, proven by a test call: {counted(total, 'appointment')} {_listed(ids, total)}")


def _ids(plan: CleanupPlan, table: str, verdict: str, count: int) -> str:
    """Rows that nobody needs to look at are not named, and blocked ones are named with their reasons."""
    if verdict in ("young", "blocked"):
        return ""
    return _listed(plan.sample.get(table, {}).get(verdict, ()), count)


def _listed(ids: Sequence[int], total: int) -> str:
    more = ", ..." if total > len(ids) else ""
    return f"({', '.join(str(key) for key in ids)}{more})" if ids else ""


def _plan_document(
    plan: CleanupPlan, database: str, refused: str | None, why_not_stored: str | None
) -> dict[str, object]:
    return {
        "dry_run": True,
        "database": database,
        "plan": plan.id,
        "scope": plan.scope.value,
        "cutoff": plan.cutoff.isoformat(),
        "rows": dict(plan.rows),
        "kept": {table: dict(verdicts) for table, verdicts in plan.kept.items()},
        "effects": dict(plan.effects),
        "goes_along": None if plan.along is None else dict(plan.along),
        "sample": {
            table: {verdict: list(ids) for verdict, ids in verdicts.items() if verdict in plan.kept.get(table, {})}
            for table, verdicts in plan.sample.items()
        },
        "blocked": [{"table": row.table, "id": row.id, "reason": row.reason} for row in plan.blocked],
        "adopts": {"rows": plan.adopts[0], "sample": list(plan.adopts[1])},
        "left_for_later": plan.truncated,
        "would_be_refused": refused,
        "why_not_stored": why_not_stored,
    }


def _is_too_large(plan: CleanupPlan, policy: Policy) -> bool:
    return plan.total_in_all_tables > policy.max_delete and not policy.accept_partial and plan.limit is None


def _too_large(plan: CleanupPlan, policy: Policy) -> str:
    return (
        f"the plan needs {counted(plan.total_in_all_tables, 'row')}, the limit is {policy.max_delete:,}; "
        f"--max-delete N takes the N oldest"
    )


def show_report(report: CleanupReport, policy: Policy, database: str, events: EventRemoval, *, as_json: bool) -> None:
    """Print what a live run has done.

    Args:
        report: of the cleanup.
        policy: the limits of this request.
        database: its name.
        events: what became of the calendar events of removed rows.
        as_json: as one document instead of lines.
    """
    if as_json:
        show_json(_report_document(report, database, events))
    elif report.stop_reason is not StopReason.REFUSED:
        _print_report(report, database, events)
    if report.stop_reason is StopReason.REFUSED:
        say(f"refused, nothing was removed: {_too_large(report.plan, policy)}")


def _print_report(report: CleanupReport, database: str, events: EventRemoval) -> None:
    show(f"removed from {database}, each row archived: {per_table(report.deleted)} ({report.seconds:.1f} s)")
    colour = "red" if exit_code(report) else "green"
    show(f"  ended: {click.style(report.stop_reason.value, fg=colour)}; {report.eligible_left:,} rows may still go")
    if report.adopted:
        show(f"  adopted: {counted(report.adopted, 'row')} of test calls that the application had not marked")
    if report.missed:
        show(f"  passed by: {counted(report.missed, 'planned row')} gone or locked meanwhile")
    if report.storage:
        _show_storage(report.storage)
    show_events(events)
    if report.proof:
        _show_proof(report.proof)


def _show_proof(proof: CustomerProof) -> None:
    if not proof.is_measured:
        show("  customers: not measured, the sample met none of their rows")
        return
    show(
        f"  customers: {counted(proof.sampled, 'row')} sampled, {proof.changed_by_us:,} changed by this cleanup, "
        f"{proof.changed_by_others:,} by others"
    )
    if proof.changed_rows:
        show(f"  changed: {', '.join(proof.changed_rows)}")


def _show_storage(storage: StorageChange) -> None:
    """A table that loses rows does not shrink, which surprises everybody once."""
    if storage.removed_bytes:
        reusable = (
            "not measured, the server keeps no statistics"
            if storage.reusable_bytes is None
            else size(storage.reusable_bytes)
        )
        show(
            f"  storage: {size(storage.removed_bytes)} of rows removed; reusable after a vacuum: {reusable}; "
            f"returned to the disk: {size(storage.returned_bytes)} (a table that loses rows does not shrink)"
        )
    if storage.recommendation:
        show(f"  a vacuum is due: {storage.recommendation}")


def show_events(events: EventRemoval) -> None:
    """Print what became of the calendar events of removed rows; nothing where there were none."""
    if events.is_off:
        show(f"  calendar: {events.problem}; {counted(events.pending, 'removed row')} had an event id")
        return
    if events.removed or events.pending:
        show(f"  calendar: {counted(events.removed, 'event')} removed, {events.pending:,} pending")
    if events.problem:
        show(f"  calendar: {events.problem}")


def _report_document(report: CleanupReport, database: str, events: EventRemoval) -> dict[str, object]:
    proof = report.proof
    return {
        "dry_run": False,
        "database": database,
        "cleanup": report.id,
        "plan": report.plan.id,
        "scope": report.plan.scope.value,
        "cutoff": report.plan.cutoff.isoformat(),
        "stop_reason": report.stop_reason.value,
        "deleted": dict(report.deleted),
        "adopted": report.adopted,
        "missed": report.missed,
        "eligible_left": report.eligible_left,
        "storage": None if report.storage is None else _storage_document(report.storage),
        "calendar_events": {"removed": events.removed, "pending": events.pending, "problem": events.problem},
        "customer_rows": None
        if proof is None
        else {
            "sampled": proof.sampled,
            "changed_by_cleanup": proof.changed_by_us,
            "changed_by_others": proof.changed_by_others,
        },
        "seconds": round(report.seconds, 3),
    }


def _storage_document(storage: StorageChange) -> dict[str, object]:
    return {
        "removed_bytes": storage.removed_bytes,
        "reusable_bytes": storage.reusable_bytes,
        "returned_bytes": storage.returned_bytes,
        "vacuum_due": list(storage.vacuum_due),
        "recommendation": storage.recommendation,
    }
