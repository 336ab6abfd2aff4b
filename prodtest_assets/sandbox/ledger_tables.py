"""The tables of schema `prodtest` into which the sandbox writes the past."""

from sqlalchemy import column, table
from sqlalchemy.dialects.postgresql import JSONB

test_run = table(
    "test_run",
    *map(column, ("id", "target", "started_at", "heartbeat_at", "finished_at", "outcome", "passed")),
    schema="prodtest",
)

test_call = table(
    "test_call",
    *map(column, ("call_sid", "run_id", "persona", "caller_number", "caller_name", "requested_start")),
    *map(column, ("opened_at", "user_id_mark", "appointment_id_mark", "closed_at", "outcome")),
    column("transcript", JSONB),
    *map(column, ("user_id", "user_created_at", "appointment_id", "appointment_created_at", "proof", "marked_by_app")),
    schema="prodtest",
)

cleanup_run = table(
    "cleanup_run",
    *map(column, ("id", "started_at", "finished_at", "stop_reason")),
    column("deleted", JSONB),
    column("actor"),
    schema="prodtest",
)

archived_row = table(
    "archived_row",
    *map(column, ("cleanup_id", "table_oid", "row_id")),
    column("content", JSONB),
    column("archived_at"),
    schema="prodtest",
)
