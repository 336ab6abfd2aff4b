"""What of ours stands on or beside the application's tables is made again when these, or the settings, have changed."""

from datetime import timedelta

import psycopg
import pytest

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.schema import ensure_schema, is_current
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.identity import ReservedNumbers
from tests.booking_world import BookingWorld

OURS = ("prodtest_stale_test_rows", "prodtest_reserved_users")


def indexes(world: BookingWorld) -> dict[str, bool]:
    found = world.sql(
        "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = ANY (%s)",
        list(OURS),
    )
    return {row["relname"]: row["indisvalid"] for row in found}


def make_appointments_anew(world: BookingWorld) -> None:
    world.sql("CREATE TABLE another (LIKE appointments INCLUDING ALL)")
    world.sql("DROP TABLE appointments CASCADE")
    world.sql("ALTER TABLE another RENAME TO appointments")
    world.sql("ALTER TABLE appointments ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE")


def test_nothing_is_removed_from_a_table_that_the_archive_does_not_guard(world):
    make_appointments_anew(world)
    row = int(
        world.sql(
            "INSERT INTO appointments (id, user_id, starts_at, is_test_data, created_at)"
            " VALUES (1, %s, now(), true, now() - interval '2 days') RETURNING id",
            world.user(age=timedelta(days=2)),
        )[0]["id"]
    )
    with pytest.raises(RefusedForSafety, match="run `prodtest migrate`"):
        cleanup_now(world.database, world.permit, Policy())
    assert world.has_appointment(row)
    assert not is_current(world.database)
    assert ensure_schema(world.url, ReservedNumbers()).changed
    with pytest.raises(psycopg.errors.CheckViolation):
        world.sql(
            "INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content)"
            " VALUES (gen_random_uuid(), 'appointments'::regclass, 1, '{}')"
        )
    assert cleanup_now(world.database, world.permit, Policy()).deleted == {"appointments": 1, "users": 1}
    assert not ensure_schema(world.url, ReservedNumbers()).changed


def test_the_index_of_reserved_numbers_follows_the_setting(world):
    user = world.user(mobile="+441632960123")
    by_index = "SELECT id FROM users WHERE prodtest.is_reserved_number(mobile) AND id > 0"
    ensure_schema(world.url, ReservedNumbers.with_ranges(["uk-drama"]))
    world.sql("ALTER DATABASE " + world.database.name + " SET enable_seqscan = off")
    assert world.sql("EXPLAIN " + by_index)[0]["QUERY PLAN"].find("prodtest_reserved_users") > 0
    assert world.sql(by_index) == [{"id": user}]
    ensure_schema(world.url, ReservedNumbers())
    assert world.sql(by_index) == []
    assert indexes(world) == dict.fromkeys(OURS, True)


def test_an_index_that_is_made_already_is_not_made_again(world):
    before = world.sql("SELECT oid FROM pg_class WHERE relname = ANY (%s) ORDER BY oid", list(OURS))
    world.sql("COMMENT ON SCHEMA prodtest IS 'another version'")
    ensure_schema(world.url, ReservedNumbers())
    assert world.sql("SELECT oid FROM pg_class WHERE relname = ANY (%s) ORDER BY oid", list(OURS)) == before


def test_indexes_that_cannot_be_made_now_are_told_and_made_later(world):
    for index in OURS:
        world.sql(f"DROP INDEX {index}")
    world.sql("COMMENT ON SCHEMA prodtest IS 'another version'")
    world.user()
    with psycopg.connect(world.url) as application:
        application.execute("UPDATE users SET full_name = 'Somebody Busy'")
        report = ensure_schema(world.url, ReservedNumbers())
    assert report.notes
    assert not indexes(world).get("prodtest_reserved_users")
    assert ensure_schema(world.url, ReservedNumbers()).notes == ()
    assert indexes(world) == dict.fromkeys(OURS, True)


def test_a_partitioned_table_does_without_our_index(world):
    world.sql("CREATE TABLE another (LIKE appointments INCLUDING DEFAULTS) PARTITION BY RANGE (id)")
    world.sql("DROP TABLE appointments CASCADE")
    world.sql("ALTER TABLE another RENAME TO appointments")
    assert ensure_schema(world.url, ReservedNumbers()).notes
