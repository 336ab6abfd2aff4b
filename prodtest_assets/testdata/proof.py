"""That no customer's row was touched: by sample after every cleanup, by every row in demo and self-test."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from prodtest_assets.testdata.cleanup.models import CustomerProof
from prodtest_assets.testdata.connection import Database

_SAMPLE_PER_TABLE = 500
_ROWS_NAMED = 20
_XID_MODULUS = 2**32  # xmin shows the low 32 bits of a transaction id

Fingerprints = Mapping[tuple[str, int], str]
Row = Mapping[str, Any]


def sample_customers(database: Database) -> list[Mapping[str, Any]]:
    """Up to 1,000 customers' rows, found by random keys, each with table_name, id, fingerprint and xmin."""
    return list(database.rows("customer_sample", size=_SAMPLE_PER_TABLE))


def prove_untouched(database: Database, before: Sequence[Mapping[str, Any]], cleanup_id: UUID) -> CustomerProof:
    """Compare a sample with the rows as they are now, and the removals with the archive.

    A row that differs is not ours when its `xmin` is none of the cleanup's transactions. A row that is gone is
    not ours when the cleanup has not archived it, or has found it changed, as when somebody had marked it meanwhile.
    """
    cleanup = database.row("cleanup_run", cleanup_id=cleanup_id)
    ours = {int(transaction) % _XID_MODULUS for transaction in cleanup["transactions"]}
    archived = {row["table_name"]: row["count"] for row in database.rows("archived_counts", cleanup_id=cleanup_id)}
    now = _again(database, before)
    changed = [row for row in before if now.get(_key(row), {}).get("fingerprint") != row["fingerprint"]]
    taken = {_key(row): row for row in database.rows("archived_among", cleanup_id=cleanup_id, **_ids(changed))}
    by_us = [_key(row) for row in changed if _is_ours(row, now.get(_key(row)), taken.get(_key(row)), ours)]
    return CustomerProof(
        sampled=len(before),
        unchanged=len(before) - len(changed),
        changed_by_others=len(changed) - len(by_us),
        changed_by_us=len(by_us),
        unarchived=sum(abs(count - archived.get(table, 0)) for table, count in cleanup["deleted"].items()),
        changed_rows=tuple(f"{table}:{key}" for table, key in by_us[:_ROWS_NAMED]),
        is_measured=bool(before) or not database.row("has_customers")["has_customers"],
    )


def _is_ours(before: Row, now: Row | None, taken: Row | None, transactions: set[int]) -> bool:
    if now:
        return int(now["xmin"]) in transactions
    return taken is not None and (taken["adopted"] or taken["fingerprint"] == before["fingerprint"])


def customer_fingerprints(database: Database) -> Fingerprints:
    """Every customer's row by table and id. Reads the whole tables."""
    rows = database.rows("customer_fingerprints", run_id=None)
    return {(row["table_name"], row["id"]): row["fingerprint"] for row in rows}


def rows_changed(database: Database, before: Fingerprints) -> int:
    """How many of the rows in `before` are gone or differ now."""
    ids = [{"table_name": table, "id": key} for table, key in before]
    now = _again(database, ids)
    return sum(1 for key, fingerprint in before.items() if now.get(key, {}).get("fingerprint") != fingerprint)


def _again(database: Database, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], Mapping[str, Any]]:
    return {_key(row): row for row in database.rows("rows_again", **_ids(rows))}


def _ids(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    return {table: [row["id"] for row in rows if row["table_name"] == table] for table in ("appointments", "users")}


def _key(row: Mapping[str, Any]) -> tuple[str, int]:
    return row["table_name"], row["id"]
