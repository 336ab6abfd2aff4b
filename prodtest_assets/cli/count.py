"""`prodtest count`: how many test appointments there are."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import counted, instant, show, show_json
from prodtest_assets.testdata.models import Snapshot

if TYPE_CHECKING:
    from prodtest_assets.testdata.connection import Database


@click.command()
@options.db_url
@click.option(
    "--older-than",
    type=options.HOURS,
    callback=options.is_a_number,
    metavar="HOURS",
    help="Count only rows older than this, and call these stale.",
)
@options.active_only
@options.show_sql
@options.as_json
def count(db_url: str | None, older_than: float | None, active_only: bool, show_sql: bool, as_json: bool) -> None:
    """How many test appointments the database holds."""
    from prodtest_assets.cli.access import booking_database, retention, settings_for
    from prodtest_assets.testdata.snapshot import take_snapshot

    settings = settings_for(db_url=db_url)
    age = retention(settings, older_than)
    with booking_database(settings, show_sql=show_sql) as database:
        snapshot = take_snapshot(database, retention=age)
        if older_than is None:
            number = snapshot.active if active_only else snapshot.total
        else:
            number = _older(database, age, active_only)
    hours = age.total_seconds() / 3600
    if as_json:
        show_json(_document(snapshot, number, hours))
    else:
        kind = f"{'active ' if active_only else ''}test appointment"
        than = "" if older_than is None else f" older than {hours:g} h"
        show(f"{counted(number, kind)}{than} in {snapshot.database}")
        _print(snapshot, hours)


def _older(database: "Database", age: timedelta, active_only: bool) -> int:
    """How many rows `prodtest list` would list."""
    from prodtest_assets.testdata.listing import list_test_rows

    return list_test_rows(database, retention=age, older_than=age, active_only=active_only, limit=1).total


def _document(snapshot: Snapshot, number: int, hours: float) -> dict[str, object]:
    return {
        "count": number,
        "database": snapshot.database,
        "timestamp": snapshot.taken_at.isoformat(),
        "total_test_appointments": snapshot.total,
        "active_appointments": snapshot.active,
        "cancelled_appointments": snapshot.cancelled,
        "test_users": snapshot.test_users,
        "retention_hours": hours,
        "stale_data_count": snapshot.stale.total,
        "stale": {
            "eligible": snapshot.stale.eligible,
            "held": snapshot.stale.held,
            "suspect": snapshot.stale.suspect,
            "blocked": snapshot.stale.blocked,
        },
        "time_range": {
            "oldest": snapshot.oldest.isoformat() if snapshot.oldest else None,
            "newest": snapshot.newest.isoformat() if snapshot.newest else None,
        },
    }


def _print(snapshot: Snapshot, hours: float) -> None:
    show(f"  {snapshot.active:,} active, {snapshot.cancelled:,} cancelled, {counted(snapshot.test_users, 'test user')}")
    stale = snapshot.stale
    show(
        f"  {stale.total:,} stale (older than {hours:g} h): {stale.eligible:,} may go, {stale.held:,} on hold, "
        f"{stale.suspect:,} in doubt{f', {stale.blocked:,} kept by other tables' if stale.blocked else ''}"
    )
    if snapshot.total:
        show(f"  oldest {instant(snapshot.oldest)}, newest {instant(snapshot.newest)}")
