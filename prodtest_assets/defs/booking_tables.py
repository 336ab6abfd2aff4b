"""What the booking application owns: seen in the lineage and checked, never made by a run of ours."""

import dagster as dg

_GROUP = "booking_app"

USERS = dg.AssetSpec(
    ["booking", "users"],
    group_name=_GROUP,
    kinds={"postgres", "table"},
    description="The application's users: customers, and the callers of tests.",
)
APPOINTMENTS = dg.AssetSpec(
    ["booking", "appointments"],
    group_name=_GROUP,
    kinds={"postgres", "table"},
    deps=[USERS],
    description="The application's appointments. `is_test_data` marks what a test call booked.",
)
CALENDAR_EVENTS = dg.AssetSpec(
    ["booking", "calendar_events"],
    group_name=_GROUP,
    kinds={"googlecalendar"},
    deps=[APPOINTMENTS],
    description="The events that the application writes for its appointments.",
)
