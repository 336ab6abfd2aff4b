"""`prodtest verify`: whether anything is there that should not be."""

from collections.abc import Sequence

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import counted, instant, mark, show, show_json, show_table
from prodtest_assets.testdata.checks import Check
from prodtest_assets.testdata.models import Snapshot


@click.command()
@options.db_url
@options.older_than
@options.active_only
@click.option("--strict", is_flag=True, help="End with exit code 1 when a check is red.")
@options.show_sql
@options.as_json
def verify(
    db_url: str | None, older_than: float | None, active_only: bool, strict: bool, show_sql: bool, as_json: bool
) -> None:
    """Check that nothing stale, orphaned, unmarked or half removed is there, and that the sensors watch.

    Rows on hold and rows whose owner is in doubt are no failure. With --active-only, neither are cancelled rows.
    """
    from prodtest_assets.cli.access import booking_database, retention, settings_for, usage
    from prodtest_assets.testdata.checks import checks_of
    from prodtest_assets.testdata.snapshot import take_snapshot

    settings = settings_for(db_url=db_url)
    with booking_database(settings, show_sql=show_sql) as database:
        snapshot = take_snapshot(
            database,
            retention=retention(settings, older_than),
            usage=usage(settings, db_url, older_than, active_only=active_only),
            active_only=active_only,
        )
    checks = checks_of(snapshot)
    if as_json:
        from prodtest_assets.reports.document import verification_document

        show_json(verification_document(snapshot, checks))
    else:
        _print(snapshot, checks)
    if strict and not all(check.passed for check in checks):
        raise click.exceptions.Exit(1)


def _print(snapshot: Snapshot, checks: Sequence[Check]) -> None:
    show(f"{counted(snapshot.total, 'test appointment')} in {snapshot.database} at {instant(snapshot.taken_at)}")
    show_table((mark(check.passed), check.name, f"{check.count:,} {check.what}") for check in checks)
    for command in dict.fromkeys(check.do for check in checks if not check.passed):
        show(f"  do: {command}")
    stale = snapshot.stale
    if stale.held or stale.suspect or stale.blocked:
        kept = f", {stale.blocked:,} that rows of other tables keep" if stale.blocked else ""
        show(f"  left alone: {stale.held:,} stale rows on hold, {stale.suspect:,} whose owner is in doubt{kept}")
