"""Unknown is never eligible: NULLs and infinite times, where the application's tables allow them."""

from datetime import timedelta

import pytest

from prodtest_assets.reports.words import age
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.listing import list_test_rows
from prodtest_assets.testdata.offenders import appointments_with, orphaned_users
from prodtest_assets.testdata.snapshot import take_snapshot
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)
DAY = timedelta(hours=24)


@pytest.fixture(autouse=True)
def loose_tables(world: BookingWorld) -> None:
    """An application that promises nothing about its columns."""
    for table, columns in {
        "users": ("full_name", "mobile", "created_at"),
        "appointments": ("user_id", "starts_at", "status", "is_test_data", "created_at"),
    }.items():
        for column in columns:
            world.sql(f"ALTER TABLE {table} ALTER {column} DROP NOT NULL")


def clean(world: BookingWorld) -> CleanupReport:
    return cleanup_now(world.database, world.permit, Policy())


def nameless_user(world: BookingWorld) -> int:
    row = world.sql("INSERT INTO users (created_at) VALUES (now() - interval '9 days') RETURNING id")
    return int(row[0]["id"])


def settle_a_run(world: BookingWorld) -> None:
    """A ledger with a call in it, since comparisons with an empty one are never unknown."""
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name))
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("passed", passed=1)


@pytest.mark.parametrize("with_ledger", [False, True])
def test_a_marked_row_of_a_user_without_a_number_is_suspect(world, with_ledger):
    if with_ledger:
        settle_a_run(world)
    user = nameless_user(world)
    row = world.book(user, age=OLD)
    assert plan_cleanup(world.database, Policy()).kept["appointments"]["suspect"] == 1
    clean(world)
    assert world.has_appointment(row)
    assert world.has_user(user)


def test_a_row_without_a_user_is_suspect_and_counted_everywhere(world):
    row = int(
        world.sql(
            "INSERT INTO appointments (is_test_data, created_at) VALUES (true, now() - interval '2 days') RETURNING id"
        )[0]["id"]
    )
    clean(world)
    assert world.has_appointment(row)
    assert take_snapshot(world.database, retention=DAY).stale.suspect == 1
    assert plan_cleanup(world.database, Policy()).kept == {"appointments": {"suspect": 1}}
    assert appointments_with(world.database, ["suspect"], DAY).total == 1
    listing = list_test_rows(world.database, retention=DAY, older_than=None, active_only=False, limit=9)
    assert [(shown.id, shown.verdict, shown.caller) for shown in listing.rows] == [(row, "suspect", "no number")]


@pytest.mark.parametrize("created", [None, "infinity", "-infinity"])
def test_a_row_of_unknown_age_stays_and_can_be_looked_at(world, created):
    row = world.book(age=OLD)
    world.sql("UPDATE appointments SET created_at = %s", created)
    world.sql("UPDATE users SET created_at = %s", created)
    clean(world)
    assert world.has_appointment(row)
    snapshot = take_snapshot(world.database, retention=DAY)
    assert (snapshot.total, snapshot.stale.total, snapshot.oldest) == (1, 0, None)
    assert plan_cleanup(world.database, Policy()).kept["appointments"] == {"future": 1}
    assert appointments_with(world.database, ["future"], DAY).total == 1
    listing = list_test_rows(world.database, retention=DAY, older_than=None, active_only=False, limit=9)
    assert [(shown.created_at, age(shown.age)) for shown in listing.rows] == [(None, "unknown")]


@pytest.mark.parametrize("created", [None, "infinity", "-infinity"])
def test_a_user_of_unknown_age_without_appointments_stays(world, created):
    world.book(age=OLD)
    clean(world)
    world.sql(
        "INSERT INTO users SELECT (jsonb_populate_record(NULL::users, content)).* FROM prodtest.archived_row"
        " WHERE table_oid = 'users'::regclass"
    )  # its appointment is in the archive
    assert orphaned_users(world.database, DAY).total == 1
    world.sql("UPDATE users SET created_at = %s", created)
    assert orphaned_users(world.database, DAY).total == 0
    assert clean(world).total == 0


def test_an_appointment_whose_mark_is_unknown_makes_its_user_a_customer(world):
    user = world.user(age=OLD)
    row = world.book(user, age=OLD)
    world.sql("INSERT INTO appointments (user_id, is_test_data, created_at) VALUES (%s, NULL, now())", user)
    assert clean(world).total == 0
    assert world.has_appointment(row)
