"""What is run together. Checks on the application's tables are named: `"*"` would drop them."""

import dagster as dg

from prodtest_assets.defs import checks_calendar, checks_tables
from prodtest_assets.defs.booking_tables import BOOKING_FLOW_RESULTS
from prodtest_assets.defs.cleanup import TEST_DATA_CLEANUP
from prodtest_assets.defs.cleanup_config import BOOKING_FLOW_AND_CLEANUP, CLEANUP_STALE_TEST_DATA
from prodtest_assets.defs.environment import target_tags
from prodtest_assets.defs.report import TEST_DATA_REPORT
from prodtest_assets.defs.snapshot import AGE_DISTRIBUTION, CREATION_TREND, STORAGE_METRICS, TEST_DATA_SNAPSHOT

# Whatever executes the rest of a code location: with some executors, a step may begin after its run has failed.
_EXECUTOR = dg.in_process_executor
_SNAPSHOT_AND_VIEWS = dg.AssetSelection.assets(TEST_DATA_SNAPSHOT, AGE_DISTRIBUTION, STORAGE_METRICS, CREATION_TREND)
_TABLE_CHECKS = dg.AssetSelection.checks(
    checks_tables.no_stale_test_rows,
    checks_tables.no_unmarked_test_rows,
    checks_tables.customer_rows_untouched,
    checks_tables.no_orphaned_test_users,
    checks_calendar.no_orphaned_calendar_events,
)

booking_flow_and_cleanup = dg.define_asset_job(
    BOOKING_FLOW_AND_CLEANUP,
    selection=dg.AssetSelection.assets(BOOKING_FLOW_RESULTS, TEST_DATA_CLEANUP, TEST_DATA_REPORT)
    | _SNAPSHOT_AND_VIEWS
    | _TABLE_CHECKS,
    description="Run the booking-flow tests, take a snapshot, clean up, report. Deletes, if the safety rules allow.",
    tags=target_tags(),
    executor_def=_EXECUTOR,
)
monitor_test_data = dg.define_asset_job(
    "monitor_test_data",
    selection=_SNAPSHOT_AND_VIEWS | _TABLE_CHECKS,
    description="Measure the test data and check it. Deletes nothing.",
    tags=target_tags(),
    executor_def=_EXECUTOR,
)
cleanup_stale_test_data = dg.define_asset_job(
    CLEANUP_STALE_TEST_DATA,
    selection=dg.AssetSelection.assets(TEST_DATA_CLEANUP) | _TABLE_CHECKS,
    description="Remove stale and orphaned test data, and check. Deletes, if the safety rules allow.",
    tags=target_tags(),
    executor_def=_EXECUTOR,
)
