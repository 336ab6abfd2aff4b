"""What the booking application owns: seen in the lineage and checked, never made by a run of ours."""

import dagster as dg

from prodtest_assets.defs.environment import asset_key
from prodtest_assets.defs.lineage import APPLICATION_TEAM, Writes, column, runbook, table

_GROUP = "booking_app"
_NOTE = "\n\nThe application owns it. Each snapshot observes it; no run of ours changes a customer's row."

# The calls of tests end in the application's tables, through the application.
BOOKING_FLOW_RESULTS = asset_key("booking_flow_results")
USERS_KEY = asset_key("booking", "users")
APPOINTMENTS_KEY = asset_key("booking", "appointments")
CALENDAR_EVENTS_KEY = asset_key("booking", "calendar_events")

USERS = dg.AssetSpec(
    USERS_KEY,
    group_name=_GROUP,
    kinds={"postgres", "table"},
    owners=APPLICATION_TEAM,
    tags=Writes.NOTHING.tags,
    deps=[BOOKING_FLOW_RESULTS],
    description="The application's users: **customers**, and the callers of tests. A *test user* stands in the ledger "
    "of calls, or has a reserved number and test appointments only." + _NOTE,
    metadata={
        "runbook": runbook("orphaned-users"),
        **table(
            "public.users",
            [
                column("id", "bigint", "Before each test call the highest one is noted.", "not null", "unique"),
                column("full_name", "varchar(120)", "As the caller said it. Masked in all that leaves the database."),
                column(
                    "mobile",
                    "varchar(20)",
                    "Test callers have reserved numbers (555-01xx). Masked.",
                    "not null",
                    "unique",
                ),
                column("created_at", "timestamptz", "By the application's clock, which is never evidence."),
            ],
        ),
    },
)
APPOINTMENTS = dg.AssetSpec(
    APPOINTMENTS_KEY,
    group_name=_GROUP,
    kinds={"postgres", "table"},
    owners=APPLICATION_TEAM,
    tags=Writes.NOTHING.tags,
    deps=[USERS, BOOKING_FLOW_RESULTS],
    description="The application's appointments. `is_test_data` marks what a test call booked; rows so marked, and "
    "older than the retention, are *stale*." + _NOTE,
    metadata={
        "runbook": runbook("stale-rows"),
        **table(
            "public.appointments",
            [
                column("id", "bigint", "Before each test call the highest one is noted.", "not null", "unique"),
                column("user_id", "bigint", "Whose it is.", "not null", "references users, ON DELETE CASCADE"),
                column("starts_at", "timestamptz", "Compared with what the caller said.", "unique for one user"),
                column("duration_min", "int", "Compared with what the caller said."),
                column("status", "varchar(32)", "`booked`, `cancelled` or the application's own."),
                column("notes", "text", "Free text of the application."),
                column("cancelled_at", "timestamptz", "Set when it was cancelled."),
                column("modified_at", "timestamptz", "By the application's clock."),
                column("modification_count", "int", "How often it was changed."),
                column("google_event_id", "varchar(255)", "The event in the calendar, if it was synchronised."),
                column("is_test_data", "boolean", "**The mark.** Only rows that carry it can go.", "not null"),
                column("created_at", "timestamptz", "Its age, unless the ledger knows better.", "not null"),
            ],
            {"user_id": [(USERS_KEY, "id")]},
        ),
    },
)
CALENDAR_EVENTS = dg.AssetSpec(
    CALENDAR_EVENTS_KEY,
    group_name=_GROUP,
    kinds={"google", "calendar"},
    owners=APPLICATION_TEAM,
    tags=Writes.NOTHING.tags,
    deps=[APPOINTMENTS],
    description="The events that the application writes for its appointments. Those of removed test rows are deleted "
    "after the rows, from the archive's list; no other event is touched.",
    metadata={"runbook": runbook("orphaned-calendar-events")},
)
