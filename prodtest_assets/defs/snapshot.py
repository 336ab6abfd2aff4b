"""The snapshot of the test data, and three views of it. They exchange figures through PostgreSQL only."""

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import dagster as dg

from prodtest_assets.defs import columns
from prodtest_assets.defs.booking_tables import APPOINTMENTS, BOOKING_FLOW_RESULTS, USERS
from prodtest_assets.defs.environment import asset_key, target
from prodtest_assets.defs.lineage import OUR_TEAM, Writes, runbook
from prodtest_assets.defs.metadata import markdown_table, next_steps, size
from prodtest_assets.defs.observations import observations
from prodtest_assets.defs.pictures import Colour, age_histogram, bars, hourly_trend, volume_over_time
from prodtest_assets.defs.resources import BookingDatabase, retention
from prodtest_assets.testdata.models import AGE_BUCKETS, FUTURE_BUCKET, Snapshot
from prodtest_assets.testdata.snapshot import store_snapshot, take_snapshot
from prodtest_assets.testdata.stored import stored_snapshots
from prodtest_assets.testdata.usage import Usage

if TYPE_CHECKING:
    import pandas as pd

TEST_DATA_SNAPSHOT = asset_key("test_data_snapshot")
AGE_DISTRIBUTION = asset_key("age_distribution")
STORAGE_METRICS = asset_key("storage_metrics")
CREATION_TREND = asset_key("creation_trend")
_GROUP = "test_data"
_SHOWN = 10
# The schedule takes one every quarter of an hour: one that is missing is no matter, four are.
_FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=30), fail_window=timedelta(hours=1))
_CALL_FOR_CLEANUP = "`prodtest cleanup` shows what would go; the job `cleanup_stale_test_data` removes it"


@dg.asset(
    key=TEST_DATA_SNAPSHOT,
    group_name=_GROUP,
    kinds={"postgres", "table"},
    owners=OUR_TEAM,
    tags=Writes.OWN_SCHEMA.tags,
    deps=[BOOKING_FLOW_RESULTS, USERS, APPOINTMENTS],
    freshness_policy=_FRESH,
    metadata={"runbook": runbook("figures-that-are-old")} | columns.snapshots(),
)
def snapshot_of_test_data(
    context: dg.AssetExecutionContext, booking_database: BookingDatabase
) -> dg.MaterializeResult[None]:
    """How much test data there is, how old and how large it is. **Every figure that is shown comes from here.**

    Taken in one transaction whose cost grows with the test rows, not with the customers, and kept in
    `prodtest.snapshot` for the trends. It also observes the application's tables.
    """
    settings = booking_database.settings()
    with booking_database.writing() as writing:
        snapshot = take_snapshot(
            writing.database,
            retention=retention(settings),
            run_id=UUID(context.run.run_id),
            usage=Usage(max_delete=settings.max_delete),
        )
        store_snapshot(writing.database, writing.permit, snapshot)
        for observation in observations(writing.database, snapshot):
            context.log_event(observation)
    return dg.MaterializeResult(metadata=snapshot_metadata(snapshot))


@dg.asset(
    key=AGE_DISTRIBUTION,
    group_name=_GROUP,
    kinds={"postgres", "matplotlib"},
    owners=OUR_TEAM,
    tags=Writes.NOTHING.tags,
    deps=[TEST_DATA_SNAPSHOT],
    metadata={"runbook": runbook("stale-rows")},
)
def age_distribution(booking_database: BookingDatabase) -> dg.MaterializeResult[None]:
    """How old the test rows are, in the seven buckets testers think in.

    Bars beyond the retention are **red**: those rows are stale, and the next cleanup takes what may go of them.
    """
    latest = _latest(booking_database)
    ages = [(bucket, latest.ages.get(bucket, 0)) for bucket in AGE_BUCKETS]
    stale_from = len(AGE_BUCKETS) - len(latest.stale_buckets)
    stale = sum(count for _, count in ages[stale_from:])
    everything = max(latest.total, 1)
    return dg.MaterializeResult(
        metadata={
            **dict(ages),
            FUTURE_BUCKET: latest.ages.get(FUTURE_BUCKET, 0),
            "oldest": latest.oldest.isoformat() if latest.oldest else "none",
            "newest": latest.newest.isoformat() if latest.newest else "none",
            "table": markdown_table(
                [{"age": age, "rows": count, "share": f"{count / everything:.0%}"} for age, count in ages]
            ),
            "picture": age_histogram(ages, stale_from=stale_from),
            **next_steps(*([_CALL_FOR_CLEANUP] if stale else [])),
        }
    )


@dg.asset(
    key=STORAGE_METRICS,
    group_name=_GROUP,
    kinds={"postgres", "matplotlib"},
    owners=OUR_TEAM,
    tags=Writes.NOTHING.tags,
    deps=[TEST_DATA_SNAPSHOT],
    metadata={"runbook": runbook("more-test-rows-than-usual")},
)
def storage_metrics(booking_database: BookingDatabase) -> dg.MaterializeResult[None]:
    """What the test rows take on disk, as the server knows it, beside what their table takes.

    A table that loses rows does **not** shrink: the room is used again by new rows.
    """
    latest = _latest(booking_database)
    storage = {name: value for name, value in asdict(latest.storage).items() if value is not None}
    names = [name.removesuffix("_bytes").replace("_", " ") for name in storage]
    sizes = [size(value) for value in storage.values()]
    kilobytes = [(name, value / 1024, Colour.FINE) for name, value in zip(names, storage.values(), strict=True)]
    return dg.MaterializeResult(
        metadata=storage
        | {
            "test_rows": latest.total,
            "table": markdown_table([{"what": name, "size": text} for name, text in zip(names, sizes, strict=True)]),
            "picture": bars("What the test data takes", kilobytes, unit="kB", labels=sizes),
            **next_steps(
                *(["the archive empties itself after `PRODTEST_ARCHIVE_DAYS`"] if storage.get("archive_bytes") else [])
            ),
        }
    )


