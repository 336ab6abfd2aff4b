"""What the tests of undo share: clean, look, undo."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy
from prodtest_assets.testdata.cleanup.undo import UndoReport, foresee_undo, undo_cleanup
from tests.booking_world import BookingWorld

OLD = timedelta(hours=48)


def clean(world: BookingWorld, **question: object) -> UUID:
    """Clean, and return the cleanup's id."""
    policy = question.pop("policy", Policy())
    report: CleanupReport = cleanup_now(world.database, world.permit, policy, **question)  # type: ignore[arg-type]
    assert report.id is not None
    return report.id


def undo(world: BookingWorld, cleanup: UUID, only: Sequence[str] = (), **question: object) -> UndoReport:
    """Undo, after a dry run that must have foreseen it."""
    foreseen = foresee_undo(world.database, cleanup, only=only)
    report = undo_cleanup(world.database, world.permit, cleanup, only=only, **question)  # type: ignore[arg-type]
    assert foreseen.restored == report.restored
    assert foreseen.skipped == report.skipped
    return report


def reasons(report: UndoReport) -> dict[str, str]:
    return {f"{row.table}:{row.id}": row.reason for row in report.skipped}


def content(world: BookingWorld) -> list[dict[str, object]]:
    """Both tables, whole."""
    return world.sql("SELECT to_jsonb(u) AS row FROM users u ORDER BY id") + world.sql(
        "SELECT to_jsonb(a) AS row FROM appointments a ORDER BY id"
    )


def user_of(world: BookingWorld, appointment: int) -> int:
    return int(world.sql("SELECT user_id FROM appointments WHERE id = %s", appointment)[0]["user_id"])


def end_of_holds(world: BookingWorld) -> None:
    world.sql("UPDATE prodtest.hold SET until = now() - interval '1 second'")


def rows_present(world: BookingWorld) -> set[tuple[str, int]]:
    """Table and id of every test row and its user."""
    found = world.sql(
        "SELECT 'appointments' AS t, id FROM appointments WHERE is_test_data"
        " UNION ALL SELECT 'users', id FROM users WHERE full_name = 'Test Person'"
    )
    return {(row["t"], row["id"]) for row in found}
