"""The archive between cleanup and undo: what can be restored, and when it expires."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit

_BATCH_SIZE = 5_000


def undoable_cleanups(database: Database, *, keep_for: timedelta, limit: int = 20) -> list[dict[str, Any]]:
    """Cleanups that can be undone, newest first.

    Args:
        keep_for: how long archived rows are kept (`PRODTEST_ARCHIVE_DAYS`).
        limit: how many.

    Returns:
        Each with id, started_at, finished_at, stop_reason, actor, scope, deleted and archived (rows per table,
        then and now), total (archived now), pending_events, expires_at (None while it is at work).
    """
    return database.rows("undoable_cleanups", age=keep_for, limit=limit) if database.has_schema else []


def expire_archive(database: Database, permit: WritePermit, holder: UUID, *, keep_for: timedelta) -> int:
    """Remove archived rows that nobody can restore any more, in small transactions, and the plans they came from.

    Rows whose calendar event is pending stay: the archive is the only list of such events.

    Args:
        permit: proof that this database may be written to.
        holder: who holds the lease.
        keep_for: how long archived rows are kept.

    Returns:
        The number of rows removed from the archive.
    """
    expired = 0
    while removed := database.call("expire_archive", holder, keep_for, _BATCH_SIZE):
        expired += removed if isinstance(removed, int) else 0
    database.call("expire_records", holder, keep_for)
    return expired
