"""What a person should know about the figures, and the command that helps. Pure rules, no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from prodtest_assets.testdata.models import FUTURE_BUCKET, Alert, Snapshot

SILENT_SENSOR = timedelta(minutes=10)
"""A sensor whose last heartbeat is older than this does not watch any more; they tick every minute or so."""
MANY_ROWS = 500
"""More test rows than this are a warning, and more than twice as many are critical."""
_MANY_STALE_ROWS = 100
_MANY_NEW_ROWS = 50


@dataclass(frozen=True, slots=True)
class _Finding:
    """An alert, and the command that helps, if one does."""

    level: str
    message: str
    advice: str
    command: str | None = None

    @property
    def alert(self) -> Alert:
        return Alert(self.level, self.message, f"{self.advice}: {self.command}" if self.command else self.advice)


def alerts_for(snapshot: Snapshot) -> tuple[Alert, ...]:
    """Alerts, the most severe first; empty when nothing needs attention."""
    order = ("critical", "warning", "info")
    return tuple(sorted(alerts_by_topic(snapshot).values(), key=lambda alert: order.index(alert.level)))


def alerts_by_topic(snapshot: Snapshot, *, many_rows: int = MANY_ROWS) -> dict[str, Alert]:
    """Alerts by what they are about, which stays the same while the figures change.

    Args:
        many_rows: more test rows than this are a warning, and more than twice as many are critical.
    """
    return {topic: finding.alert for topic, finding in _findings(snapshot, many_rows).items()}


def recommendations_for(snapshot: Snapshot) -> tuple[str, ...]:
    """Commands worth running now, each of which can be pasted."""
    commands = [finding.command for finding in _findings(snapshot, MANY_ROWS).values()]
    if snapshot.pending_events:
        commands.append(cleanup_command(snapshot))
    if snapshot.suspect_users:
        commands.append(snapshot.usage.command("cleanup --json", with_age=True))
    return tuple(dict.fromkeys(command for command in commands if command))


def cleanup_command(snapshot: Snapshot) -> str:
    """What takes away everything that may go, or as much of it as one cleanup may take."""
    going = snapshot.stale.eligible + snapshot.residue.unmarked
    rows = snapshot.residue.total + min(going, snapshot.test_users)  # with the users of these appointments
    most = snapshot.usage.max_delete
    limit = f" --max-delete {most}" if rows > most else ""
    # What makes it live comes last: a command that a narrow terminal breaks into two lines is a dry run when pasted.
    return snapshot.usage.command(f"cleanup{limit}", with_age=True) + " --no-dry-run"


def silent_sensors(beats: Mapping[str, datetime], now: datetime) -> tuple[str, ...]:
    """The sensors that have beaten once and do so no more.

    Args:
        beats: when each sensor had its last heartbeat.
        now: by the same clock, the database's.
    """
    return tuple(sorted(name for name, beat in beats.items() if beat < now - SILENT_SENSOR))


def _findings(snapshot: Snapshot, many_rows: int) -> dict[str, _Finding]:
    found = {
        "test rows": _volume(snapshot, many_rows),
        "stale test rows": _stale(snapshot),
        "rows without their mark": _unmarked(snapshot),
        "orphaned test users": _orphaned(snapshot),
        "rows from the future": _future(snapshot),
        "new test rows": _growth(snapshot),
        "sensors": _sensors(snapshot),
    }
    return {topic: finding for topic, finding in found.items() if finding}


def _volume(snapshot: Snapshot, many_rows: int) -> _Finding | None:
    if snapshot.total <= many_rows:
        return None
    level = "critical" if snapshot.total > 2 * many_rows else "warning"
    return _Finding(level, f"{snapshot.total} test rows", *_what_helps(snapshot, of=snapshot.total))


def _stale(snapshot: Snapshot) -> _Finding | None:
    stale = snapshot.stale.total
    if not stale:
        return None
    level = "warning" if stale > _MANY_STALE_ROWS else "info"
    return _Finding(level, f"{stale} stale test rows", *_what_helps(snapshot, of=stale))


def _what_helps(snapshot: Snapshot, *, of: int) -> tuple[str, str]:
    """What is to be done about so many rows, and the command: a cleanup only where it would take some of them."""
    stale, usage = snapshot.stale, snapshot.usage
    if stale.eligible:
        return ("run" if stale.eligible == of else f"run, it may take {stale.eligible} of them"), cleanup_command(
            snapshot
        )
    if of > stale.total:
        return "too young to go; see what younger ones a cleanup could take", usage.command("cleanup --older-than 1")
    if stale.suspect:
        hours = (snapshot.taken_at - snapshot.cutoff) / timedelta(hours=1)
        advice = "no cleanup takes rows whose owner is in doubt unless their --id is given; see them"
        return advice, usage.command(f"list --older-than {hours:g}")
    return "they are on hold; see why and until when", usage.command("hold list")


def _unmarked(snapshot: Snapshot) -> _Finding | None:
    if not snapshot.residue.unmarked:
        return None
    message = f"{snapshot.residue.unmarked} rows of test calls are not marked"
    advice = "the application should set is_test_data for test calls; to remove these"
    return _Finding("warning", message, advice, cleanup_command(snapshot))


def _orphaned(snapshot: Snapshot) -> _Finding | None:
    if not snapshot.residue.orphaned:
        return None
    return _Finding("info", f"{snapshot.residue.orphaned} orphaned test users", "run", cleanup_command(snapshot))


def _future(snapshot: Snapshot) -> _Finding | None:
    """Such a row never gets old enough to go by itself. The list has the youngest rows last."""
    number = snapshot.ages[FUTURE_BUCKET]
    if not number:
        return None
    message = f"{number} test {'row was' if number == 1 else 'rows were'} created in the future"
    find = snapshot.usage.command(f"list --limit {snapshot.total}") + f" | tail -n {number}"
    return _Finding("warning", message, "check the application's clock; find them with", find)


def _growth(snapshot: Snapshot) -> _Finding | None:
    if snapshot.created_last_hour <= _MANY_NEW_ROWS:
        return None
    message = f"{snapshot.created_last_hour} new test rows in an hour"
    return _Finding("info", message, "run", snapshot.usage.command("count"))


def _sensors(snapshot: Snapshot) -> _Finding | None:
    """A sensor that does not run tells nobody what is red."""
    silent = silent_sensors(snapshot.sensors, snapshot.taken_at)
    if not silent:
        return None
    message = f"no heartbeat of {', '.join(silent)} for {SILENT_SENSOR.seconds // 60} minutes"
    return _Finding("warning", message, "start Dagster's daemon, or turn the sensor on in its web UI")
