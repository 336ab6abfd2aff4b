"""What a person should know about the figures, and the command that helps. Pure rules, no database."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from prodtest_assets.testdata.models import FUTURE_BUCKET, Alert, Check, Snapshot

SILENT_SENSOR = timedelta(minutes=10)
"""A sensor whose last heartbeat is older than this does not watch any more; they tick every minute or so."""
_MANY_ROWS = 500
_TOO_MANY_ROWS = 1_000
_MANY_STALE_ROWS = 100
_MANY_NEW_ROWS = 50
_CLEAN_UP = "prodtest cleanup --no-dry-run"
_LOOK_CLOSER = "prodtest cleanup --json"
_LOOK = "prodtest list"


def alerts_for(snapshot: Snapshot) -> tuple[Alert, ...]:
    """Alerts, the most severe first; empty when nothing needs attention."""
    found = [*_volume(snapshot), *_remains(snapshot), *_future(snapshot), *_growth(snapshot)]
    order = ("critical", "warning", "info")
    return tuple(sorted(found, key=lambda alert: order.index(alert.level)))


def recommendations_for(snapshot: Snapshot) -> tuple[str, ...]:
    """Commands worth running now, each of which can be pasted."""
    commands = []
    if snapshot.stale.eligible or snapshot.residue.orphaned or snapshot.residue.unmarked or snapshot.pending_events:
        commands.append(_CLEAN_UP)
    if snapshot.stale.suspect or snapshot.suspect_users:
        commands.append(_LOOK_CLOSER)
    if snapshot.ages[FUTURE_BUCKET]:
        commands.append(_LOOK)
    return tuple(commands)


def checks_of(snapshot: Snapshot) -> tuple[Check, ...]:
    """What should be none, judged as the asset checks judge it. Held rows and suspects are no failure."""
    residue = snapshot.residue
    silent = silent_sensors(snapshot.sensors, snapshot.taken_at)
    names = f" ({', '.join(silent)})" if silent else ""
    return (
        Check("no_stale_test_rows", snapshot.stale.eligible, "stale test rows that may go", _CLEAN_UP),
        Check("no_orphaned_test_users", residue.orphaned, "test users without an appointment", _CLEAN_UP),
        Check("no_unmarked_test_rows", residue.unmarked, "rows of test calls without their mark", _CLEAN_UP),
        Check(
            "no_orphaned_calendar_events", snapshot.pending_events, "calendar events of removed appointments", _CLEAN_UP
        ),
        Check(
            "sensors_are_alive",
            len(silent),
            f"sensors without a heartbeat{names}",
            "dagster dev -w workspace.yaml",
            cleanup_helps=False,
        ),
    )


def silent_sensors(beats: Mapping[str, datetime], now: datetime) -> tuple[str, ...]:
    """The sensors that have beaten once and do so no more.

    Args:
        beats: when each sensor had its last heartbeat.
        now: by the same clock, the database's.
    """
    return tuple(sorted(name for name, beat in beats.items() if beat < now - SILENT_SENSOR))


def _volume(snapshot: Snapshot) -> list[Alert]:
    if snapshot.total > _TOO_MANY_ROWS:
        return [Alert("critical", f"{snapshot.total} test rows", f"run: {_CLEAN_UP}")]
    if snapshot.total > _MANY_ROWS:
        return [Alert("warning", f"{snapshot.total} test rows", f"run: {_CLEAN_UP}")]
    return []


def _remains(snapshot: Snapshot) -> list[Alert]:
    found = []
    if snapshot.stale.total:
        level = "warning" if snapshot.stale.total > _MANY_STALE_ROWS else "info"
        found.append(Alert(level, f"{snapshot.stale.total} stale test rows", f"run: {_CLEAN_UP}"))
    if snapshot.residue.unmarked:
        message = f"{snapshot.residue.unmarked} rows of test calls are not marked"
        found.append(Alert("warning", message, "the application should set is_test_data for test calls"))
    if snapshot.residue.orphaned:
        message = f"{snapshot.residue.orphaned} orphaned test users"
        found.append(Alert("info", message, f"run: {_CLEAN_UP}"))
    return found


def _future(snapshot: Snapshot) -> list[Alert]:
    """Such a row never gets old enough to go by itself."""
    number = snapshot.ages[FUTURE_BUCKET]
    if not number:
        return []
    message = f"{number} test {'row was' if number == 1 else 'rows were'} created in the future"
    return [Alert("warning", message, f"check the application's clock; find them with: {_LOOK}")]


def _growth(snapshot: Snapshot) -> list[Alert]:
    if snapshot.created_last_hour <= _MANY_NEW_ROWS:
        return []
    return [Alert("info", f"{snapshot.created_last_hour} new test rows in an hour", "run: prodtest count")]
