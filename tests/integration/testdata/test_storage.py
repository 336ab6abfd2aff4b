"""What a cleanup says about the storage: removed is not reusable, and reusable is not returned."""

import os
import subprocess
from datetime import timedelta

import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, StorageChange
from tests.booking_world import BookingWorld
from tests.left_out import needs_debian_package

OLD = timedelta(hours=48)


def stale_rows(world: BookingWorld, count: int) -> int:
    """So many stale rows of one test user; returns their bytes."""
    user = world.user(age=OLD)
    world.sql(
        "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at, notes) SELECT %s, now() + interval"
        " '1 min' * n, true, now() - %s, repeat('x', 40) FROM generate_series(1, %s) n",
        user, OLD, count,
    )  # fmt: skip
    (found,) = world.sql(
        "SELECT (SELECT sum(pg_column_size(a)) FROM appointments a WHERE is_test_data)"
        " + (SELECT pg_column_size(u) FROM users u WHERE id = %s) AS bytes",
        user,
    )
    return int(found["bytes"])


def clean(world: BookingWorld) -> StorageChange:
    storage = cleanup_now(world.database, world.permit, Policy()).storage
    assert storage is not None
    return storage


def test_the_bytes_of_removed_rows_are_told_apart_from_what_the_disk_gets_back(world):
    removed = stale_rows(world, 3_000)
    storage = clean(world)
    assert storage.removed_bytes == pytest.approx(removed, rel=0.01)
    assert storage.returned_bytes == 0
    assert storage.reusable_bytes is not None
    assert removed * 0.5 < storage.reusable_bytes < removed * 2


def test_children_that_go_along_count(world):
    world.sql(
        "CREATE TABLE reminders (id int PRIMARY KEY, parent bigint REFERENCES users ON DELETE CASCADE, what text)"
    )
    without = stale_rows(world, 1)
    world.sql("INSERT INTO reminders SELECT 1, id, repeat('x', 500) FROM users")
    assert clean(world).removed_bytes > without + 500


def test_a_vacuum_is_due_only_above_the_threshold_of_autovacuum(world):
    world.customer(bookings=400)
    world.sql("ANALYZE appointments")
    stale_rows(world, 50)
    assert clean(world).recommendation is None  # 50 rows and a fifth of the table
    stale_rows(world, 200)
    assert clean(world).vacuum_due == ("public.appointments",)


@needs_debian_package("postgresql", "vacuumdb")
def test_the_recommended_command_can_be_pasted_and_helps(world):
    stale_rows(world, 500)
    command = clean(world).recommendation
    assert command is not None
    subprocess.run(
        ["sh", "-ec", command], env=os.environ | {"PRODUCTION_DB_URL": world.url}, check=True, capture_output=True
    )
    (table,) = world.sql("SELECT last_vacuum FROM pg_stat_user_tables WHERE relname = 'appointments'")
    assert table["last_vacuum"] is not None


def test_without_the_servers_statistics_it_says_that_it_was_not_measured(world):
    stale_rows(world, 500)
    world.database.connection.execute("SET track_counts = off")
    storage = clean(world)
    assert (storage.reusable_bytes, storage.vacuum_due) == (None, ())
    assert storage.removed_bytes > 0


def test_the_record_of_the_cleanup_keeps_it(world):
    stale_rows(world, 10)
    storage = clean(world)
    (record,) = world.sql("SELECT removed_bytes, storage FROM prodtest.cleanup_run")
    assert record["removed_bytes"] == record["storage"]["removed_bytes"] == storage.removed_bytes > 0
