"""The table of contents: everything that Dagster sees, once."""

import dagster as dg

from prodtest_assets.defs import (
    alert_sensors,
    booking_tables,
    checks_calendar,
    checks_report,
    checks_tables,
    checks_volume,
    cleanup,
    environment,
    flow,
    jobs,
    report,
    schedules,
    sensors,
    snapshot,
)
from prodtest_assets.defs.lineage import with_sources
from prodtest_assets.defs.resources import BookingDatabase


def ours(executor: dg.ExecutorDefinition | None = None) -> dg.Definitions:
    """Everything of ours, for `Definitions.merge` in a code location that has more.

    Args:
        executor: of what is materialized outside of our jobs; that of the other definitions if left out. Our jobs run
            in the process of their run in any case.
    """
    return dg.Definitions(
        assets=with_sources(
            [
                booking_tables.USERS,
                booking_tables.APPOINTMENTS,
                booking_tables.CALENDAR_EVENTS,
                flow.booking_flow_asset(environment.declared_tests()),
                snapshot.snapshot_of_test_data,
                snapshot.age_distribution,
                snapshot.storage_metrics,
                snapshot.creation_trend,
                cleanup.cleanup_of_test_data,
                report.report_on_test_data,
            ],
            specs_in=booking_tables.__file__,
        ),
        asset_checks=[
            checks_tables.no_stale_test_rows,
            checks_tables.no_unmarked_test_rows,
            checks_tables.customer_rows_untouched,
            checks_tables.no_orphaned_test_users,
            checks_calendar.no_orphaned_calendar_events,
            checks_volume.test_data_volume_is_normal,
            checks_report.every_production_test_passed,
        ],
        jobs=[jobs.booking_flow_and_cleanup, jobs.monitor_test_data, jobs.cleanup_stale_test_data],
        schedules=[schedules.daily_booking_flow, schedules.monitor_every_15_minutes],
        sensors=[
            sensors.stale_test_data_sensor,
            alert_sensors.asset_check_alert_sensor,
            alert_sensors.run_failure_alert_sensor,
        ],
        resources={"booking_database": BookingDatabase()},
        executor=executor,
    )


# A process for each step would take seconds to start, and the steps are short.
defs = ours(dg.in_process_executor)
