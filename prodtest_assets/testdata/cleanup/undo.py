"""Undo a cleanup: what it archived comes back with its ids, and nothing that is there now is changed.

A row whose id or unique value is taken, or whose parent is not the one it had, stays in the archive and is named.
Restored rows are on hold for 7 days. Calendar events are not restored.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from prodtest_assets.errors import ConfigurationError, ProdtestError, RefusedForSafety
from prodtest_assets.testdata.cleanup.lease import LeaseTaken, actor, cleanup_lease
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit

HELD_FOR = timedelta(days=7)
_LEASE_WAIT = timedelta(seconds=60)
_BATCH_SIZE = 100
_BEFORE_ANY_ID = -(2**63)
# So short that a whole batch of waits ends before the lease does.
_LOCK_TIMEOUT = "200ms"
_STATEMENT_TIMEOUT = "60s"
_ATTEMPTS = 5
_RETRIED = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
)
# Asks for the next rows of a table: table_oid, after, only.
_Ask = Callable[..., list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that stays in the archive, and why."""

    table: str
    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What an undo did or, in a dry run, would do.

    Attributes:
        id: None for a dry run, and when there was nothing to restore.
        restored: rows per table.
        skipped: rows that were asked for and stay in the archive.
        left: rows of the cleanup that are in the archive now.
        events_gone: restored appointments whose calendar event was removed; it is not restored.
        lost_columns: per table, archived columns that it no longer has.
        undone_before: who restored rows of this cleanup before, and when; None if nobody did.
    """

    id: UUID | None
    cleanup_id: UUID
    restored: Mapping[str, int]
    skipped: tuple[SkippedRow, ...]
    left: int
    events_gone: int
    lost_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undone_before: str | None = None
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Rows restored, in all tables."""
        return sum(self.restored.values())


