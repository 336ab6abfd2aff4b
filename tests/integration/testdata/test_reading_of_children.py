"""How much of a table a cleanup reads for the children in it, counted by the server."""

import json
from typing import Any

import psycopg

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from tests.booking_world import RULES, BookingWorld
from tests.undoing import OLD


def test_a_table_is_never_sorted_out_by_the_place_of_each_row(world: BookingWorld):
    world.sql("CREATE TABLE messages (id uuid PRIMARY KEY, of bigint REFERENCES appointments ON DELETE CASCADE)")
    world.sql("CREATE INDEX ON messages (of)")
    world.sql(
        "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at)"
        " SELECT u, now() + n * interval '1 min', u = %s, now() - interval '2 days'"
        " FROM unnest(ARRAY[%s, %s]::bigint[]) u, generate_series(1, 2000) n",
        *(test := world.user(age=OLD), test, world.customer(bookings=0)),
    )
    world.sql("INSERT INTO messages SELECT gen_random_uuid(), a.id FROM appointments a, generate_series(1, 10)")
    with open_database(world.url) as database:
        plans = plans_of(database.connection)
        report = cleanup_now(database, authorize_writes(database, RULES), Policy(max_delete=100_000))
    assert report.deleted["messages"] == 20_000
    assert len(plans) > 100
    assert sum(map(rows_sorted_by_place, plans)) == 0


def plans_of(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """The plans of what a session is going to run, inside functions as well, with the rows that each step sees."""
    plans: list[dict[str, Any]] = []
    connection.execute(
        "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;"
        " SET auto_explain.log_timing = off; SET auto_explain.log_nested_statements = on;"
        " SET auto_explain.log_format = json; SET auto_explain.log_level = notice"
    )
    connection.add_notice_handler(
        lambda notice: plans.append(json.loads(notice.message_primary.partition("plan:")[2])["Plan"])
    )
    return plans


def rows_sorted_by_place(step: dict[str, Any]) -> float:
    """How many rows a step of a plan and those below it have read from a table and looked at the place of each."""
    seen = step["Actual Rows"] + step.get("Rows Removed by Filter", 0)
    here = step["Actual Loops"] * seen if "ctid" in step.get("Filter", "") else 0
    return here + sum(map(rows_sorted_by_place, step.get("Plans", [])))
