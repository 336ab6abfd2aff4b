"""`prodtest health`: whether a target can be tested and cleaned now, in a moment. For orchestrators and monitors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import mark, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prodtest_assets.testdata.connection import Database

_MIGRATE = "run prodtest migrate"


@click.command()
@options.db_url
@options.as_json
def health(db_url: str | None, as_json: bool) -> None:
    """Whether the database answers, its schema is this version's, the sensors are alive, and alerts get through.

    It counts nothing and takes no lock, so that it can be asked every few seconds. The exit code is 0 when all is well,
    1 when something is not, and 4 when the database does not answer.
    """
    from prodtest_assets.cli.access import booking_database, settings_for

    with booking_database(settings_for(db_url=db_url)) as database:
        problems = dict(_problems(database))
        name = database.name
    is_well = not any(problems.values())
    if as_json:
        show_json({"healthy": is_well, "database": name, "problems": [text for text in problems.values() if text]})
    else:
        show_table((mark(not problem), subject, problem or "ok") for subject, problem in problems.items())
    if not is_well:
        raise click.exceptions.Exit(1)


def _problems(database: Database) -> Iterator[tuple[str, str | None]]:
    """What was looked at, and what is wrong with it."""
    yield "database", None
    yield "schema", _schema(database)
    yield "sensors", _sensors(database)
    yield "alerts", _alerts(database)


def _schema(database: Database) -> str | None:
    from prodtest_assets.schema import what_is_owed
    from prodtest_assets.testdata.statements import fingerprint

    if lack := what_is_owed(database.row("booking_tables")):
        return "; ".join(lack)
    if not database.has_schema:
        return f"schema prodtest is missing; {_MIGRATE}"
    if database.row("installed_fingerprint")["fingerprint"] != fingerprint(database.reserved.pattern):
        return f"schema prodtest is of another version; {_MIGRATE}"
    return None


def _sensors(database: Database) -> str | None:
    from prodtest_assets.testdata.advice import silent_sensors
    from prodtest_assets.testdata.heartbeats import heartbeats

    silent = silent_sensors(heartbeats(database), database.row("clock")["clock"])
    return f"{', '.join(silent)} no longer ticks; look at Dagster's daemon" if silent else None


def _alerts(database: Database) -> str | None:
    from prodtest_assets.testdata.heartbeats import undelivered_alerts

    count = undelivered_alerts(database)
    return f"{count} not taken for half an hour; look at the ticks of asset_check_alert_sensor" if count else None
