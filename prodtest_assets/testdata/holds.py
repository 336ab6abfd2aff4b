"""Holds: rows and runs that no cleanup may take until a date, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.cleanup.lease import actor
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit

_TABLES = {"appointment": "public.appointments", "user": "public.users"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a hold exempts.

    Attributes:
        kind: `run`, `appointment` or `user`; a user's appointments are held as well.
        run_id: for a run.
        row_id: for the others.
    """

    kind: str
    run_id: UUID | None = None
    row_id: int | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.run_id or self.row_id}"


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold, as it stands.

    Attributes:
        subject: in words: `run ...`, `appointment 17`, `user 4`, `rows restored from cleanup ...`.
        released_at: None for one that was not ended before its date.
        rows: appointments and users it exempts that are there.
        eligible_at: when the first of these rows may go, by this hold and by its age; None when none is there.
    """

    id: int
    subject: str
    until: datetime
    reason: str
    actor: str
    created_at: datetime
    released_at: datetime | None
    released_by: str | None
    is_active: bool
    rows: int
    eligible_at: datetime | None


def add_hold(database: Database, permit: WritePermit, subject: Subject, *, until: datetime, reason: str) -> int:
    """Exempt a run, an appointment or a user from cleanup.

    A cleanup that is about to take the row looks once more while it holds the row's lock, so the hold wins.

    Args:
        permit: proof that this database may be written to.
        subject: what to exempt; it must be there.
        until: timezone-aware, in the future.
        reason: for people to read.

    Returns:
        The hold's id.

    Raises:
        ConfigurationError: there is no such row or run, or the date has passed.
    """
    question = {"kind": subject.kind, "run_id": subject.run_id, "row_id": subject.row_id}
    target = database.row("hold_target", **question)
    if not target["is_there"]:
        where = f"it is in the archive of cleanup {target['archived_by']}" if target["archived_by"] else "not here"
        raise ConfigurationError(f"no {subject}: {where}")
    if until <= target["clock"]:
        raise ConfigurationError(f"{until:%Y-%m-%d %H:%M %Z} has passed: a hold needs a date in the future")
    held = database.call("add_hold", subject.run_id, _TABLES.get(subject.kind), subject.row_id, until, reason, actor())
    return int(str(held))


def release_hold(database: Database, permit: WritePermit, hold_id: int) -> None:
    """End a hold before its date.

    Raises:
        ConfigurationError: there is no such hold, or it has ended.
    """
    if not database.has_schema or not database.call("release_hold", hold_id, actor()):
        raise ConfigurationError(f"no hold {hold_id} is in force: `prodtest hold list` shows those that are")


def list_holds(database: Database, *, retention: timedelta, ended: bool = False, limit: int = 100) -> list[Hold]:
    """Holds in force, the one that ends first first.

    Args:
        retention: how long a test row may live; a held row younger than that stays beyond its hold.
        ended: also those that have ended or were released.
        limit: how many.
    """
    if not database.has_schema:
        return []
    rows = database.rows("holds", retention=retention, run_id=None, ended=ended, limit=limit)
    return [_hold(row) for row in rows]


def _hold(row: Mapping[str, Any]) -> Hold:
    return Hold(
        id=row["id"],
        subject=_subject(row),
        until=row["until"],
        reason=row["reason"],
        actor=row["actor"],
        created_at=row["created_at"],
        released_at=row["released_at"],
        released_by=row["released_by"],
        is_active=row["is_active"],
        rows=row["rows"],
        eligible_at=row["eligible_at"],
    )


def _subject(row: Mapping[str, Any]) -> str:
    if row["run_id"]:
        return f"run {row['run_id']}"
    if row["undone_cleanup"]:
        return f"rows restored from cleanup {row['undone_cleanup']}"
    return f"{row['table_name'].removesuffix('s')} {row['row_id']}"
