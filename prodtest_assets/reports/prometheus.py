"""A snapshot as metrics, for the textfile collector of Prometheus' node exporter.

https://github.com/prometheus/node_exporter#textfile-collector, https://prometheus.io/docs/practices/naming/
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from prodtest_assets.testdata.models import Snapshot

_LEVELS = ("critical", "warning", "info")


def metrics(snapshot: Snapshot) -> bytes:
    """Every figure as a gauge with HELP and TYPE, each with the database's name as a label."""
    gauges = _Gauges(snapshot.database)
    gauges.by(
        "prodtest_test_appointments",
        "Test appointments in the database.",
        "status",
        {"active": snapshot.active, "cancelled": snapshot.cancelled},
    )
    gauges.by("prodtest_test_appointments_by_age", "Test appointments by age.", "age", snapshot.ages)
    gauges.one("prodtest_test_users", "Users that belong to tests.", snapshot.test_users)
    gauges.one("prodtest_suspect_users", "Users that may belong to tests.", snapshot.suspect_users)
    gauges.by(
        "prodtest_stale_test_appointments",
        "Test appointments older than the retention: eligible may go, held are exempt, suspect have an owner in doubt, "
        "blocked are kept by rows of other tables.",
        "kind",
        {
            "eligible": snapshot.stale.eligible,
            "held": snapshot.stale.held,
            "suspect": snapshot.stale.suspect,
            "blocked": snapshot.stale.blocked,
        },
    )
    gauges.by(
        "prodtest_residue_rows",
        "What should not be there. One row may be in several counts.",
        "kind",
        {
            "stale": snapshot.residue.stale,
            "orphaned_users": snapshot.residue.orphaned,
            "unmarked": snapshot.residue.unmarked,
        },
    )
    gauges.one(
        "prodtest_pending_calendar_events",
        "Calendar events of removed rows that nobody has seen gone.",
        snapshot.pending_events,
    )
    gauges.one(
        "prodtest_created_last_hour", "Test appointments created within the last hour.", snapshot.created_last_hour
    )
    gauges.by(
        "prodtest_storage_bytes", "What test rows, tables and the archive take on disk.", "part", _storage(snapshot)
    )
    gauges.by(
        "prodtest_alerts",
        "Alerts about the test data.",
        "level",
        {level: sum(alert.level == level for alert in snapshot.alerts) for level in _LEVELS},
    )
    if snapshot.sensors:
        gauges.by(
            "prodtest_sensor_heartbeat_timestamp_seconds",
            "When each sensor had its last heartbeat.",
            "sensor",
            {name: beat.timestamp() for name, beat in snapshot.sensors.items()},
        )
    gauges.one(
        "prodtest_snapshot_timestamp_seconds",
        "When the figures were taken, by the database's clock.",
        snapshot.taken_at.timestamp(),
    )
    return gauges.text()


def _storage(snapshot: Snapshot) -> dict[str, float]:
    storage = snapshot.storage
    parts = {
        "test_rows": storage.test_row_bytes,
        "index_share": storage.index_share_bytes,
        "table": storage.table_bytes,
        "indexes": storage.index_bytes,
        "archive": storage.archive_bytes,
    }
    return {part: number for part, number in parts.items() if number is not None}


class _Gauges:
    """Gauges of one database, in a registry of their own: nothing about this process gets in."""

    def __init__(self, database: str) -> None:
        self._registry = CollectorRegistry()
        self._database = database

    def one(self, name: str, meaning: str, value: float) -> None:
        Gauge(name, meaning, ["database"], registry=self._registry).labels(self._database).set(value)

    def by(self, name: str, meaning: str, label: str, values: Mapping[str, float]) -> None:
        gauge = Gauge(name, meaning, ["database", label], registry=self._registry)
        for value, number in values.items():
            gauge.labels(self._database, value).set(number)

    def text(self) -> bytes:
        return generate_latest(self._registry)
