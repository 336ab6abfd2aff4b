"""The sensor's cheap question answers as a whole plan would, and judges no row where none is old enough."""

from datetime import timedelta
from uuid import uuid4

import pytest

from prodtest_assets.testdata.cleanup.due import cleanup_due
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from tests.booking_world import START, BookingWorld, fiction_number
from tests.undoing import OLD, clean

DAY = timedelta(hours=24)


def stale_row(world: BookingWorld) -> None:
    world.book(age=OLD)


def suspect(world: BookingWorld) -> None:
    world.book(world.customer(), age=OLD, start=START + timedelta(days=30))


def young_row(world: BookingWorld) -> None:
    world.book()


def orphan_of_an_archived_row(world: BookingWorld) -> None:
    number = fiction_number()
    world.book(world.user(mobile=number, age=OLD), age=OLD)
    clean(world)
    user = world.sql("SELECT content FROM prodtest.archived_row WHERE table_oid = 'users'::regclass")[0]["content"]
    world.sql(
        "INSERT INTO users (id, full_name, mobile, created_at) OVERRIDING SYSTEM VALUE VALUES (%s, 'Back', %s, %s)",
        user["id"],
        number,
        user["created_at"],
    )


def bare_user_with_a_reserved_number(world: BookingWorld) -> None:
    world.user(age=OLD)


def row_of_a_dead_run(world: BookingWorld, *, keep_appointment: bool = True) -> None:
    run_id = uuid4()
    with world.run(run_id) as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        if not keep_appointment:
            world.sql("DELETE FROM appointments WHERE id = %s", row)
        world.sql("UPDATE prodtest.test_run SET outcome = 'abandoned', finished_at = now() WHERE id = %s", run_id)


def orphan_of_a_dead_run(world: BookingWorld) -> None:
    row_of_a_dead_run(world, keep_appointment=False)


@pytest.mark.parametrize(
    ("leave", "rows"),
    [
        (stale_row, 2),
        (suspect, 0),
        (young_row, 0),
        (orphan_of_an_archived_row, 1),
        (bare_user_with_a_reserved_number, 0),
        (row_of_a_dead_run, 2),
        (orphan_of_a_dead_run, 1),
    ],
)
def test_it_counts_what_a_plan_would_take(world, leave, rows):
    leave(world)
    planned = plan_cleanup(world.database, Policy()).total
    assert (cleanup_due(world.database, DAY).rows, planned) == (rows, rows)


def test_no_row_is_judged_where_none_is_old_enough(world):
    for _ in range(20):
        world.book()
    world.sql("ANALYZE")
    assert judged_rows(world) == 0
    world.book(age=OLD)
    assert judged_rows(world) > 0


def judged_rows(world: BookingWorld) -> int:
    """How many rows were read from what the question computes, by PostgreSQL's own count."""
    from prodtest_assets.testdata.statements import query

    found = world.database.connection.execute(
        b"EXPLAIN (ANALYZE, FORMAT JSON) " + query("cleanup_due").encode(),
        {
            "reserved": world.database.reserved.pattern, "cutoff": None, "retention": DAY, "run_id": None, "named": [],
            "named_users": [], "blocked": [], "blocked_users": [], "scopes": ["stale", "call"], "fruitless": ["held"],
        },
    ).fetchone()  # fmt: skip
    assert found is not None
    return sum(
        node["Actual Rows"] * node["Actual Loops"]
        for node in nodes(found["QUERY PLAN"][0]["Plan"])
        if node.get("CTE Name") in ("known", "judged", "judged_user")
    )


def nodes(plan: dict) -> list[dict]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]
