"""The test appointments one by one, with nothing in them that must not leave the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.identity import masked_number


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One test appointment.

    Attributes:
        created_at: None where it is unknown or lies beyond all dates.
        age: by the database's clock, from the ledger's time where it knows the row; negative in the future.
        verdict: what a cleanup would make of it (`stale`, `suspect`, `held`, `young`, ...).
        caller: the number, masked.
        origin: how we know that it is a test's: `ledger`, `reserved number` or `unknown`.
        run_id: the run whose call made it.
    """

    id: int
    created_at: datetime | None
    age: timedelta | None
    starts_at: datetime | None
    status: str | None
    verdict: str
    caller: str
    origin: str
    run_id: UUID | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The first rows, and how many there are in all."""

    database: str
    rows: tuple[ListedRow, ...]
    total: int

    @property
    def more(self) -> int:
        """How many the limit left out."""
        return self.total - len(self.rows)


def list_test_rows(
    database: Database, *, retention: timedelta, older_than: timedelta | None, active_only: bool, limit: int
) -> Listing:
    """Test appointments, the oldest first.

    Args:
        database: only read; schema `prodtest` need not stand there.
        retention: older rows are stale.
        older_than: only rows older than this; None for all.
        active_only: leave cancelled ones out.
        limit: how many.

    Raises:
        ConfigurationError: the application's tables lack a migration.
        Unreachable: the connection was lost.
    """
    question: dict[str, object] = {"cutoff": None, "retention": retention, "run_id": None, "named": []}
    with database.transaction():
        found = database.rows("test_rows", older_than=older_than, active_only=active_only, limit=limit, **question)
    return Listing(database.name, tuple(_row(row) for row in found), found[0]["total"] if found else 0)


def _row(row: Mapping[str, Any]) -> ListedRow:
    return ListedRow(
        id=row["id"],
        created_at=row["created_at"],
        age=row["age"],
        starts_at=row["starts_at"],
        status=row["status"],
        verdict=row["verdict"],
        caller=masked_number(row["mobile"]),
        origin=row["origin"],
        run_id=row["run_id"],
    )
