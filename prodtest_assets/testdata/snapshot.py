"""Take every figure about the test data at one moment, and store it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from prodtest_assets.testdata.advice import alerts_for, recommendations_for
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit
from prodtest_assets.testdata.heartbeats import heartbeats, undelivered_alerts
from prodtest_assets.testdata.models import AGE_BUCKETS, FUTURE_BUCKET, HourCount, Residue, Snapshot, Staleness, Storage
from prodtest_assets.testdata.usage import Usage

_AGE_COLUMNS = ("under_1", "under_6", "under_12", "under_24", "under_48", "under_72", "over_72")


def take_snapshot(
    database: Database,
    *,
    retention: timedelta,
    run_id: UUID | None = None,
    usage: Usage | None = None,
    active_only: bool = False,
) -> Snapshot:
    """Count and measure the test data, in two statements, and see which sensors are alive.

    Args:
        database: only read; schema `prodtest` need not stand there.
        retention: older test rows are stale, by the database's clock.
        run_id: the run whose own rows count as residue; None for none.
        usage: how the commands that are recommended name the same rows; those of the settings by default.
        active_only: leave cancelled rows out of all that is said of ages, stale rows and residue.

    Raises:
        ConfigurationError: the application's tables lack a migration.
        Unreachable: the connection was lost.
    """
    with database.transaction():
        figures = database.row(
            "figures_of_active" if active_only else "figures",
            active_only=active_only,
            cutoff=None,
            retention=retention,
            run_id=run_id,
            named=[],
            named_users=[],
            scopes=["call", "stale"],
        )
        storage = database.row("storage")
        sensors = heartbeats(database)
        undelivered = undelivered_alerts(database)
    snapshot = Snapshot(
        database=database.name,
        taken_at=figures["taken_at"],
        cutoff=figures["cutoff"],
        total=figures["total"],
        active=figures["active"],
        cancelled=figures["cancelled"],
        test_users=figures["test_users"],
        suspect_users=figures["suspects"],
        oldest=figures["oldest"],
        newest=figures["newest"],
        ages=_ages(figures),
        stale=Staleness(*(figures[f"stale_{kind}"] for kind in ("eligible", "held", "suspect", "blocked"))),
        residue=_residue(figures),
        pending_events=figures["pending_events"],
        trend=tuple(_hour_count(entry) for entry in figures["trend"]),
        storage=_storage(storage),
        sensors=sensors,
        undelivered_alerts=undelivered,
        usage=usage or Usage(),
    )
    return replace(snapshot, alerts=alerts_for(snapshot), recommendations=recommendations_for(snapshot))


def store_snapshot(database: Database, permit: WritePermit, snapshot: Snapshot) -> None:
    """Keep `snapshot` for trends. Raises `ConfigurationError` where schema `prodtest` does not stand."""
    database.call("store_snapshot", Jsonb(to_json(snapshot)))


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """`snapshot` in plain JSON types; instants in ISO 8601 with their offset."""
    plain = _plain(asdict(snapshot))
    return plain if isinstance(plain, dict) else {}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _ages(figures: Mapping[str, Any]) -> dict[str, int]:
    ages = {bucket: figures[column] for bucket, column in zip(AGE_BUCKETS, _AGE_COLUMNS, strict=True)}
    return ages | {FUTURE_BUCKET: figures["future"]}


def _residue(figures: Mapping[str, Any]) -> Residue:
    return Residue(
        stale=figures["stale_eligible"],
        orphaned=figures["orphaned"],
        unmarked=figures["unmarked"],
        from_this_run=figures["from_this_run"],
        total=figures["residue"] + figures["orphaned"],
    )


def _storage(row: Mapping[str, Any]) -> Storage:
    return Storage(
        test_row_bytes=row["test_row_bytes"],
        index_share_bytes=row["index_share_bytes"],
        table_bytes=row["table_bytes"],
        index_bytes=row["index_bytes"],
        archive_bytes=row["archive_bytes"],
    )


def _hour_count(entry: Mapping[str, Any]) -> HourCount:
    return HourCount(entry["hours_ago"], datetime.fromisoformat(entry["hour"]), entry["count"])
