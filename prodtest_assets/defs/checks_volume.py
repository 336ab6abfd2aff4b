"""The check on the snapshot: as many test rows as usual."""

import dagster as dg

from prodtest_assets.defs.history import FEWEST_SNAPSHOTS, expected_volume
from prodtest_assets.defs.metadata import not_measured, repair
from prodtest_assets.defs.resources import BookingDatabase
from prodtest_assets.defs.snapshot import TEST_DATA_SNAPSHOT
from prodtest_assets.testdata.stored import stored_snapshots


@dg.asset_check(asset=TEST_DATA_SNAPSHOT)
def test_data_volume_is_normal(booking_database: BookingDatabase) -> dg.AssetCheckResult:
    """The latest snapshot holds no more test rows than earlier ones let expect."""
    with booking_database.reading() as database:
        totals = [snapshot.total for snapshot in stored_snapshots(database)]
    expected = expected_volume(totals[:-1])
    if not totals or expected is None:
        return not_measured(f"{max(len(totals) - 1, 0)} earlier snapshots, {FEWEST_SNAPSHOTS} are needed")
    passed = totals[-1] <= expected.at_most
    return dg.AssetCheckResult(
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{totals[-1]} test rows, at most {expected.at_most:.0f} expected",
        metadata={
            "test_rows": totals[-1],
            "expected_at_most": expected.at_most,
            "median": expected.typical,
            "spread": expected.spread,
            "earlier_snapshots": expected.snapshots,
        }
        | ({} if passed else repair("prodtest count", "more-test-rows-than-usual")),
    )
