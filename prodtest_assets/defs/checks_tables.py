"""Checks on the application's tables. They never block, and in the main job they see the state after cleanup."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import dagster as dg

from prodtest_assets.defs.booking_tables import APPOINTMENTS, USERS
from prodtest_assets.defs.cleanup import TEST_DATA_CLEANUP
from prodtest_assets.defs.metadata import NOT_MEASURED, markdown_table, none_left, not_measured, repair, shown
from prodtest_assets.defs.resources import BookingDatabase, retention
from prodtest_assets.testdata.cleanup.due import broken_promises
from prodtest_assets.testdata.offenders import appointments_with, orphaned_users, unmarked_rows

_FIX = "prodtest cleanup --no-dry-run"


@dg.asset_check(asset=APPOINTMENTS.key, additional_deps=[TEST_DATA_CLEANUP])
def no_stale_test_rows(booking_database: BookingDatabase) -> dg.AssetCheckResult:
    """No test row is older than the retention. Rows in doubt only warn; rows on hold are exempt."""
    kept = retention(booking_database.settings())
    with booking_database.reading() as database:
        eligible = appointments_with(database, ["stale"], kept)
        suspects = appointments_with(database, ["suspect"], kept)
    if eligible.total or not suspects.total:
        return none_left(eligible, what="stale test rows", fix=_FIX, section="stale-rows")
    return none_left(
        suspects,
        what="stale test rows whose owner may be a customer",
        fix=f"{_FIX} --id ID",
        section="stale-rows",
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(asset=APPOINTMENTS.key, additional_deps=[TEST_DATA_CLEANUP])
def no_unmarked_test_rows(
    context: dg.AssetCheckExecutionContext, booking_database: BookingDatabase
) -> dg.AssetCheckResult:
    """Every row that a test call made was marked by the application, by the ledger; also if it is gone by now.

    A run that placed no call says the same as the last one that did.
    """
    with booking_database.reading() as database:
        unmarked = unmarked_rows(database, UUID(context.run.run_id))
    return none_left(
        unmarked,
        what="rows of test calls that the application did not mark",
        # Cleanup takes what is there. What is gone already was the application's fault, and a new call shows whether
        # it still is.
        fix=_FIX if any(row["is_still_there"] for row in unmarked.sample) else "prodtest run",
        section="unmarked-rows",
    )


@dg.asset_check(asset=APPOINTMENTS.key, additional_deps=[TEST_DATA_CLEANUP])
def customer_rows_untouched(booking_database: BookingDatabase) -> dg.AssetCheckResult:
    """No cleanup changed one of the customers' rows it sampled, or removed a row without archiving it.

    The last one is shown, or the last that broke this promise: no later cleanup makes that good.
    """
    with booking_database.reading() as database:
        broken = broken_promises(database)
        found = broken or (database.rows("latest_cleanup") if database.has_schema else [])
    if not found:
        return not_measured("no cleanup has run yet")
    cleanup, proof = found[0], found[0]["proof"]
    metadata = {"cleanup_id": str(cleanup["id"]), "ended": shown(cleanup["finished_at"])}
    advice = repair(f"prodtest undo {cleanup['id']} --dry-run", "a-customers-row-was-changed")
    if proof is None:
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"the last cleanup ended {cleanup['stop_reason']} before it could compare",
            metadata=metadata | advice | NOT_MEASURED,
        )
    if not broken and not proof.get("is_measured", True):
        return not_measured("the sample of the last cleanup met no customer's row")
    changed, unarchived = proof["changed_by_us"], proof["unarchived"]
    others = f"; {len(broken) - 1} earlier ones too" if len(broken) > 1 else ""
    return dg.AssetCheckResult(
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{changed} of {proof['sampled']} sampled rows changed by us, {unarchived} not archived{others}",
        metadata=metadata | _shown(proof) | {"count": changed + unarchived} | (advice if broken else {}),
    )


def _shown(proof: Mapping[str, Any]) -> dict[str, Any]:
    """The proof's figures, and the rows that we changed, as far as it names them, where a person and an alert look."""
    figures = {name: value for name, value in proof.items() if name != "changed_rows"}
    rows = [dict(zip(("table", "id"), row.rsplit(":", 1), strict=True)) for row in proof.get("changed_rows", ())]
    sample = {"sample": markdown_table(rows), "truncated": len(rows) < proof["changed_by_us"]} if rows else {}
    return figures | sample


@dg.asset_check(asset=USERS.key, additional_deps=[TEST_DATA_CLEANUP])
def no_orphaned_test_users(
    context: dg.AssetCheckExecutionContext, booking_database: BookingDatabase
) -> dg.AssetCheckResult:
    """No test user is left without an appointment."""
    kept = retention(booking_database.settings())
    with booking_database.reading() as database:
        orphans = orphaned_users(database, kept, UUID(context.run.run_id))
    return none_left(orphans, what="orphaned test users", fix=_FIX, section="orphaned-users")
