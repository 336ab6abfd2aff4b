"""Rows of other tables that refer to a test row."""

from prodtest_assets.selftest.registry import promise
from prodtest_assets.selftest.world import World, expect
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup


@promise("A child that goes by cascade is archived like its parent.")
def cascaded_child_is_archived(world: World) -> None:
    """A reminder of a test appointment goes; one of a customer's stays."""
    world.app("add_children_cascade")
    row = world.book()
    goes = world.app("add_reminder", row=row)[0]["id"]
    stays = world.app("add_reminder", row=world.app("customer")[0]["appointment_id"])[0]["id"]
    report = world.clean()
    expect(report.deleted.get("reminders") == 1, f"it reports {dict(report.deleted)}")
    expect([child["id"] for child in world.app("reminders")] == [stays], "the wrong reminders are left")
    expect([child["id"] for child in world.app("archived_reminders")] == [goes], "it is not in the archive")


@promise("A child that would lose its parent keeps it.")
def set_null_child_keeps_its_parent(world: World) -> None:
    """ON DELETE SET NULL would change a row that nobody has planned to change."""
    world.app("add_children_set_null")
    row, free = world.book(), world.book()
    world.app("add_reminder", row=row)
    world.clean()
    expect(world.is_there(row), "the parent went")
    expect(world.app("reminders")[0]["of"] == row, "the child was changed")
    expect(world.is_archived(free), "a row without children stayed as well")


@promise("A plan says what becomes of other tables' rows.")
def plan_names_the_effects(world: World) -> None:
    """Before anything goes."""
    world.app("add_children_cascade")
    world.app("add_reminder", row=world.book())
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    expect(sum(rows or 0 for rows in plan.effects.values()) == 1, f"it says {dict(plan.effects)}")
