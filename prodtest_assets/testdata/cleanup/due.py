"""Whether a cleanup is due, by one cheap question, and when to try again after some that came to nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.testdata.cleanup.models import Policy, Scope, StopReason
from prodtest_assets.testdata.cleanup.plan import VERDICTS, plan_cleanup
from prodtest_assets.testdata.connection import Database

_FRUITLESS = (StopReason.HELD, StopReason.LOCKED, StopReason.REFUSED, StopReason.FAILED)
_FIRST_REST = timedelta(minutes=10)
_LONGEST_REST = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class CleanupDue:
    """What may go, and how the last cleanups ended.

    Attributes:
        rows: appointments and users that a cleanup of stale data would take now.
        clock: the database's.
        last_id: the last cleanup that came to an end, if any, with its end and its stop reason.
        fruitless: how many cleanups, the last one included, have come to nothing one after the other.
    """

    rows: int
    clock: datetime
    last_id: UUID | None = None
    last_ended: datetime | None = None
    stop_reason: str | None = None
    fruitless: int = 0


def cleanup_due(database: Database, retention: timedelta) -> CleanupDue:
    """Ask whether rows may go, without judging any row where none is old enough.

    Args:
        database: only read; schema `prodtest` need not stand there.
        retention: older test rows are stale.

    Raises:
        ConfigurationError: the application's tables lack a migration.
        Unreachable: the connection was lost.
    """
    if not database.has_schema:
        plan = plan_cleanup(database, Policy(retention=retention))
        return CleanupDue(plan.total, plan.cutoff + retention)
    row = database.row(
        "cleanup_due",
        cutoff=None,
        retention=retention,
        run_id=None,
        named=[],
        named_users=[],
        scopes=list(VERDICTS[Scope.STALE]),
        fruitless=[reason.value for reason in _FRUITLESS],
    )
    return CleanupDue(
        rows=row["rows"],
        clock=row["clock"],
        last_id=row["cleanup_id"],
        last_ended=row["finished_at"],
        stop_reason=row["stop_reason"],
        fruitless=row["fruitless"],
    )


def broken_promises(database: Database) -> list[Mapping[str, Any]]:
    """Cleanups that changed or lost a customer's row and that nobody has acknowledged, the newest first.

    Each with id, finished_at, stop_reason and proof. `docs/operations.md` says how one is acknowledged.
    """
    return list(database.rows("broken_promises")) if database.has_schema else []


def unexplained(database: Database) -> str | None:
    """Why nothing is cleaned, in a sentence that says where to read on; None while no broken promise forbids it."""
    if not (broken := broken_promises(database)):
        return None
    return (
        f"cleanup {broken[0]['id']} changed or lost a customer's row; nothing is cleaned until somebody has looked at "
        "it and said so: docs/operations.md#a-customers-row-was-changed"
    )


def refuse_while_unexplained(database: Database) -> None:
    """Let nothing be cleaned while a broken promise is not understood.

    Raises:
        RefusedForSafety: there is one; the message says which, and where to read on.
    """
    if reason := unexplained(database):
        raise RefusedForSafety(reason)


def rest_after(failures: int) -> timedelta:
    """How long to rest after so many attempts in a row that came to nothing: 10 minutes, then twice that, up to 6 h."""
    return min(_FIRST_REST * 2 ** min(failures - 1, 10), _LONGEST_REST) if failures else timedelta()
