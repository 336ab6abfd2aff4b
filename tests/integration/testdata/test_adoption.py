"""Rows that a call made and the application did not mark are marked once, when they go, and never against a will."""

from datetime import timedelta

import pytest

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, Scope, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.undo import undo_cleanup
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)


def clean(world: BookingWorld, **policy: object) -> CleanupReport:
    return cleanup_now(world.database, world.permit, Policy(**policy))  # type: ignore[arg-type]


def dead_call(world: BookingWorld, *, marked: bool) -> int:
    """The row of a call whose run is over since long ago."""
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name), marked=marked)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("abandoned")
    return row


def marks(world: BookingWorld) -> list[bool]:
    return [row["is_test_data"] for row in world.sql("SELECT is_test_data FROM appointments ORDER BY id")]


def test_a_mark_that_was_lifted_from_a_calls_row_is_not_put_back(world):
    row = dead_call(world, marked=True)
    world.sql("UPDATE appointments SET is_test_data = false")
    report = clean(world)
    assert (report.adopted, report.total) == (0, 0)
    assert world.has_appointment(row)
    assert marks(world) == [False]


def test_a_mark_of_ours_that_was_lifted_is_not_put_back(world):
    row = dead_call(world, marked=False)
    world.sql("CREATE TABLE notes (id int PRIMARY KEY, row bigint REFERENCES appointments)")
    world.sql("INSERT INTO notes VALUES (1, %s)", row)  # it is kept
    world.sql("UPDATE appointments SET is_test_data = true")
    world.sql("UPDATE prodtest.test_call SET adopted_at = now()")
    world.sql("UPDATE appointments SET is_test_data = false")
    world.sql("DELETE FROM notes")
    assert clean(world).total == 0
    assert marks(world) == [False]


def test_what_an_undo_brought_back_without_its_mark_may_be_adopted_again(world):
    dead_call(world, marked=False)
    first = clean(world)
    assert first.adopted == 1
    undo_cleanup(world.database, world.permit, first.id)
    assert marks(world) == [False]
    assert clean(world).total == 0  # it is held
    world.sql("UPDATE prodtest.hold SET until = now()")
    assert clean(world).adopted == 1


def test_a_refused_plan_marks_nothing(world):
    dead_call(world, marked=False)
    assert clean(world, max_delete=1).stop_reason is StopReason.REFUSED
    assert marks(world) == [False]


def test_a_drifted_plan_marks_nothing(world):
    dead_call(world, marked=False)
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    world.book(age=OLD)
    with pytest.raises(RefusedForSafety, match="came within reach"):
        execute_plan(world.database, world.permit, plan.id, Policy())
    assert marks(world) == [False, True]


def test_a_cleanup_of_named_rows_marks_no_other(world):
    dead_call(world, marked=False)
    row = world.book(age=OLD)
    report = cleanup_now(world.database, world.permit, Policy(), scope=Scope.NAMED, named=(row,))
    assert (report.adopted, report.deleted) == (0, {"appointments": 1})
    assert marks(world) == [False]


def test_a_row_that_is_kept_for_its_children_is_not_marked(world):
    row = dead_call(world, marked=False)
    world.sql("CREATE TABLE notes (id int PRIMARY KEY, row bigint REFERENCES appointments)")
    world.sql("INSERT INTO notes VALUES (1, %s)", row)
    assert clean(world).total == 0
    assert marks(world) == [False]


@pytest.mark.parametrize("event", ["UPDATE", "UPDATE OF is_test_data"])
def test_a_trigger_that_marking_would_fire_is_refused_until_a_person_allows_it(world, event):
    world.sql(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN UPDATE users SET full_name = ''meddled'' WHERE id <> NEW.user_id; RETURN NEW; END'"
    )
    world.sql(f"CREATE TRIGGER meddles BEFORE {event} ON appointments FOR EACH ROW EXECUTE FUNCTION meddle()")
    world.customer()
    world.book(age=OLD)
    assert clean(world).deleted == {"appointments": 1, "users": 1}  # nothing to mark: it is not in the way
    dead_call(world, marked=False)
    with pytest.raises(RefusedForSafety, match="--allow-trigger meddles"):
        clean(world)
    assert world.sql("SELECT 1 FROM users WHERE full_name = 'meddled'") == []
    world.sql("CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    assert clean(world, allow_triggers=("meddles",)).adopted == 1


def test_a_trigger_on_another_column_is_not_in_the_way_of_marking(world):
    world.sql("CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    world.sql("CREATE TRIGGER meddles BEFORE UPDATE OF notes ON appointments FOR EACH ROW EXECUTE FUNCTION meddle()")
    dead_call(world, marked=False)
    assert clean(world).adopted == 1
