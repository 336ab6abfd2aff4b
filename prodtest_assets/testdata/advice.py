"""What a person should know about the figures, and the command that helps. Pure rules, no database."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from prodtest_assets.testdata.models import FUTURE_BUCKET, Alert, Snapshot

SILENT_SENSOR = timedelta(minutes=10)
"""A sensor whose last heartbeat is older than this does not watch any more; they tick every minute or so."""
MANY_ROWS = 500
"""More test rows than this are a warning, and more than twice as many are critical."""
CLEAN_UP = "prodtest cleanup --no-dry-run"
"""What takes away everything that may go."""
_MANY_STALE_ROWS = 100
_MANY_NEW_ROWS = 50
_LOOK_CLOSER = "prodtest cleanup --json"
_LOOK = "prodtest list"


def alerts_for(snapshot: Snapshot) -> tuple[Alert, ...]:
    """Alerts, the most severe first; empty when nothing needs attention."""
    order = ("critical", "warning", "info")
    return tuple(sorted(alerts_by_topic(snapshot).values(), key=lambda alert: order.index(alert.level)))


def alerts_by_topic(snapshot: Snapshot, *, many_rows: int = MANY_ROWS) -> dict[str, Alert]:
    """Alerts by what they are about, which stays the same while the figures change.

    Args:
        many_rows: more test rows than this are a warning, and more than twice as many are critical.
    """
    found = {
        "test rows": _volume(snapshot, many_rows),
        "stale test rows": _stale(snapshot),
        "rows without their mark": _unmarked(snapshot),
        "orphaned test users": _orphaned(snapshot),
        "rows from the future": _future(snapshot),
        "new test rows": _growth(snapshot),
        "sensors": _sensors(snapshot),
    }
    return {topic: alert for topic, alert in found.items() if alert}


def recommendations_for(snapshot: Snapshot) -> tuple[str, ...]:
    """Commands worth running now, each of which can be pasted."""
    commands = []
    if snapshot.stale.eligible or snapshot.residue.orphaned or snapshot.residue.unmarked or snapshot.pending_events:
        commands.append(CLEAN_UP)
    if snapshot.stale.suspect or snapshot.suspect_users:
        commands.append(_LOOK_CLOSER)
    if snapshot.ages[FUTURE_BUCKET]:
        commands.append(_LOOK)
    return tuple(commands)


def silent_sensors(beats: Mapping[str, datetime], now: datetime) -> tuple[str, ...]:
    """The sensors that have beaten once and do so no more.

    Args:
        beats: when each sensor had its last heartbeat.
        now: by the same clock, the database's.
    """
    return tuple(sorted(name for name, beat in beats.items() if beat < now - SILENT_SENSOR))


def _volume(snapshot: Snapshot, many_rows: int) -> Alert | None:
    if snapshot.total <= many_rows:
        return None
    level = "critical" if snapshot.total > 2 * many_rows else "warning"
    return Alert(level, f"{snapshot.total} test rows", f"run: {CLEAN_UP}")


def _stale(snapshot: Snapshot) -> Alert | None:
    if not snapshot.stale.total:
        return None
    level = "warning" if snapshot.stale.total > _MANY_STALE_ROWS else "info"
    return Alert(level, f"{snapshot.stale.total} stale test rows", f"run: {CLEAN_UP}")


def _unmarked(snapshot: Snapshot) -> Alert | None:
    if not snapshot.residue.unmarked:
        return None
    message = f"{snapshot.residue.unmarked} rows of test calls are not marked"
    return Alert("warning", message, "the application should set is_test_data for test calls")


def _orphaned(snapshot: Snapshot) -> Alert | None:
    if not snapshot.residue.orphaned:
        return None
    return Alert("info", f"{snapshot.residue.orphaned} orphaned test users", f"run: {CLEAN_UP}")


def _future(snapshot: Snapshot) -> Alert | None:
    """Such a row never gets old enough to go by itself."""
    number = snapshot.ages[FUTURE_BUCKET]
    if not number:
        return None
    message = f"{number} test {'row was' if number == 1 else 'rows were'} created in the future"
    return Alert("warning", message, f"check the application's clock; find them with: {_LOOK}")


def _growth(snapshot: Snapshot) -> Alert | None:
    if snapshot.created_last_hour <= _MANY_NEW_ROWS:
        return None
    return Alert("info", f"{snapshot.created_last_hour} new test rows in an hour", "run: prodtest count")


def _sensors(snapshot: Snapshot) -> Alert | None:
    """A sensor that does not run tells nobody what is red."""
    silent = silent_sensors(snapshot.sensors, snapshot.taken_at)
    if not silent:
        return None
    message = f"no heartbeat of {', '.join(silent)} for {SILENT_SENSOR.seconds // 60} minutes"
    return Alert("warning", message, "start Dagster's daemon, or turn the sensor on in its web UI")
