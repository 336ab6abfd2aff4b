"""`prodtest summary`: where things stand, in a few lines."""

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import counted, instant, show, show_json, show_table
from prodtest_assets.reports.words import staleness
from prodtest_assets.testdata.models import FUTURE_BUCKET, Snapshot

_SHOWN = ("timestamp", "database", "status", "summary", "age_distribution", "time_range", "alerts", "recommendations")


@click.command()
@options.db_url
@options.older_than
@options.show_sql
@options.as_json
def summary(db_url: str | None, older_than: float | None, show_sql: bool, as_json: bool) -> None:
    """How much test data there is, how old it is, and whether a cleanup is due."""
    from prodtest_assets.cli.access import booking_database, retention, settings_for, usage
    from prodtest_assets.testdata.snapshot import take_snapshot

    settings = settings_for(db_url=db_url)
    with booking_database(settings, show_sql=show_sql) as database:
        snapshot = take_snapshot(
            database, retention=retention(settings, older_than), usage=usage(settings, db_url, older_than)
        )
    if as_json:
        show_json(_document(snapshot))
    else:
        _print(snapshot)


def _document(snapshot: Snapshot) -> dict[str, object]:
    from prodtest_assets.reports.document import snapshot_document

    whole = snapshot_document(snapshot)
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
