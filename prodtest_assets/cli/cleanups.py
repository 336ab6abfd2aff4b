"""`prodtest cleanups`: which cleanups can be undone."""

from typing import Any

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import counted, instant, per_table, show, show_json


@click.command()
@options.db_url
@click.option(
    "--limit", type=click.IntRange(1, 10_000), metavar="N", default=20, show_default=True, help="At most so many."
)
@options.as_json
def cleanups(db_url: str | None, limit: int, as_json: bool) -> None:
    """List the cleanups of which the archive still holds rows, newest first."""
    from datetime import timedelta

    from prodtest_assets.cli.access import booking_database, settings_for
    from prodtest_assets.testdata.cleanup.archive import undoable_cleanups

    settings = settings_for(db_url=db_url)
    with booking_database(settings) as database:
        found = undoable_cleanups(database, keep_for=timedelta(days=settings.archive_days), limit=limit)
        name = database.name
    if as_json:
        show_json({"database": name, "cleanups": [_document(entry) for entry in found]})
    elif not found:
        show(f"nothing to undo in {name}: its archive is empty")
    else:
        _print(found, name)


def _print(found: list[dict[str, Any]], database: str) -> None:
    show(f"{counted(len(found), 'cleanup')} of {database} can be undone:")
    for entry in found:
        show(f"  {entry['id']}  {instant(entry['started_at'])}")
        ended = entry["stop_reason"] or "still at work, or killed"
        show(f"    scope {entry['scope']}, ended: {ended}, removed {per_table(entry['deleted'])}")
        show(f"    in the archive: {per_table(entry['archived'])}")
        show(f"    {_expiry(entry)}")
    show(f"  bring back: prodtest undo {found[0]['id']} --dry-run")


def _expiry(entry: dict[str, Any]) -> str:
    expires = f"expires {instant(entry['expires_at'])}" if entry["expires_at"] else "does not expire yet"
    pending = entry["pending_events"]
    return f"{expires}, {counted(pending, 'row')} later, with the calendar event" if pending else expires


def _document(entry: dict[str, Any]) -> dict[str, object]:
    return {
        "id": entry["id"],
        "started_at": entry["started_at"].isoformat(),
        "finished_at": entry["finished_at"].isoformat() if entry["finished_at"] else None,
        "scope": entry["scope"],
        "stop_reason": entry["stop_reason"],
        "actor": entry["actor"],
        "deleted": entry["deleted"],
        "archived": entry["archived"],
        "pending_events": entry["pending_events"],
        "expires_at": entry["expires_at"].isoformat() if entry["expires_at"] else None,
    }
