"""Reads what a report shows: the present snapshot, the latest runs, calls and cleanups, and the stored past."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prodtest_assets.testdata.checks import checks_of
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.identity import digits, masked_name, masked_number
from prodtest_assets.testdata.masking import masked
from prodtest_assets.testdata.models import Snapshot
from prodtest_assets.testdata.report_models import (
    CallFacts,
    CheckHistory,
    CheckState,
    CleanupFacts,
    FieldFacts,
    ReportFacts,
    TurnFacts,
    VolumePoint,
)
from prodtest_assets.testdata.runs import recent_runs
from prodtest_assets.testdata.snapshot import take_snapshot
from prodtest_assets.testdata.stored import readable, stored_snapshots
from prodtest_assets.testdata.usage import Usage

_RUNS, _CALLS, _CLEANUPS = 10, 100, 20
_POINTS = 400
_CHECKED_SNAPSHOTS = 30


def read_report_facts(
    database: Database, *, retention: timedelta, run_id: UUID | None = None, usage: Usage | None = None
) -> ReportFacts:
    """Take a snapshot, and gather what happened before it.

    Args:
        database: only read; without schema `prodtest` there is no past.
        retention: older test rows are stale.
        run_id: the run whose own rows count as residue.
        usage: as for `take_snapshot`.

    Raises:
        ConfigurationError: the application's tables lack a migration.
        Unreachable: the connection was lost.
    """
    snapshot = take_snapshot(database, retention=retention, run_id=run_id, usage=usage)
    stored = stored_snapshots(database, limit=_CHECKED_SNAPSHOTS)
    if not database.has_schema:
        return ReportFacts(snapshot, None, (), (), 0, (), (), _checks([snapshot]))
    before = readable(row["figures"] for row in database.rows("snapshot_before_removal"))
    runs = recent_runs(database, limit=_RUNS)
    calls = database.rows("recent_calls", run_ids=[run.id for run in runs], limit=_CALLS)
    return ReportFacts(
        snapshot=snapshot,
        before=before[0] if before else None,
        runs=runs,
        calls=tuple(_call(row) for row in calls),
        calls_left_out=calls[0]["total"] - len(calls) if calls else 0,
        cleanups=tuple(CleanupFacts(**row) for row in database.rows("recent_cleanups", limit=_CLEANUPS)),
        volumes=tuple(volume_history(database)),
        checks=_checks([*stored, snapshot]),
    )


def volume_history(database: Database, *, points: int = _POINTS) -> list[VolumePoint]:
    """The number of test rows in all stored snapshots, the oldest first.

    Args:
        points: at most so many; of a longer history the most of each stretch, so that no peak is lost.

    Returns:
        Nothing where schema `prodtest` does not stand.
    """
    if not database.has_schema:
        return []
    return [VolumePoint(**row) for row in database.rows("volume_history", points=points)]


def _checks(snapshots: Sequence[Snapshot]) -> tuple[CheckHistory, ...]:
    """Every snapshot judged by today's rules."""
    judged = [(snapshot.taken_at, checks_of(snapshot)) for snapshot in snapshots]
    now = judged[-1][1]
    return tuple(
        CheckHistory(
            check.name,
            check.what,
            check.do,
            tuple(CheckState(taken_at, checks[place].count) for taken_at, checks in judged),
        )
        for place, check in enumerate(now)
    )


def _call(row: Mapping[str, Any]) -> CallFacts:
    fields = tuple(
        FieldFacts(str(each["field"]), str(each["said"]), str(each["stored"]), bool(each["equal"]))
        for each in row["comparison"] or ()
    )
    is_fine = row["outcome"] == "booked" and all(field.equal for field in fields)
    return CallFacts(
        call_sid=row["call_sid"],
        run_id=row["run_id"],
        persona=row["persona"],
        caller=f"{masked_name(row['caller_name'])}, {masked_number(row['caller_number'])}",
        outcome=row["outcome"],
        opened_at=row["opened_at"],
        fields=fields,
        transcript=() if is_fine else tuple(_turn(turn, row) for turn in row["transcript"] or ()),
    )


def _turn(turn: Mapping[str, Any], call: Mapping[str, Any]) -> TurnFacts:
    # Applications read a number back digit by digit.
    spelled_out = r"[\s.,()-]*".join(digits(call["caller_number"]))
    text = re.sub(spelled_out, masked_number(call["caller_number"]), str(turn.get("text", "")))
    return TurnFacts(
        speaker=str(turn.get("speaker", "")),
        text=masked(text, names=[call["caller_name"]]),
        status=turn.get("status"),
        latency=turn.get("latency"),
    )