@dataclass(slots=True)
class _Tally:
    """What became of the rows so far; a row that a later pass restores is no longer skipped."""

    restored: Counter[str] = field(default_factory=Counter)
    skipped: dict[tuple[str, int], str] = field(default_factory=dict)
    events_gone: int = 0

    def note(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            if row["obstacle"]:
                self.skipped[table, row["id"]] = row["obstacle"]
                continue
            self.skipped.pop((table, row["id"]), None)
            self.restored[table] += 1
            self.events_gone += row["had_event"]


def foresee_undo(database: Database, cleanup_id: UUID, *, only: Sequence[str] = ()) -> UndoReport:
    """Say what an undo would restore now; nothing is written or locked.

    Args:
        cleanup_id: of a cleanup, or of a run whose tests removed their own rows.
        only: tables (`users`) or single rows (`appointments:17`); everything if empty.

    Raises:
        ConfigurationError: there is no such cleanup, or it has archived nothing of what is asked for.
    """
    started = time.monotonic()
    state = _state(database, cleanup_id)
    tables = _tables(database, cleanup_id, only)
    tally = _Tally()
    for table in tables:
        asked = partial(database.rows, "undo_foreseen", cleanup_id=cleanup_id, size=_BATCH_SIZE)
        for rows in _batches(asked, table, only):
            tally.note(table["name"], rows)
    return _report(database, None, state, tables, tally, started)


def undo_cleanup(
    database: Database,
    permit: WritePermit,
    cleanup_id: UUID,
    *,
    only: Sequence[str] = (),
    allow_triggers: Sequence[str] = (),
    lease_wait: timedelta = _LEASE_WAIT,
    batch_size: int = _BATCH_SIZE,
) -> UndoReport:
    """Restore what a cleanup archived, in small transactions; each takes its rows out of the archive.

    Args:
        permit: proof that this database may be written to.
        cleanup_id: of a cleanup, or of a run whose tests removed their own rows.
        only: tables (`users`) or single rows (`appointments:17`); everything if empty.
        allow_triggers: triggers and rules of the application that a person knows to be harmless.
        lease_wait: how long to wait for a cleanup that is at work.
        batch_size: rows in one transaction.

    Raises:
        ConfigurationError: there is no such cleanup, or it has archived nothing of what is asked for.
        RefusedForSafety: its run is still at work, or the tables have triggers that run on insert.
        ProdtestError: a cleanup was still at work after `lease_wait`.
        Unreachable: the connection was lost; what was committed is restored, undo goes on when called again.
    """
    started, undo_id = time.monotonic(), uuid4()
    state = _state(database, cleanup_id)
    if state["is_at_work"]:
        raise RefusedForSafety(f"run {cleanup_id} is still at work and removes its own rows: wait for its end")
    try:
        with cleanup_lease(database, undo_id, wait=lease_wait):
            tables = _tables(database, cleanup_id, only)
            if not tables:
                return _report(database, None, state, tables, _Tally(), started)
            _refuse_triggers(database, cleanup_id, allow_triggers)
            database.call("open_undo", undo_id, cleanup_id, actor())
            restore_batch = partial(_restore_batch, database, undo_id=undo_id, size=batch_size)
            tally = _restore(database, undo_id, restore_batch, tables, only)
            return _report(database, undo_id, state, tables, tally, started)
    except LeaseTaken:
        raise ProdtestError("a cleanup is at work on this database: run the undo again when it has ended") from None


def _state(database: Database, cleanup_id: UUID) -> Mapping[str, Any]:
    found = database.rows("undo_state", cleanup_id=cleanup_id) if database.has_schema else []
    if not found:
        raise ConfigurationError(f"no cleanup {cleanup_id}: `prodtest cleanups` lists what can be undone")
    return found[0]


def _tables(database: Database, cleanup_id: UUID, only: Sequence[str]) -> list[dict[str, Any]]:
    tables = database.rows("restore_order", cleanup_id=cleanup_id)
    unknown = database.rows("unknown_rows", cleanup_id=cleanup_id, only=list(only)) if only and tables else []
    if unknown:
        raise ConfigurationError(
            f"the archive of cleanup {cleanup_id} holds no {unknown[0]['item']}: --only takes a table "
            f"({', '.join(table['name'] for table in tables)}) or TABLE:ID"
        )
    return tables


def _refuse_triggers(database: Database, cleanup_id: UUID, allowed: Sequence[str]) -> None:
    """A trigger or rule of the application could change other rows when a row comes back."""
    found = database.call("triggers_on_restore", cleanup_id, list(allowed))
    if found and isinstance(found, list):
        raise RefusedForSafety(
            f"the tables have triggers or rules that run on insert ({', '.join(found)}): read them, and give "
            f"--allow-trigger {found[0]} if it touches no other rows"
        )


def _restore(
    database: Database, undo_id: UUID, restore_batch: _Ask, tables: Sequence[Mapping[str, Any]], only: Sequence[str]
) -> _Tally:
    tally = _Tally()
    try:
        for table in tables:
            _restore_table(restore_batch, table, only, tally)
    finally:
        if not database.connection.broken:
            skipped = Counter(table for table, _ in tally.skipped)
            database.call("finish_undo", undo_id, Jsonb(skipped))
    return tally


def _restore_table(restore_batch: _Ask, table: Mapping[str, Any], only: Sequence[str], tally: _Tally) -> None:
    """Rows of a table that refers to itself are passed over until no parent comes back any more."""
    while True:
        before = tally.restored[table["name"]]
        for rows in _batches(restore_batch, table, only):
            tally.note(table["name"], rows)
        if not table["refers_to_itself"] or tally.restored[table["name"]] == before:
            return


def _batches(ask: _Ask, table: Mapping[str, Any], only: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    after = _BEFORE_ANY_ID
    while rows := ask(table_oid=table["table_oid"], after=after, only=list(only)):
        yield rows
        after = rows[-1]["id"]


def _restore_batch(database: Database, **question: object) -> list[dict[str, Any]]:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with database.transaction(lock_timeout=_LOCK_TIMEOUT, statement_timeout=_STATEMENT_TIMEOUT):
                return database.rows("restore_batch", **question)
        except ProdtestError as error:
            if not isinstance(error.__cause__, _RETRIED) or attempt == _ATTEMPTS:
                raise
            time.sleep(0.1 * attempt)
    return []


def _report(
    database: Database,
    undo_id: UUID | None,
    state: Mapping[str, Any],
    tables: Sequence[Mapping[str, Any]],
    tally: _Tally,
    started: float,
) -> UndoReport:
    archived = sum(row["count"] for row in database.rows("archived_counts", cleanup_id=state["id"]))
    lost = {
        table["name"]: tuple(table["lost_columns"])
        for table in tables
        if table["lost_columns"] and tally.restored[table["name"]]
    }
    return UndoReport(
        id=undo_id,
        cleanup_id=state["id"],
        restored={table: count for table, count in tally.restored.items() if count},
        skipped=tuple(SkippedRow(table, row, reason) for (table, row), reason in tally.skipped.items()),
        left=archived,
        events_gone=tally.events_gone,
        lost_columns=lost,
        undone_before=f"{state['undone_by']} at {state['undone_at']:%Y-%m-%d %H:%M}" if state["undone_by"] else None,
        seconds=time.monotonic() - started,
    )
