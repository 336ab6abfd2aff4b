"""The rows that a check objects to: the exact number, and a masked sample a person can look up."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.identity import masked_number
from prodtest_assets.testdata.models import Offenders

_SAMPLE = 20


def appointments_with(database: Database, verdicts: Sequence[str], retention: timedelta) -> Offenders:
    """Appointments with one of `verdicts` (`stale`, `suspect`, `held`, ...), oldest first."""
    question = _question(retention, None)
    return _offenders(database.rows("judged_rows", verdicts=list(verdicts), limit=_SAMPLE, **question))


def orphaned_users(database: Database, retention: timedelta, run_id: UUID | None = None) -> Offenders:
    """Test users without an appointment that belong to this run or a dead one, or are older than `retention`."""
    question = _question(retention, run_id)
    return _offenders(database.rows("orphaned_users", limit=_SAMPLE, scopes=["call", "stale"], **question))


def unmarked_rows(database: Database, run_id: UUID | None) -> Offenders:
    """Rows that a call provably made and the application did not mark.

    Args:
        run_id: rows of this run count even when they have been removed since; without calls of its own, those of the
            last run that came to an end.
    """
    if not database.has_schema:
        return Offenders(0)
    return _offenders(database.rows("unmarked_rows", run_id=run_id, limit=_SAMPLE))


def pending_events(database: Database, *, limit: int = 1_000) -> list[Mapping[str, Any]]:
    """Calendar events of archived rows that nobody has seen gone: cleanup_id, row_id, event_id, archived_at, total."""
    return list(database.rows("pending_events", limit=limit)) if database.has_schema else []


def _question(retention: timedelta, run_id: UUID | None) -> dict[str, object]:
    return {"cutoff": None, "retention": retention, "run_id": run_id, "named": [], "named_users": []}


def _offenders(rows: Sequence[Mapping[str, Any]]) -> Offenders:
    if not rows:
        return Offenders(0)
    return Offenders(rows[0]["total"], tuple(_masked(row) for row in rows))


def _masked(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in row.items() if key != "total" and value is not None}
    return shown | {"mobile": masked_number(row["mobile"])}