@dg.asset(
    key=CREATION_TREND,
    group_name=_GROUP,
    kinds={"postgres", "pandas", "matplotlib"},
    owners=OUR_TEAM,
    tags=Writes.NOTHING.tags,
    deps=[TEST_DATA_SNAPSHOT],
    metadata={"runbook": runbook("more-test-rows-than-usual")},
)
def creation_trend(booking_database: BookingDatabase) -> dg.MaterializeResult[None]:
    """How fast test rows come: by the hour of the last day, and from snapshot to snapshot.

    `picture` shows all stored snapshots, up to 200; `hourly_trend` the last 24 hours.
    """
    import pandas as pd

    with booking_database.reading() as database:
        snapshots = stored_snapshots(database)
    trend = _last(snapshots).trend
    hours = pd.DataFrame([asdict(hour) for hour in trend], columns=["hours_ago", "hour", "count"])
    hours = hours.sort_values("hours_ago", ascending=False)
    clock = pd.to_datetime(hours["hour"], utc=True).dt.strftime("%H:%M")
    history = pd.DataFrame(
        {
            "taken_at": pd.to_datetime([snapshot.taken_at for snapshot in snapshots], utc=True),
            "total": [snapshot.total for snapshot in snapshots],
            "stale": [snapshot.stale.total for snapshot in snapshots],
        }
    )
    moments = list(history["taken_at"].dt.strftime("%m-%d %H:%M"))
    history["taken_at"] = history["taken_at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    history["change"] = history["total"].diff().fillna(0).astype(int)
    created = int(hours["count"].sum())
    return dg.MaterializeResult(
        metadata={
            "created_last_hour": int(hours["count"].iloc[-1]) if trend else 0,
            "created_last_24_hours": created,
            "busiest_hour_utc": str(clock.iloc[int(hours["count"].argmax())]) if hours["count"].any() else "none",
            "change_since_last_snapshot": int(history["change"].iloc[-1]),
            "snapshots": len(snapshots),
            "table": markdown_table(_records(history.tail(_SHOWN))),
            "picture": volume_over_time(moments, list(history["total"]), list(history["stale"])),
            "hourly_trend": hourly_trend(list(zip(clock, hours["count"].astype(int), strict=True))),
            **next_steps(*(["`prodtest count` says what there is now"] if created else [])),
        }
    )


def snapshot_metadata(snapshot: Snapshot) -> dict[str, Any]:
    """The figures of a snapshot as an asset shows them."""
    residue, stale = snapshot.residue, snapshot.stale
    return {
        "target": target() or snapshot.database,
        "database": snapshot.database,
        "taken_at": dg.MetadataValue.timestamp(snapshot.taken_at),
        "cutoff": dg.MetadataValue.timestamp(snapshot.cutoff),
        "test_rows": snapshot.total,
        "active": snapshot.active,
        "cancelled": snapshot.cancelled,
        "test_users": snapshot.test_users,
        "suspect_users": snapshot.suspect_users,
        "stale_eligible": stale.eligible,
        "stale_held": stale.held,
        "stale_suspect": stale.suspect,
        "stale_blocked": stale.blocked,
        "orphaned_users": residue.orphaned,
        "unmarked_rows": residue.unmarked,
        "rows_of_this_run": residue.from_this_run,
        "residue": residue.total,
        "pending_calendar_events": snapshot.pending_events,
        "alerts": markdown_table(
            [{"level": alert.level, "what": alert.message, "do": alert.action} for alert in snapshot.alerts]
        ),
        "picture": bars(
            f"Test data in {snapshot.database}",
            [
                ("active test rows", snapshot.active, Colour.FINE),
                ("cancelled test rows", snapshot.cancelled, Colour.FINE),
                ("test users", snapshot.test_users, Colour.FINE),
                ("stale, held", stale.held, Colour.QUIET),
                ("stale, in doubt", stale.suspect, Colour.DOUBTFUL),
                ("stale, kept by other tables", stale.blocked, Colour.DOUBTFUL),
                ("stale, may go", stale.eligible, Colour.BAD),
                ("orphaned users", residue.orphaned, Colour.BAD),
                ("unmarked rows", residue.unmarked, Colour.BAD),
            ],
            unit="rows",
        ),
        **next_steps(*(f"`{command}`" for command in snapshot.recommendations)),
    }


def _records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    return [{str(column): value for column, value in row.items()} for row in frame.to_dict("records")]


def _latest(booking_database: BookingDatabase) -> Snapshot:
    with booking_database.reading() as database:
        return _last(stored_snapshots(database))


def _last(snapshots: list[Snapshot]) -> Snapshot:
    if not snapshots:
        advice = "no snapshot that this version can read is stored: materialize test_data_snapshot first"
        raise dg.Failure(description=advice, allow_retries=False)
    return snapshots[-1]
