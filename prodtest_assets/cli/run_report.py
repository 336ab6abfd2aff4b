"""What a run of the suite came to: for people, as JSON, and as an exit code."""

from dataclasses import asdict

from prodtest_assets.cli import cleanup_view
from prodtest_assets.cli.output import counted, instant, mark, per_table, show
from prodtest_assets.cli.run_session import RunResult
from prodtest_assets.testdata.models import Snapshot


def exit_code(result: RunResult) -> int:
    """1 when a test failed, none passed, or the cleanup left something; else the cleanup's own."""
    if result.failed or not result.passed or _was_left(result):
        return 1
    return cleanup_view.exit_code(result.cleanup) if result.cleanup else 0


def print_baseline(before: Snapshot) -> None:
    """Print what stands there before the first call."""
    number = counted(before.total, "test appointment")
    show(f"before: {number} in {before.database}, {before.stale.total:,} of them stale")


def print_report(result: RunResult) -> None:
    """Print the report, in at most 80 columns but for addresses."""
    seconds = (result.finished_at - result.started_at).total_seconds()
    ended = "interrupted" if result.interruption else "ended"
    show(f"{mark(exit_code(result) == 0)} {result.passed} passed, {result.failed} failed, {result.skipped} skipped")
    show(f"  {result.target} on {result.database}")
    show(f"  started {instant(result.started_at)}, {ended} {instant(result.finished_at)}, {seconds:.0f} s")
    show(f"  test appointments: {result.before.total:,} before, {result.after.total:,} after")
    if result.cleanup is None:
        show("  TEST_DATA_AUTO_CLEANUP is off: what this run made stays until prodtest cleanup --no-dry-run")
    else:
        cleanup = result.cleanup
        show(f"  cleanup: {cleanup.stop_reason.value}, removed {per_table(cleanup.deleted)} that the tests had left")
    cleanup_view.show_events(result.events)
    show(f"  of this run left: {result.after.residue.from_this_run:,}{_what_to_do(result)}")


def _was_left(result: RunResult) -> bool:
    """Whether rows are left that the cleanup should have taken."""
    return result.cleanup is not None and result.after.residue.from_this_run > 0


def _what_to_do(result: RunResult) -> str:
    return "; see why they stay with prodtest cleanup" if _was_left(result) else ""


def document(result: RunResult) -> dict[str, object]:
    """The report in JSON types."""
    cleanup = result.cleanup
    return {
        "run": result.run_id,
        "target": result.target,
        "database": result.database,
        "started": result.started_at.isoformat(),
        "ended": result.finished_at.isoformat(),
        "interrupted": result.interruption is not None,
        "booking_flow": {"passed": result.passed, "failed": result.failed, "skipped": result.skipped},
        "tests": [asdict(case) for case in result.tests],
        "before": {"total_test_appointments": result.before.total, "test_users": result.before.test_users},
        "after": {"total_test_appointments": result.after.total, "test_users": result.after.test_users},
        "cleanup": {"deleted": dict(cleanup.deleted), "stop_reason": cleanup.stop_reason.value} if cleanup else None,
        "calendar_events": {"removed": result.events.removed, "pending": result.events.pending},
        "left_of_this_run": result.after.residue.from_this_run,
    }
