"""When the jobs run by themselves: only where `PRODTEST_AUTOSTART` says so, or where a person starts them in the UI."""

import dagster as dg

from prodtest_assets.defs.environment import starts_by_itself
from prodtest_assets.defs.jobs import booking_flow_and_cleanup, monitor_test_data

_STATUS = dg.DefaultScheduleStatus.RUNNING if starts_by_itself() else dg.DefaultScheduleStatus.STOPPED

daily_booking_flow = dg.ScheduleDefinition(
    name="daily_booking_flow",
    job=booking_flow_and_cleanup,
    cron_schedule="0 8 * * *",
    execution_timezone="UTC",
    default_status=_STATUS,
    description="The booking flow every morning at 08:00 UTC.",
)
monitor_every_15_minutes = dg.ScheduleDefinition(
    name="monitor_every_15_minutes",
    job=monitor_test_data,
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=_STATUS,
    description="A snapshot and the checks every quarter of an hour.",
)
