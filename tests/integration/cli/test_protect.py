"""`prodtest protect` as a person runs it, and the other commands as the role that it leaves."""

import secrets
from collections.abc import Iterator
from datetime import timedelta

import pytest

from prodtest_assets.testdata.protect import unprotect
from tests.booking_world import BookingWorld
from tests.integration.cli.commands import prodtest

TEST_MODE = {"PRODUCTION_DB_TEST_MODE": "true"}


@pytest.fixture
def names(world: BookingWorld) -> Iterator[tuple[str, ...]]:
    """Options that name roles of this test alone; the protection is taken back in the end."""
    suffix = secrets.token_hex(4)
    yield ("--role", f"cleaner_{suffix}", "--owner", f"owner_{suffix}")
    unprotect(world.database, world.permit)


def protected_url(world: BookingWorld, names: tuple[str, ...]) -> str:
    world.sql(f"ALTER ROLE {names[1]} PASSWORD 'secret'")
    return f"postgresql://{names[1]}:secret@{world.url.rpartition('@')[2]}"


def test_protect_says_what_it_did_and_what_is_left_to_do(world, names):
    result = prodtest("protect", *names, "--db-url", world.url, **TEST_MODE)
    assert result.code == 0
    assert names[1] in result.out
    assert "PASSWORD" in result.complaint


def test_it_is_taken_back(world, names):
    prodtest("protect", *names, "--db-url", world.url, **TEST_MODE)
    removed = prodtest("protect", "--remove", "--json", "--db-url", world.url, **TEST_MODE).json()
    assert not removed["protected"]
    assert removed["statements"]
    again = prodtest("protect", "--remove", "--db-url", world.url, **TEST_MODE)
    assert (again.code, again.err) == (0, "")
    assert "nothing to take back" in again.out


def test_the_floors_come_from_the_settings_and_stay_until_a_person_changes_them(world, names):
    settings = {**TEST_MODE, "TEST_DATA_RETENTION_HOURS": "12", "PRODTEST_ARCHIVE_DAYS": "3"}
    first = prodtest("protect", *names, "--json", "--db-url", world.url, **settings).json()
    second = prodtest("protect", *names, "--json", "--db-url", world.url, **TEST_MODE).json()
    third = prodtest("protect", *names, "--json", "--retention-floor=2", "--db-url", world.url, **TEST_MODE).json()
    assert [found["retention_floor_hours"] for found in (first, second, third)] == [12, 12, 2]
    assert [found["archive_floor_days"] for found in (first, second, third)] == [3, 3, 3]


def test_printing_needs_no_test_mode_runs_nothing_and_shows_no_secret(world, names, postgres):
    result = prodtest("protect", "--print", *names, "--db-url", world.url)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("BEGIN;")
    assert postgres.password not in result.out
    assert world.sql("SELECT 1 FROM pg_roles WHERE rolname = %s", names[1]) == []
    assert prodtest("protect", "--print", "--remove", "--json", "--db-url", world.url).json() == {"statements": []}


def test_without_test_mode_nothing_is_protected(world, names):
    result = prodtest("protect", *names, "--db-url", world.url)
    assert result.code == 3
    assert "PRODUCTION_DB_TEST_MODE" in result.complaint


def test_a_database_without_our_schema_is_sent_to_migrate(empty_database):
    result = prodtest("protect", "--db-url", empty_database, **TEST_MODE)
    assert result.code == 2
    assert "prodtest migrate" in result.complaint


@pytest.mark.parametrize("role", ["", "pg_cleaner", "x" * 64])
def test_a_name_that_no_role_can_have_is_a_usage_error(role):
    assert prodtest("protect", "--role", role, "--db-url", "postgresql://127.0.0.1:1/x").code == 2


def test_the_commands_work_as_the_protected_role(world, names):
    world.customer()
    for _ in range(3):
        world.book(age=timedelta(hours=48))
    prodtest("protect", *names, "--db-url", world.url, **TEST_MODE)
    url = protected_url(world, names)
    settings = {**TEST_MODE, "PRODUCTION_DB_URL": url}
    assert prodtest("count", "--json", **settings).json()["stale_data_count"] == 3
    assert prodtest("cleanup", "--json", **settings).json()["plan"] is not None
    live = prodtest("cleanup", "--no-dry-run", "--json", **settings)
    assert live.code == 0, live.err
    assert prodtest("snapshot", "--json", **settings).json()["summary"]["total_test_appointments"] == 0
    assert prodtest("export", "--format", "html", **settings).code == 0
    assert prodtest("list", "--json", **settings).json()["total"] == 0
    cleanup_id = prodtest("cleanups", "--json", **settings).json()["cleanups"][0]["id"]
    assert prodtest("undo", cleanup_id, "--json", **settings).code == 0
    assert world.sql("SELECT count(*) AS n FROM appointments WHERE is_test_data") == [{"n": 3}]


def test_a_retention_under_the_floor_is_refused_in_words(world, names):
    prodtest("protect", *names, "--db-url", world.url, **TEST_MODE)
    url = protected_url(world, names)
    result = prodtest("cleanup", "--no-dry-run", "--older-than=0", "--db-url", url, **TEST_MODE)
    assert result.code == 3
    assert "only rows older than 24 h" in result.complaint
