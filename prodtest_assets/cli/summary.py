"""`prodtest summary`: where things stand, in a few lines."""

from collections.abc import Sequence

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import broken, counted, instant, mark, show, show_json, show_table
from prodtest_assets.reports.words import staleness
from prodtest_assets.testdata.models import FUTURE_BUCKET, Snapshot
from prodtest_assets.testdata.report_models import CaseFacts, RunFacts

_SHOWN = (
    "timestamp",
    "database",
    "status",
    "summary",
    "age_distribution",
    "time_range",
    "alerts",
    "recommendations",
    "latest_run",
)


@click.command()
@options.db_url
@options.older_than
@options.active_only
@options.limit(10, "tests that did not pass")
@options.show_sql
@options.as_json
def summary(
    db_url: str | None, older_than: float | None, active_only: bool, limit: int, show_sql: bool, as_json: bool
) -> None:
    """How much test data there is, how old it is, whether a cleanup is due, and how the latest run ended."""
    from prodtest_assets.cli.access import booking_database, retention, settings_for, usage
    from prodtest_assets.testdata.runs import latest_run
    from prodtest_assets.testdata.snapshot import take_snapshot

    settings = settings_for(db_url=db_url)
    with booking_database(settings, show_sql=show_sql) as database:
        snapshot = take_snapshot(
            database,
            retention=retention(settings, older_than),
            usage=usage(settings, db_url, older_than, active_only=active_only),
            active_only=active_only,
        )
        run = latest_run(database)
    if as_json:
        show_json(_document(snapshot, run))
    else:
        _print(snapshot)
        _print_run(run, limit)


def _document(snapshot: Snapshot, run: RunFacts | None) -> dict[str, object]:
    from prodtest_assets.reports.document import snapshot_document

    whole = snapshot_document(snapshot, run)
    return {key: whole[key] for key in _SHOWN}


def _print(snapshot: Snapshot) -> None:
    from prodtest_assets.testdata.checks import checks_of

    residue = snapshot.residue
    show(f"Test data in {snapshot.database} at {instant(snapshot.taken_at)}")
    show("Test Appointments")
    show_table(
        [("total", f"{snapshot.total:,}"), ("active", f"{snapshot.active:,}"), ("cancelled", f"{snapshot.cancelled:,}")]
    )
    show("Age Distribution")
    show_table((bucket, f"{count:,}") for bucket, count in snapshot.ages.items() if count or bucket != FUTURE_BUCKET)
    show(f"Stale: {staleness(snapshot.stale)}")
    show(f"Left over: {counted(residue.orphaned, 'orphaned user')}, {counted(residue.unmarked, 'unmarked row')}")
    is_due = any(check.cleanup_helps and not check.passed for check in checks_of(snapshot))
    show(f"Cleanup recommended: {'yes' if is_due else 'no'}")
    for command in snapshot.recommendations:
        show(f"  {command}")


def _print_run(run: RunFacts | None, limit: int) -> None:
    if run is None:
        show("Latest run: none")
        return
    counts = f"{run.passed:,} passed, {run.failed:,} failed, {run.skipped:,} skipped"
    show(f"Latest run: {run.outcome} ({counts})")
    show(f"  {instant(run.started_at)}, {run.target}")
    _print_tests([case for case in run.tests if case.outcome != "passed"], limit)


def _print_tests(cases: Sequence[CaseFacts], limit: int) -> None:
    for case in cases[:limit]:
        show(f"  {mark(False if case.outcome == 'failed' else None)} {case.test}")
        for line in broken(case.reason, 4):
            show(f"    {line}")
    if left_out := len(cases[limit:]):
        show(f"  and {left_out:,} more that did not pass: --limit {len(cases)} shows them")
