"""`prodtest undo`: brings back what a cleanup removed."""

from uuid import UUID

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.access import booking_database, database_url, reserved_numbers, settings_for, write_rules
from prodtest_assets.cli.interruption import orderly_end
from prodtest_assets.cli.output import counted, per_table, show, show_json, show_table
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.cleanup.undo import HELD_FOR, UndoReport, foresee_undo, undo_cleanup
from prodtest_assets.testdata.guard import authorize_writes


@click.command()
@click.argument("cleanup_id", type=click.UUID)
@options.db_url
@click.option(
    "--dry-run/--no-dry-run", default=False, show_default=True, help="Show what would come back, or bring it back."
)
@click.option(
    "--only",
    multiple=True,
    metavar="TABLE[:ID]",
    help="Only this table (appointments, users) or this row (appointments:17); may be given several times.",
)
@options.limit(20, "rows that stay in the archive")
@options.allow_database
@options.allow_trigger
@options.show_sql
@click.option("--yes", is_flag=True, help="As for cleanup; undo never asks, since it changes nothing that is there.")
@options.as_json
def undo(
    cleanup_id: UUID,
    db_url: str | None,
    dry_run: bool,
    only: tuple[str, ...],
    limit: int,
    allow_database: str | None,
    allow_trigger: tuple[str, ...],
    show_sql: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Bring back what the cleanup with this id removed; `prodtest cleanups` lists them.

    Nothing that is there now is changed: a row whose id, number or time is taken, or whose user is not the one it
    had, stays in the archive and is named. Restored rows are on hold for 7 days. Calendar events do not come back.
    """
    settings = settings_for(db_url=db_url, allow_database=allow_database)
    if dry_run:
        with booking_database(settings, show_sql=show_sql) as database:
            report, name = foresee_undo(database, cleanup_id, only=only), database.name
    else:
        report, name = _live(settings, cleanup_id, only, allow_trigger, show_sql=show_sql)
    if as_json:
        show_json(_document(report, name, dry_run=dry_run))
    else:
        _print(report, name, limit, dry_run=dry_run)
    if not dry_run and report.skipped and not report.total:
        raise click.exceptions.Exit(1)


def _live(
    settings: Settings, cleanup_id: UUID, only: tuple[str, ...], allow_triggers: tuple[str, ...], *, show_sql: bool
) -> tuple[UndoReport, str]:
    from prodtest_assets.schema import ensure_schema

    with booking_database(settings) as database:
        authorize_writes(database, write_rules(settings))
    ensure_schema(database_url(settings), reserved_numbers(settings))
    with orderly_end(), booking_database(settings, show_sql=show_sql) as database:
        permit = authorize_writes(database, write_rules(settings))
        return undo_cleanup(database, permit, cleanup_id, only=only, allow_triggers=allow_triggers), database.name


def _print(report: UndoReport, database: str, limit: int, *, dry_run: bool) -> None:
    if not report.total and not report.skipped:
        before = f": {report.undone_before} restored it" if report.undone_before else ", its time in it is over"
        show(f"nothing of cleanup {report.cleanup_id} is left in the archive{before}")
        return
    done = "would come back to" if dry_run else "restored to"
    show(f"{done} {database}: {per_table(report.restored)} ({report.seconds:.1f} s)")
    if report.total:
        show(f"  on hold for {HELD_FOR.days} days: prodtest hold list")
        events = f"; {counted(report.events_gone, 'appointment')} had one" if report.events_gone else ""
        show(f"  calendar events are not restored{events}")
    for table, columns in sorted(report.lost_columns.items()):
        show(f"  {table} no longer has {', '.join(columns)}: these values were left out")
    if report.skipped:
        show(f"  {'would stay' if dry_run else 'stay'} in the archive: {counted(len(report.skipped), 'row')}")
        show_table([(f"{row.table}:{row.id}", row.reason) for row in report.skipped[:limit]], indent=4)
    if len(report.skipped) > limit:
        show(f"    and {len(report.skipped) - limit:,} more: --limit {len(report.skipped)} shows them")


def _document(report: UndoReport, database: str, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "database": database,
        "undo": report.id,
        "cleanup": report.cleanup_id,
        "restored": dict(report.restored),
        "skipped": [{"table": row.table, "id": row.id, "reason": row.reason} for row in report.skipped],
        "left_in_archive": report.left,
        "held_days": HELD_FOR.days if report.total else 0,
        "calendar_events": {"restored": 0, "gone": report.events_gone},
        "lost_columns": {table: list(columns) for table, columns in report.lost_columns.items()},
        "undone_before": report.undone_before,
        "seconds": round(report.seconds, 3),
    }
