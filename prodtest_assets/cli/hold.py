"""`prodtest hold`: exempts rows and runs from cleanup until a date."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.access import (
    booking_database,
    database_url,
    reserved_numbers,
    retention,
    settings_for,
    write_rules,
)
from prodtest_assets.cli.output import counted, instant, show, show_json
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.holds import Hold, Subject, add_hold, list_holds, release_hold
from prodtest_assets.testdata.masking import one_line

_LONGEST_DAYS = 3660
_LONGEST_REASON = 500


@click.group()
def hold() -> None:
    """Keep rows from cleanup until a date, with a reason; list these, or release one."""


def _is_a_reason(context: click.Context, parameter: click.Parameter, value: str) -> str:
    words = " ".join(value.split())
    if not words or len(words) > _LONGEST_REASON or "\0" in words:
        raise click.BadParameter(f"a reason has 1 to {_LONGEST_REASON} characters", context, parameter)
    return words


def _is_a_date(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned.astimezone(UTC) + timedelta(days="T" not in value and " " not in value)
    except (ValueError, OverflowError):
        message = f"{value!r} is no date like 2026-12-31 or 2026-12-31T14:00"
        raise click.BadParameter(message, context, parameter) from None


@hold.command()
@options.db_url
@click.option("--run", "run_id", type=click.UUID, metavar="ID", help="What the calls of this run left.")
@click.option("--appointment", type=options.ROW_ID, metavar="ID", help="This appointment.")
@click.option("--user", type=options.ROW_ID, metavar="ID", help="This user and all appointments of theirs.")
@click.option(
    "--until",
    metavar="DATE",
    callback=_is_a_date,
    help="2026-12-31, held to the end of that day, or 2026-12-31T14:00; UTC unless an offset is given.",
)
@click.option(
    "--days",
    type=click.FloatRange(0, _LONGEST_DAYS, min_open=True),
    callback=options.is_a_number,
    metavar="N",
    help="So long from now.",
)
@click.option("--reason", required=True, metavar="TEXT", callback=_is_a_reason, help="Shown with the hold.")
@options.allow_database
@options.as_json
def add(
    db_url: str | None,
    run_id: UUID | None,
    appointment: int | None,
    user: int | None,
    until: datetime | None,
    days: float | None,
    reason: str,
    allow_database: str | None,
    as_json: bool,
) -> None:
    """Exempt a run, an appointment or a user from cleanup."""
    from prodtest_assets.schema import ensure_schema

    subject = _subject(run_id, appointment, user)
    end = _end(until, days)
    settings = settings_for(db_url=db_url, allow_database=allow_database)
    with booking_database(settings) as database:
        authorize_writes(database, write_rules(settings))
    ensure_schema(database_url(settings), reserved_numbers(settings))
    with booking_database(settings) as database:
        permit = authorize_writes(database, write_rules(settings))
        hold_id = add_hold(database, permit, subject, until=end, reason=reason)
        name = database.name
    if as_json:
        show_json({"database": name, "hold": hold_id, "subject": str(subject), "until": end.isoformat()})
    else:
        show(f"hold {hold_id}: {subject} of {name} stays until {instant(end)}")


def _subject(run_id: UUID | None, appointment: int | None, user: int | None) -> Subject:
    given = [
        Subject(kind, run_id=identity) if isinstance(identity, UUID) else Subject(kind, row_id=identity)
        for kind, identity in (("run", run_id), ("appointment", appointment), ("user", user))
        if identity is not None
    ]
    if len(given) != 1:
        raise click.UsageError("give one of --run, --appointment and --user")
    return given[0]


def _end(until: datetime | None, days: float | None) -> datetime:
    if until is not None and days is None:
        return until
    if days is not None and until is None:
        return datetime.now(UTC) + timedelta(days=days)
    raise click.UsageError("give --until or --days")


@hold.command("list")
@options.db_url
@options.older_than
@click.option("--ended", is_flag=True, help="Also those that have ended or were released.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), metavar="N", default=100, show_default=True, help="At most so many."
)
@options.as_json
def list_(db_url: str | None, older_than: float | None, ended: bool, limit: int, as_json: bool) -> None:
    """List the holds in force with their reasons, and when the rows may go."""
    settings = settings_for(db_url=db_url)
    with booking_database(settings) as database:
        found = list_holds(database, retention=retention(settings, older_than), ended=ended, limit=limit)
        name = database.name
    if as_json:
        show_json({"database": name, "holds": [_document(entry) for entry in found]})
    else:
        _print(found, name)


def _print(found: Sequence[Hold], database: str) -> None:
    show(f"{counted(len(found), 'hold')} in {database}{':' if found else ''}")
    for entry in found:
        show(f"  {entry.id}  {entry.subject} ({counted(entry.rows, 'row')}), {_end_of(entry)}")
        show(f"    {one_line(entry.reason)} ({entry.actor}, {instant(entry.created_at)})")
        if entry.is_active:
            show(f"    may go from {instant(entry.eligible_at)}" if entry.rows else "    nothing of it is there")


def _end_of(entry: Hold) -> str:
    if entry.released_at:
        return f"released {instant(entry.released_at)} by {entry.released_by}"
    return f"{'until' if entry.is_active else 'ended'} {instant(entry.until)}"


def _document(entry: Hold) -> dict[str, object]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(entry).items()}


@hold.command()
@click.argument("hold_id", type=options.ROW_ID)
@options.db_url
@options.allow_database
@options.as_json
def release(hold_id: int, db_url: str | None, allow_database: str | None, as_json: bool) -> None:
    """End a hold before its date: the next cleanup may take its rows when they are old enough."""
    settings = settings_for(db_url=db_url, allow_database=allow_database)
    with booking_database(settings) as database:
        permit = authorize_writes(database, write_rules(settings))
        release_hold(database, permit, hold_id)
        name = database.name
    if as_json:
        show_json({"database": name, "hold": hold_id, "released": True})
    else:
        show(f"hold {hold_id} of {name} is released")
