"""Children that two planned rows share, where one of these may not go any more when the plan is executed."""

from datetime import timedelta

import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import Policy, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from tests.booking_world import START, BookingWorld
from tests.undoing import OLD

OTHERS = {
    "lifted mark": "UPDATE appointments SET is_test_data = false WHERE id = %s",
    "hold": (
        "INSERT INTO prodtest.hold (table_oid, row_id, until, reason, actor)"
        " VALUES ('appointments'::regclass, %s, now() + interval '1 day', 'evidence', 'qa')"
    ),
    "customer's booking": (
        "INSERT INTO appointments (user_id, starts_at) SELECT user_id, now() FROM appointments WHERE id = %s"
    ),
}
# What leads from one appointment to the other: the key of its second column.
TABLES = {
    "an answer": ("bigint REFERENCES messages ON DELETE CASCADE", "SELECT 2, %s, 1"),
    "a move": ("bigint REFERENCES appointments ON DELETE CASCADE", "SELECT 2, %s, {other}"),
    "a copy": (
        "bigint REFERENCES users ON DELETE CASCADE",
        "SELECT 2, %s, user_id FROM appointments WHERE id = {other}",
    ),
}


def two_with_a_message(world: BookingWorld, table: str) -> tuple[int, int]:
    """Two test appointments of two users; a message of the second one leads to the first."""
    first, second = world.book(age=OLD), world.book(age=OLD, start=START + timedelta(hours=1))
    key, row = TABLES[table]
    world.sql(
        "CREATE TABLE messages (id bigint PRIMARY KEY, of bigint REFERENCES appointments ON DELETE CASCADE,"
        f" leads_to {key})"
    )
    world.sql("INSERT INTO messages VALUES (1, %s)", first)
    world.sql(f"INSERT INTO messages {row.format(other=first)}", second)
    return first, second


@pytest.mark.parametrize("batch_size", [1, 100])
@pytest.mark.parametrize("changed", [0, 1])
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("table", TABLES)
def test_a_message_between_two_planned_rows_stays_when_one_of_them_does(world, table, other, changed, batch_size):
    rows = two_with_a_message(world, table)
    plan = plan_cleanup(world.database, Policy(batch_size=batch_size), permit=world.permit)
    assert plan.blocked == ()
    world.sql(OTHERS[other], rows[changed])
    execute_plan(world.database, world.permit, plan.id, Policy(batch_size=batch_size))
    assert world.has_appointment(rows[changed])
    assert world.sql("SELECT 1 FROM messages WHERE id = 2")


@pytest.mark.parametrize("batch_size", [1, 100])
@pytest.mark.parametrize("table", TABLES)
def test_a_message_between_two_planned_rows_goes_with_them(world, table, batch_size):
    two_with_a_message(world, table)
    report = cleanup_now(world.database, world.permit, Policy(batch_size=batch_size))
    assert report.stop_reason is StopReason.DRAINED
    assert report.deleted == {"appointments": 2, "users": 2, "messages": 2}
