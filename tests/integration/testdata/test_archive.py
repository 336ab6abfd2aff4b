"""Archives expire: not before their time, not half-way, and not while a calendar event still needs them."""

from datetime import timedelta
from uuid import UUID

from prodtest_assets.testdata.cleanup.archive import undoable_cleanups
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from tests.booking_world import BookingWorld
from tests.undoing import OLD, clean, end_of_holds, reasons, undo, user_of

WEEK = timedelta(days=7)


def grow_old(world: BookingWorld, cleanup: UUID, by: timedelta = timedelta(days=7, seconds=1)) -> None:
    """Let it look as if a cleanup had been made some time ago."""
    world.sql(
        "UPDATE prodtest.cleanup_run SET started_at = started_at - %s, finished_at = finished_at - %s WHERE id = %s",
        by,
        by,
        cleanup,
    )
    world.sql("UPDATE prodtest.plan SET created_at = created_at - %s", by)


def listed(world: BookingWorld) -> list[UUID]:
    return [entry["id"] for entry in undoable_cleanups(world.database, keep_for=WEEK)]


def test_the_next_cleanup_removes_an_archive_whose_time_is_over_with_its_plan(world):
    world.book(age=OLD)
    old = clean(world)
    grow_old(world, old)
    world.book(age=OLD)
    young = clean(world)
    assert listed(world) == [young]
    assert len(world.archived()) == 2
    assert world.sql("SELECT count(*) AS n FROM prodtest.plan") == [{"n": 1}]
    assert world.sql("SELECT count(DISTINCT plan_id) AS n FROM prodtest.plan_batch") == [{"n": 1}]
    record = world.sql("SELECT deleted FROM prodtest.cleanup_run WHERE id = %s", old)
    assert record == [{"deleted": {"appointments": 1, "users": 1}}], "the record of the cleanup stays"


def test_an_archive_stays_until_its_last_second(world):
    world.book(age=OLD)
    cleanup = clean(world)
    grow_old(world, cleanup, timedelta(days=6, hours=23, minutes=59))
    clean(world)
    assert listed(world) == [cleanup]
    assert undo(world, cleanup).total == 2


def test_the_time_that_archives_are_kept_is_the_policys(world):
    world.book(age=OLD)
    cleanup = clean(world)
    grow_old(world, cleanup, timedelta(days=2))
    clean(world, policy=Policy(keep_archive=timedelta(days=3)))
    assert listed(world) == [cleanup]
    clean(world, policy=Policy(keep_archive=timedelta(days=1)))
    assert listed(world) == []


def test_plans_that_were_never_executed_go_as_well(world):
    world.book(age=OLD)
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    world.sql("UPDATE prodtest.plan SET created_at = created_at - interval '8 days'")
    clean(world)
    assert world.sql("SELECT 1 FROM prodtest.plan WHERE id = %s", plan.id) == []


def test_a_row_whose_calendar_event_is_pending_outlives_its_archive_until_the_event_is_gone(world):
    row, other = world.book(age=OLD, event="evt-1"), world.book(age=OLD)
    cleanup = clean(world)
    grow_old(world, cleanup)
    clean(world)
    assert world.archived() == {("appointments", row)}
    assert undoable_cleanups(world.database, keep_for=WEEK)[0]["pending_events"] == 1
    world.database.call("event_removed", cleanup, row)
    clean(world)
    assert world.archived() == set()
    assert not world.has_appointment(other)


def test_what_is_left_of_a_half_expired_archive_names_the_missing_parent(world):
    row = world.book(age=OLD, event="evt-1")
    user = user_of(world, row)
    cleanup = clean(world)
    grow_old(world, cleanup)
    clean(world)
    assert reasons(undo(world, cleanup)) == {f"appointments:{row}": f"its user {user} is gone"}


def test_an_expired_cleanup_has_nothing_to_restore(world):
    world.book(age=OLD)
    cleanup = clean(world)
    grow_old(world, cleanup)
    clean(world)
    report = undo(world, cleanup)
    assert (report.total, report.skipped, report.undone_before) == (0, (), None)


def test_the_list_of_restored_rows_goes_when_their_hold_is_long_over_and_the_record_stays(world):
    world.book(age=OLD)
    undo(world, clean(world))
    end_of_holds(world)
    clean(world)
    assert world.sql("SELECT count(*) AS n FROM prodtest.restored_row") == [{"n": 2}]
    world.sql("UPDATE prodtest.hold SET until = now() - interval '8 days'")
    clean(world)
    assert world.sql("SELECT count(*) AS n FROM prodtest.restored_row") == [{"n": 0}]
    assert world.sql("SELECT count(*) AS n FROM prodtest.undo_run") == [{"n": 1}]


def test_cleanups_are_listed_newest_first_with_what_is_left_of_them(world):
    world.book(age=OLD)
    first = clean(world)
    world.book(age=OLD)
    second = clean(world)
    undo(world, first, ["users"])
    newest, oldest = undoable_cleanups(world.database, keep_for=WEEK)
    assert (newest["id"], oldest["id"]) == (second, first)
    assert oldest["deleted"] == {"appointments": 1, "users": 1}
    assert oldest["archived"] == {"appointments": 1}
    assert oldest["expires_at"] - oldest["finished_at"] == WEEK
    assert len(undoable_cleanups(world.database, keep_for=WEEK, limit=1)) == 1
