"""What a person should know about the figures, and the command that helps. Pure rules, no database."""

from prodtest_assets.testdata.models import Alert, Snapshot

_MANY_ROWS = 500
_TOO_MANY_ROWS = 1_000
_MANY_STALE_ROWS = 100
_MANY_NEW_ROWS = 50


def alerts_for(snapshot: Snapshot) -> tuple[Alert, ...]:
    """Alerts, the most severe first; empty when nothing needs attention."""
    found = [*_volume(snapshot), *_remains(snapshot), *_growth(snapshot)]
    order = ("critical", "warning", "info")
    return tuple(sorted(found, key=lambda alert: order.index(alert.level)))


def recommendations_for(snapshot: Snapshot) -> tuple[str, ...]:
    """Commands worth running now, each of which can be pasted."""
    commands = []
    if snapshot.stale.eligible or snapshot.residue.orphaned or snapshot.residue.unmarked:
        commands.append("prodtest cleanup --no-dry-run")
    if snapshot.stale.suspect or snapshot.suspect_users:
        commands.append("prodtest cleanup --json")
    return tuple(commands)


def _volume(snapshot: Snapshot) -> list[Alert]:
    if snapshot.total > _TOO_MANY_ROWS:
        return [Alert("critical", f"{snapshot.total} test rows", "run: prodtest cleanup --no-dry-run")]
    if snapshot.total > _MANY_ROWS:
        return [Alert("warning", f"{snapshot.total} test rows", "run: prodtest cleanup --no-dry-run")]
    return []


def _remains(snapshot: Snapshot) -> list[Alert]:
    found = []
    if snapshot.stale.total:
        level = "warning" if snapshot.stale.total > _MANY_STALE_ROWS else "info"
        found.append(Alert(level, f"{snapshot.stale.total} stale test rows", "run: prodtest cleanup --no-dry-run"))
    if snapshot.residue.unmarked:
        message = f"{snapshot.residue.unmarked} rows of test calls are not marked"
        found.append(Alert("warning", message, "the application should set is_test_data for test calls"))
    if snapshot.residue.orphaned:
        message = f"{snapshot.residue.orphaned} orphaned test users"
        found.append(Alert("info", message, "run: prodtest cleanup --no-dry-run"))
    return found


def _growth(snapshot: Snapshot) -> list[Alert]:
    if snapshot.created_last_hour <= _MANY_NEW_ROWS:
        return []
    return [Alert("info", f"{snapshot.created_last_hour} new test rows in an hour", "run: prodtest count")]
