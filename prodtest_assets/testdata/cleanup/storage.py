"""What a cleanup did to the storage: a table that loses rows does not shrink, so each figure is told apart.

Space that removed rows leave is used again only after a vacuum, and goes back to the disk only from the end of a table:
https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY
"""

from collections.abc import Mapping
from typing import Any

from prodtest_assets.testdata.cleanup.models import StorageChange
from prodtest_assets.testdata.connection import Database

Sizes = Mapping[str, Mapping[str, Any]]


def table_sizes(database: Database) -> Sizes:
    """Every table a cleanup may remove rows from, by its qualified name: its bytes and its dead rows."""
    return {row["name"]: row for row in database.rows("table_sizes")}


def storage_change(database: Database, before: Sizes, removed_bytes: int) -> StorageChange:
    """Compare the tables with what they were.

    Args:
        before: from `table_sizes`, taken before the first row went.
        removed_bytes: what the removed rows took.
    """
    for function in database.rows("statistics_flush"):  # PostgreSQL 14 tells its statistics when it likes
        database.made(function["statement"])
    after = table_sizes(database)
    measured = all(row["dead_bytes"] is not None for row in after.values())
    return StorageChange(
        removed_bytes=removed_bytes,
        reusable_bytes=sum(row["dead_bytes"] for row in after.values()) if measured else None,
        returned_bytes=sum(
            max(before[name]["bytes"] - row["bytes"], 0) for name, row in after.items() if name in before
        ),
        vacuum_due=tuple(name for name, row in after.items() if row["vacuum_is_due"]),
    )
