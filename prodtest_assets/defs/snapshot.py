"""The snapshot of the test data, and three views of it. They exchange figures through PostgreSQL only."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import dagster as dg

from prodtest_assets.defs.booking_tables import APPOINTMENTS, USERS
from prodtest_assets.defs.flow import BOOKING_FLOW_RESULTS
from prodtest_assets.defs.metadata import markdown_table, size
from prodtest_assets.defs.pictures import age_histogram, hourly_trend, volume_over_time
from prodtest_assets.defs.resources import BookingDatabase, retention
from prodtest_assets.testdata.models import AGE_BUCKETS, FUTURE_BUCKET, Snapshot
from prodtest_assets.testdata.snapshot import store_snapshot, stored_snapshots, take_snapshot

if TYPE_CHECKING:
    import pandas as pd

TEST_DATA_SNAPSHOT = dg.AssetKey("test_data_snapshot")
_GROUP = "test_data"
_KINDS = {"postgres"}
_HISTORY = 200
_SHOWN = 10
_BUCKET_STARTS = (0, 1, 6, 12, 24, 48, 72)  # hours


@dg.asset(key=TEST_DATA_SNAPSHOT, group_name=_GROUP, kinds=_KINDS, deps=[BOOKING_FLOW_RESULTS, USERS, APPOINTMENTS])
def snapshot_of_test_data(
    context: dg.AssetExecutionContext, booking_database: BookingDatabase
) -> dg.MaterializeResult[None]:
    """How much test data there is, how old and how large it is; stored for the trends."""
    settings = booking_database.settings()
    with booking_database.writing() as writing:
        snapshot = take_snapshot(writing.database, retention=retention(settings), run_id=UUID(context.run.run_id))
        store_snapshot(writing.database, writing.permit, snapshot)
    return dg.MaterializeResult(metadata=snapshot_metadata(snapshot))


@dg.asset(group_name=_GROUP, kinds=_KINDS, deps=[TEST_DATA_SNAPSHOT])
def age_distribution(booking_database: BookingDatabase) -> dg.MaterializeResult[None]:
    """How old the test rows are, in the seven buckets testers think in."""
    figures = _latest(booking_database)
    ages = [(bucket, figures["ages"][bucket]) for bucket in AGE_BUCKETS]
    return dg.MaterializeResult(
        metadata={
            **dict(ages),
            FUTURE_BUCKET: figures["ages"][FUTURE_BUCKET],
            "oldest": figures["oldest"] or "none",
            "newest": figures["newest"] or "none",
            "histogram": age_histogram(ages, stale_from=_first_stale_bucket(figures)),
        }
    )


@dg.asset(group_name=_GROUP, kinds=_KINDS, deps=[TEST_DATA_SNAPSHOT])
def storage_metrics(booking_database: BookingDatabase) -> dg.MaterializeResult[None]:
    """What the test rows take on disk, as the server knows it, beside what their table takes."""
    figures = _latest(booking_database)
    storage = figures["storage"]
    rows = [{"what": name.removesuffix("_bytes").replace("_", " "), "size": size(storage[name])} for name in storage]
    return dg.MaterializeResult(
        metadata={name: value for name, value in storage.items() if value is not None}
        | {"sizes": markdown_table(rows), "test_rows": figures["total"]}
    )


@dg.asset(group_name=_GROUP, kinds=_KINDS, deps=[TEST_DATA_SNAPSHOT])
def creation_trend(booking_database: BookingDatabase) -> dg.MaterializeResult[None]:
    """How fast test rows come: by the hour of the last day, and from snapshot to snapshot."""
    import pandas as pd

    with booking_database.reading() as database:
        snapshots = stored_snapshots(database, limit=_HISTORY)
    latest = _last(snapshots)
    hours = pd.DataFrame(latest["trend"]).sort_values("hours_ago", ascending=False)
    clock = pd.to_datetime(hours["hour"], utc=True).dt.strftime("%H:00")
    history = pd.DataFrame(
        {
            "taken_at": pd.to_datetime([figures["taken_at"] for figures in snapshots], utc=True),
            "total": [figures["total"] for figures in snapshots],
            "stale": [sum(figures["stale"].values()) for figures in snapshots],
        }
    )
    history["taken_at"] = history["taken_at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    history["change"] = history["total"].diff().fillna(0).astype(int)
    return dg.MaterializeResult(
        metadata={
            "created_last_hour": int(hours["count"].iloc[-1]),
            "created_last_24_hours": int(hours["count"].sum()),
            "busiest_hour_utc": str(clock.iloc[int(hours["count"].argmax())]) if hours["count"].any() else "none",
            "snapshots": len(snapshots),
            "hourly_trend": hourly_trend(list(zip(clock, hours["count"].astype(int), strict=True))),
            "volume": volume_over_time(list(history["taken_at"]), list(history["total"]), list(history["stale"])),
            "latest": markdown_table(_records(history.tail(_SHOWN))),
        }
    )


def snapshot_metadata(snapshot: Snapshot) -> dict[str, Any]:
    """The figures of a snapshot as an asset shows them."""
    return {
        "database": snapshot.database,
        "taken_at": dg.MetadataValue.timestamp(snapshot.taken_at),
        "cutoff": dg.MetadataValue.timestamp(snapshot.cutoff),
        "test_rows": snapshot.total,
        "active": snapshot.active,
        "cancelled": snapshot.cancelled,
        "test_users": snapshot.test_users,
        "suspect_users": snapshot.suspect_users,
        "stale_eligible": snapshot.stale.eligible,
        "stale_held": snapshot.stale.held,
        "stale_suspect": snapshot.stale.suspect,
        "orphaned_users": snapshot.residue.orphaned,
        "unmarked_rows": snapshot.residue.unmarked,
        "rows_of_this_run": snapshot.residue.from_this_run,
        "residue": snapshot.residue.total,
        "pending_calendar_events": snapshot.pending_events,
        "alerts": markdown_table(
            [{"level": alert.level, "what": alert.message, "do": alert.action} for alert in snapshot.alerts]
        ),
        "recommendations": dg.MetadataValue.md(
            "\n".join(f"- `{command}`" for command in snapshot.recommendations) or "none"
        ),
    }


def _records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    return [{str(column): value for column, value in row.items()} for row in frame.to_dict("records")]


def _first_stale_bucket(figures: Mapping[str, Any]) -> int:
    """The index of the first bucket that lies wholly beyond the retention."""
    kept = datetime.fromisoformat(figures["taken_at"]) - datetime.fromisoformat(figures["cutoff"])
    return sum(1 for start in _BUCKET_STARTS if timedelta(hours=start) < kept)


def _latest(booking_database: BookingDatabase) -> Mapping[str, Any]:
    with booking_database.reading() as database:
        return _last(stored_snapshots(database, limit=1))


def _last(snapshots: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    if not snapshots:
        raise dg.Failure(description="no snapshot is stored: materialize test_data_snapshot first", allow_retries=False)
    return snapshots[-1]
