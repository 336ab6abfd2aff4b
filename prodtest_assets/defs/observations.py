"""What a snapshot sees of the application's tables: logged as observations of the external assets."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from prodtest_assets.defs.booking_tables import APPOINTMENTS_KEY, CALENDAR_EVENTS_KEY, USERS_KEY
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.models import Snapshot


def observations(database: Database, snapshot: Snapshot) -> Iterator[dg.AssetObservation]:
    """How many rows each table holds, all and of tests, and the newest one.

    All rows are the server's own estimate, as of its last ANALYZE: what this costs must not grow with the customers.

    Args:
        database: only read.
        snapshot: taken just now; its figures are shown, not counted again.
    """
    tables = database.row("application_tables")
    yield dg.AssetObservation(
        USERS_KEY,
        description="as the snapshot found it",
        metadata={
            **_estimate(tables["users"]),
            "test_users": snapshot.test_users,
            "suspect_users": snapshot.suspect_users,
            "orphaned_test_users": snapshot.residue.orphaned,
            "newest_row": _moment(tables["newest_user"]),
        },
    )
    yield dg.AssetObservation(
        APPOINTMENTS_KEY,
        description="as the snapshot found it",
        metadata={
            **_estimate(tables["appointments"]),
            "test_rows": snapshot.total,
            # The row with the highest id need not be the youngest.
            "newest_row": _moment(max(filter(None, (tables["newest_appointment"], snapshot.newest)), default=None)),
            "newest_test_row": _moment(snapshot.newest),
            "oldest_test_row": _moment(snapshot.oldest),
        },
    )
    yield dg.AssetObservation(
        CALENDAR_EVENTS_KEY,
        description="as the tables know it; the calendar itself is asked by its check",
        metadata={"events_of_test_rows": tables["test_events"], "events_to_be_removed": snapshot.pending_events},
    )


def _estimate(rows: int | None) -> Mapping[str, Any]:
    """Nothing where the table was never analysed: Dagster plots this, and a made-up zero would mislead."""
    return {} if rows is None else {"dagster/row_count": rows, "all_rows_estimated": rows}


def _moment(value: datetime | None) -> dg.TimestampMetadataValue | str:
    return dg.MetadataValue.timestamp(value) if value else "none"
