"""The tables of schema `prodtest` that our assets are kept in, with what each column comes from."""

from typing import Any

from prodtest_assets.defs.booking_tables import APPOINTMENTS, APPOINTMENTS_KEY, USERS, USERS_KEY
from prodtest_assets.defs.lineage import column, table

_EVERY_COLUMN = [
    (spec.key, found.name) for spec in (APPOINTMENTS, USERS) for found in spec.metadata["dagster/column_schema"].columns
]


def ledger() -> dict[str, Any]:
    """Each test call, written before it is placed."""
    return table(
        "prodtest.test_call",
        [
            column("call_sid", "text", "The call, as the application knows it.", "unique", "not null"),
            column("run_id", "uuid", "The run; in Dagster it is the run's own id.", "not null"),
            column("persona", "text", "Who calls: what is asked for, and how it is said.", "not null"),
            column("caller_number", "text", "Drawn from the reserved ranges. Masked.", "not null"),
            column("caller_name", "text", "Letters only, unique to the call. Masked.", "not null"),
            column("requested_start", "timestamptz", "What the caller asks for."),
            column("user_id_mark", "bigint", "The highest id of a user before the call.", "not null"),
            column("appointment_id_mark", "bigint", "The highest id of an appointment before the call.", "not null"),
            column("outcome", "text", "*booked* means that its row was found, whatever the application said."),
            column("appointment_id", "bigint", "The row that the call provably made."),
            column("marked_by_app", "boolean", "Whether the application marked that row itself."),
            column("transcript", "jsonb", "What was said."),
        ],
    )


def snapshots() -> dict[str, Any]:
    """Every figure that was taken, one row for each snapshot."""
    return table(
        "prodtest.snapshot",
        [
            column("taken_at", "timestamptz", "By the database's clock.", "not null"),
            column("figures.total", "int", "Test rows."),
            column("figures.cancelled", "int", "Cancelled ones among them."),
            column("figures.ages", "jsonb", "Test rows in seven buckets of age."),
            column("figures.trend", "jsonb", "Test rows created in each of the last 24 hours."),
            column("figures.stale", "jsonb", "Older than the retention: eligible, held, suspect."),
            column("figures.residue", "jsonb", "What should not be there: stale, orphaned, unmarked, of this run."),
            column("figures.test_users", "int", "Users that belong to tests."),
            column("figures.storage", "jsonb", "Bytes of test rows, of tables, indexes and the archive."),
            column("figures.pending_events", "int", "Calendar events of removed rows that nobody has seen gone."),
        ],
        {
            "figures.total": [(APPOINTMENTS_KEY, "is_test_data")],
            "figures.cancelled": [(APPOINTMENTS_KEY, name) for name in ("is_test_data", "status", "cancelled_at")],
            "figures.ages": [(APPOINTMENTS_KEY, name) for name in ("is_test_data", "created_at")],
            "figures.trend": [(APPOINTMENTS_KEY, name) for name in ("is_test_data", "created_at")],
            "figures.stale": [
                *((APPOINTMENTS_KEY, name) for name in ("is_test_data", "created_at", "user_id")),
                (USERS_KEY, "mobile"),
            ],
            "figures.residue": [
                *((APPOINTMENTS_KEY, name) for name in ("id", "is_test_data", "created_at", "user_id")),
                *((USERS_KEY, name) for name in ("id", "mobile", "created_at")),
            ],
            "figures.test_users": [(APPOINTMENTS_KEY, "user_id"), (USERS_KEY, "id"), (USERS_KEY, "mobile")],
            "figures.storage": [pair for pair in _EVERY_COLUMN if pair[0] == APPOINTMENTS_KEY],
        },
    )


def archive() -> dict[str, Any]:
    """Each removed row, whole, for as long as it can be restored."""
    return table(
        "prodtest.archived_row",
        [
            column("cleanup_id", "uuid", "`prodtest undo` takes it.", "not null"),
            column("table_oid", "regclass", "The table the row stood in.", "not null"),
            column("row_id", "bigint", "Its id; of a table without one, a negative number of its key.", "not null"),
            column("content", "jsonb", "The whole row.", "not null", "an appointment must carry the mark"),
            column("archived_at", "timestamptz", "In the transaction that removed it.", "not null"),
            column("adopted", "boolean", "Marked by us, since a call provably made it.", "not null"),
            column("event_removed_at", "timestamptz", "When its calendar event was seen gone."),
        ],
        {"row_id": [(APPOINTMENTS_KEY, "id"), (USERS_KEY, "id")], "content": _EVERY_COLUMN},
    )
