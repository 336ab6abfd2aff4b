"""`prodtest list`: the test appointments one by one."""

from datetime import timedelta

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import counted, show, show_json, show_table
from prodtest_assets.testdata.listing import ListedRow, Listing, list_test_rows
from prodtest_assets.testdata.masking import one_line

_MOST = 1_000_000
_SHORT_RUN = 8


@click.command("list")
@options.db_url
@click.option(
    "--older-than",
    type=options.HOURS,
    callback=options.is_a_number,
    metavar="HOURS",
    help="Only rows older than this.",
)
@click.option("--limit", type=click.IntRange(1, _MOST), metavar="N", default=50, show_default=True, help="At most N.")
@options.active_only
@options.show_sql
@options.as_json
def list_rows(
    db_url: str | None, older_than: float | None, limit: int, active_only: bool, show_sql: bool, as_json: bool
) -> None:
    """List test appointments, the oldest first: id, age, start, status, caller (masked), origin, run."""
    from prodtest_assets.cli.access import booking_database, retention, settings_for

    settings = settings_for(db_url=db_url)
    with booking_database(settings, show_sql=show_sql) as database:
        listing = list_test_rows(
            database,
            retention=retention(settings, None),
            older_than=None if older_than is None else timedelta(hours=older_than),
            active_only=active_only,
            limit=limit,
        )
    if as_json:
        show_json(_document(listing))
    else:
        _print(listing)


def _print(listing: Listing) -> None:
    from prodtest_assets.reports.words import age

    if not listing.rows:
        show(f"no test appointments in {listing.database}")
        return
    head = ("id", "age", "start (UTC)", "status", "caller", "origin", "run")
    show_table([head, *(_cells(row, age(row.age)) for row in listing.rows)], indent=0, gap=1)
    if listing.more:
        show(f"and {listing.more:,} more: --limit {min(listing.total, _MOST)} shows {counted(listing.total, 'row')}")


def _cells(row: ListedRow, age: str) -> tuple[str, ...]:
    return (
        str(row.id),
        age,
        _minute(row),
        one_line(row.status or "unknown"),
        row.caller,
        row.origin,
        str(row.run_id)[:_SHORT_RUN] if row.run_id else "-",
    )


def _minute(row: ListedRow) -> str:
    from datetime import UTC

    return f"{row.starts_at.astimezone(UTC):%Y-%m-%d %H:%M}" if row.starts_at else "unknown"


def _document(listing: Listing) -> dict[str, object]:
    return {
        "database": listing.database,
        "total": listing.total,
        "shown": len(listing.rows),
        "more": listing.more,
        "appointments": [
            {
                "id": row.id,
                "created_at": row.created_at and row.created_at.isoformat(),
                "age_hours": None if row.age is None else round(row.age.total_seconds() / 3600, 3),
                "starts_at": row.starts_at and row.starts_at.isoformat(),
                "status": row.status,
                "verdict": row.verdict,
                "caller": row.caller,
                "origin": row.origin,
                "run": row.run_id,
            }
            for row in listing.rows
        ],
    }
