"""`prodtest migrate`: both chains, and what an application with a history of its own is told."""

import pytest

from tests.booking_world import START, BookingWorld
from tests.integration.cli.commands import prodtest

NEEDED = {
    "users": {"id", "full_name", "mobile", "created_at"},
    "appointments": {
        "id", "user_id", "starts_at", "duration_min", "status", "notes", "cancelled_at", "google_event_id",
        "is_test_data", "created_at",
    },
}  # fmt: skip
OPTIONAL = {"modified_at", "modification_count"}


def test_migrate_runs_both_chains_and_then_finds_nothing_to_do(empty_database: str) -> None:
    first = prodtest("migrate", "--json", "--db-url", empty_database)
    assert (first.code, first.err) == (0, "")
    assert [first.json()[name]["changed"] for name in ("public", "prodtest")] == [True, True]
    second = prodtest("migrate", "--json", PRODUCTION_DB_URL=empty_database)
    assert [second.json()[name]["changed"] for name in ("public", "prodtest")] == [False, False]


def test_migrate_can_leave_the_applications_tables_alone(world: BookingWorld) -> None:
    world.book(start=START)
    world.sql("DROP SCHEMA prodtest CASCADE")
    done = prodtest("migrate", "--ours-only", "--json", "--db-url", world.url).json()
    assert list(done) == ["prodtest"]
    assert done["prodtest"]["changed"]
    assert world.sql("SELECT count(*) AS n FROM appointments") == [{"n": 1}]


@pytest.mark.parametrize("state", ["an empty table of versions", "a revision of its own", "the last revision"])
@pytest.mark.parametrize("column", ["appointments.duration_min", "users.full_name"])
def test_a_column_that_is_missing_is_named_and_owed_by_the_application(
    world: BookingWorld, column: str, state: str
) -> None:
    table, _, name = column.partition(".")
    world.sql(f"ALTER TABLE {table} DROP COLUMN {name}")
    if state == "an empty table of versions":
        world.sql("DELETE FROM alembic_version")
    elif state == "a revision of its own":
        world.sql("UPDATE alembic_version SET version_num = 'abc123'")
    for arguments in (("migrate",), ("migrate", "--ours-only")):
        told = prodtest(*arguments, "--db-url", world.url)
        assert (told.code, told.out) == (2, "")
        assert told.complaint == (
            f"the application's tables lack {column}: the application owes a migration that adds what is missing"
        )
    checked = prodtest("preflight", "--json", "--db-url", world.url)
    (line,) = [line for line in checked.json()["lines"] if line["name"] == "migration"]
    assert (line["level"], column in line["message"]) == ("fail", True)
    assert "prodtest migrate" not in line["do"]


def test_every_column_that_is_read_is_looked_for(world: BookingWorld) -> None:
    for table, columns in NEEDED.items():
        found = world.sql("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", table)
        assert {row["attname"] for row in found} - OPTIONAL == columns
    world.sql("DROP TABLE appointments, users CASCADE; CREATE TABLE users (); CREATE TABLE appointments ()")
    missing = world.database.row("booking_tables")["missing_columns"]
    assert set(missing) == {f"{table}.{column}" for table, columns in NEEDED.items() for column in columns}


def test_an_application_without_the_columns_that_nothing_reads_is_served(world: BookingWorld) -> None:
    for column in OPTIONAL:
        world.sql(f"ALTER TABLE appointments DROP COLUMN {column}")
    world.sql("DELETE FROM alembic_version")
    assert prodtest("migrate", "--db-url", world.url).code == 0
    assert prodtest("snapshot", "--db-url", world.url).code == 0


def test_what_lacks_a_column_says_who_owes_it_and_what_lacks_our_schema_says_how_to_make_it(
    world: BookingWorld,
) -> None:
    world.sql("ALTER TABLE appointments DROP COLUMN notes, DROP COLUMN starts_at")
    told = prodtest("list", "--db-url", world.url)
    assert told.code == 2
    assert told.complaint.startswith("the application's tables lack something (column a.starts_at does not exist)")
    assert told.complaint.endswith("`prodtest migrate` adds it, or says who owes it")
    world.sql("DROP TABLE prodtest.hold CASCADE")
    told = prodtest("count", "--db-url", world.url)
    assert told.complaint.endswith("run `prodtest migrate`")
