"""The JSON documents: their keys are an interface, described by the schemas beside this file."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

from prodtest_assets.testdata.checks import Check
from prodtest_assets.testdata.models import Snapshot
from prodtest_assets.testdata.report_models import RunFacts

SCHEMAS = ("snapshot", "verification", "list")
_MEGABYTE = 1024 * 1024


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document.

    Args:
        name: one of `SCHEMAS`.
    """
    text = files("prodtest_assets.reports").joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def snapshot_document(snapshot: Snapshot, latest: RunFacts | None = None) -> dict[str, Any]:
    """Every figure of a snapshot, as `snapshot --json` and `export --format json` print it.

    Instants are ISO 8601 with their offset, sizes bytes.

    Args:
        snapshot: of this moment.
        latest: the latest run; None when there has been none.
    """
    return {
        "timestamp": snapshot.taken_at.isoformat(),
        "database": snapshot.database,
        "status": status(snapshot),
        "summary": summary(snapshot),
        "age_distribution": dict(snapshot.ages),
        "time_range": time_range(snapshot),
        "storage": _storage(snapshot),
        "trends": [
            {"hour": entry.hour.isoformat(), "count": entry.count, "hours_ago": entry.hours_ago}
            for entry in reversed(snapshot.trend)
        ],
        "alerts": alerts(snapshot),
        "recommendations": list(snapshot.recommendations),
        "cutoff": snapshot.cutoff.isoformat(),
        "stale": _stale(snapshot),
        "residue": {
            "stale": snapshot.residue.stale,
            "orphaned_users": snapshot.residue.orphaned,
            "unmarked_rows": snapshot.residue.unmarked,
            "of_this_run": snapshot.residue.from_this_run,
            "total": snapshot.residue.total,
        },
        "pending_calendar_events": snapshot.pending_events,
        "sensors": {name: beat.isoformat() for name, beat in sorted(snapshot.sensors.items())},
        "latest_run": run_document(latest) if latest else None,
    }


def run_document(run: RunFacts) -> dict[str, Any]:
    """A run of the booking flow, and how each of its tests ended."""
    return {
        "run": str(run.id),
        "target": run.target,
        "started": run.started_at.isoformat(),
        "ended": run.finished_at.isoformat() if run.finished_at else None,
        "outcome": run.outcome,
        "passed": run.passed,
        "failed": run.failed,
        "skipped": run.skipped,
        "calls": run.calls,
        "booked": run.booked,
        "tests": [asdict(case) for case in run.tests],
    }


def verification_document(snapshot: Snapshot, checks: Sequence[Check]) -> dict[str, Any]:
    """What `verify --json` prints.

    Args:
        snapshot: of this moment.
        checks: judged from it.
    """
    return {
        "timestamp": snapshot.taken_at.isoformat(),
        "database": snapshot.database,
        "total_test_appointments": snapshot.total,
        "active_test_appointments": snapshot.active,
        "cancelled_test_appointments": snapshot.cancelled,
        "age_distribution": dict(snapshot.ages),
        "stale_test_data": snapshot.stale.total,
        "cleanup_recommended": any(not check.passed and check.cleanup_helps for check in checks),
        "passed": all(check.passed for check in checks),
        "stale": _stale(snapshot),
        "checks": [
            {"name": check.name, "passed": check.passed, "count": check.count, "message": check.what, "do": check.do}
            for check in checks
        ],
    }


def status(snapshot: Snapshot) -> str:
    """The gravest level among the alerts; without any `ok`, or `clean` when there is no test row at all."""
    if snapshot.alerts:
        return snapshot.alerts[0].level
    return "ok" if snapshot.total else "clean"


def summary(snapshot: Snapshot) -> dict[str, int]:
    """The figures that come first."""
    return {
        "total_test_appointments": snapshot.total,
        "active_appointments": snapshot.active,
        "cancelled_appointments": snapshot.cancelled,
        "test_users": snapshot.test_users,
        "stale_data_count": snapshot.stale.total,
        "recent_activity": snapshot.created_last_hour,
        "users_in_doubt": snapshot.suspect_users,
    }


def time_range(snapshot: Snapshot) -> dict[str, str | None]:
    """When the oldest and the newest test row were created."""
    return {
        "oldest": snapshot.oldest.isoformat() if snapshot.oldest else None,
        "newest": snapshot.newest.isoformat() if snapshot.newest else None,
    }


def alerts(snapshot: Snapshot) -> list[dict[str, str]]:
    """The alerts, the gravest first."""
    return [{"level": alert.level, "message": alert.message, "action": alert.action} for alert in snapshot.alerts]


def _stale(snapshot: Snapshot) -> dict[str, int]:
    return {
        "eligible": snapshot.stale.eligible,
        "held": snapshot.stale.held,
        "suspect": snapshot.stale.suspect,
        "blocked": snapshot.stale.blocked,
    }


def _storage(snapshot: Snapshot) -> dict[str, int | float | None]:
    """What the test rows take, measured, under the names that monitors know; and its parts."""
    storage = snapshot.storage
    taken = storage.test_row_bytes + storage.index_share_bytes
    return {
        "estimated_bytes": taken,
        "estimated_mb": round(taken / _MEGABYTE, 2),
        "test_row_bytes": storage.test_row_bytes,
        "index_share_bytes": storage.index_share_bytes,
        "table_bytes": storage.table_bytes,
        "index_bytes": storage.index_bytes,
        "archive_bytes": storage.archive_bytes,
    }
