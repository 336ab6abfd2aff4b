"""`prodtest migrate`: both chains of migrations. It needs no test mode, as plain Alembic needs none."""

from typing import TYPE_CHECKING

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import show, show_json

if TYPE_CHECKING:
    from prodtest_assets.schema import MigrationReport


@click.command()
@options.db_url
@click.option("--ours-only", is_flag=True, help="Leave the application's tables alone.")
@options.as_json
def migrate(db_url: str | None, ours_only: bool, as_json: bool) -> None:
    """Bring the application's tables and schema prodtest to what this version needs.

    The application's tables are only touched when they are empty or stand at a revision known here; a database
    with a history of its own is left alone, and you are told what the application owes.
    """
    from prodtest_assets.cli.access import database_url, reserved_numbers, settings_for
    from prodtest_assets.schema import ensure_schema, migrate_booking_tables

    settings = settings_for(db_url=db_url)
    url = database_url(settings)
    reports: dict[str, MigrationReport] = {}
    if not ours_only:
        reports["public"] = migrate_booking_tables(url)
    reports["prodtest"] = ensure_schema(url, reserved_numbers(settings))
    if as_json:
        show_json({name: {"changed": done.changed, "notes": list(done.notes)} for name, done in reports.items()})
    else:
        for name, done in reports.items():
            _print(name, done)


def _print(name: str, done: "MigrationReport") -> None:
    show(f"schema {name}: {'brought up to date' if done.changed else 'nothing to do'}")
    for note in done.notes:
        show(f"  {note}")
