"""What was removed can come back, and never over something else."""

from prodtest_assets.selftest.registry import promise
from prodtest_assets.selftest.world import World, expect
from prodtest_assets.testdata.cleanup.models import CleanupReport
from prodtest_assets.testdata.cleanup.undo import undo_cleanup


@promise("Undo brings rows back as they were, with their ids, and the next cleanup lets them be.")
def undo_restores(world: World) -> None:
    """Row, owner and child, byte for byte."""
    world.app("add_children_cascade")
    row = world.book()
    world.app("add_reminder", row=row)
    before = world.app("content", row=row), world.app("reminders")
    report = world.clean()
    expect(world.is_archived(row), "it did not go in the first place")
    _undo(world, report)
    expect((world.app("content", row=row), world.app("reminders")) == before, "it did not come back as it was")
    world.clean()
    expect(world.is_there(row), "the next cleanup took what had just been restored")


@promise("Undo never overwrites: a number that somebody holds by now stays theirs.")
def undo_never_overwrites(world: World) -> None:
    """A customer has taken the test caller's number since."""
    row = world.book()
    number = world.app("content", row=row)[0]["owner"]["mobile"]
    report = world.clean()
    newcomer = world.user(mobile=number, name="Somebody New")
    theirs = world.book(newcomer, marked=False)
    before = world.app("content", row=theirs)
    _undo(world, report)
    expect(world.app("content", row=theirs) == before, "the newcomer's row was changed")
    expect(world.is_archived(row), "the row came back under somebody else")


def _undo(world: World, report: CleanupReport) -> None:
    if report.id is not None:
        undo_cleanup(world.database, world.permit, report.id)
