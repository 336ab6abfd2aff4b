"""The commands that describe: their figures, their JSON, and that they need no test mode and no schema of ours."""

import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.booking_world import BookingWorld
from tests.integration.cli.commands import command, environment, prodtest


@pytest.fixture
def seeded(world: BookingWorld) -> BookingWorld:
    """Two customers, three stale rows (one cancelled), two fresh ones."""
    world.customer()
    world.customer(mobile="+4915112345679")
    for hours in (30.0, 100.0):
        world.book(age=timedelta(hours=hours))
    world.book(age=timedelta(hours=50), cancelled=True)
    for hours in (0.5, 5):
        world.book(age=timedelta(hours=hours))
    return world


def test_count_says_how_many_rows_are_active_cancelled_and_stale(seeded: BookingWorld) -> None:
    result = prodtest("count", "--json", PRODUCTION_DB_URL=seeded.url)
    assert (result.code, result.err) == (0, "")
    counted = result.json()
    assert counted["count"] == counted["total_test_appointments"] == 5
    assert (counted["active_appointments"], counted["cancelled_appointments"], counted["test_users"]) == (4, 1, 5)
    assert counted["stale"] == {"eligible": 3, "held": 0, "suspect": 0, "blocked": 0}


def test_count_leaves_cancelled_rows_out_when_asked(seeded: BookingWorld) -> None:
    assert prodtest("count", "--active-only", "--json", "--db-url", seeded.url).json()["count"] == 4
    assert prodtest("count", "--include-cancelled", "--json", "--db-url", seeded.url).json()["count"] == 5


def test_the_command_line_wins_over_the_environment(seeded: BookingWorld) -> None:
    settings = {"PRODUCTION_DB_URL": "postgresql://nobody@127.0.0.1:1/x", "TEST_DATA_RETENTION_HOURS": "1000"}
    result = prodtest("count", "--json", "--db-url", seeded.url, "--older-than", "40", **settings)
    assert result.json()["stale_data_count"] == 2
    assert result.json()["retention_hours"] == 40


def test_a_retention_of_zero_hours_makes_every_row_stale(seeded: BookingWorld) -> None:
    assert prodtest("count", "--json", "--older-than=0", "--db-url", seeded.url).json()["stale_data_count"] == 5


def test_reading_needs_no_schema_of_ours(seeded: BookingWorld) -> None:
    seeded.sql("DROP SCHEMA prodtest CASCADE")
    assert prodtest("count", "--json", "--db-url", seeded.url).json()["count"] == 5
    assert prodtest("snapshot", "--json", "--db-url", seeded.url).json()["summary"]["total_test_appointments"] == 5
    dry = prodtest("cleanup", "--json", "--db-url", seeded.url, PRODUCTION_DB_TEST_MODE="true").json()
    assert dry["plan"] is None
    assert "prodtest migrate" in dry["why_not_stored"]
    with psycopg.connect(seeded.url) as connection:
        assert connection.execute("SELECT to_regnamespace('prodtest')").fetchone() == (None,)


def test_snapshot_shows_every_figure_and_stores_none(seeded: BookingWorld) -> None:
    shown = prodtest("snapshot", "--db-url", seeded.url, PRODUCTION_DB_TEST_MODE="true")
    assert (shown.code, shown.err) == (0, "")
    assert "5 (4 active, 1 cancelled)" in shown.out
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    document = prodtest("snapshot", "--json", "--db-url", seeded.url).json()
    assert document["age_distribution"]["< 1 hour"] == 1
    assert document["stale"] == {"eligible": 3, "held": 0, "suspect": 0, "blocked": 0}
    assert seeded.sql("SELECT count(*) AS n FROM prodtest.snapshot") == [{"n": 0}]


def test_counting_imports_neither_dagster_nor_what_else_is_slow(booking_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command("count")[1:]],
        env=environment({"PRODUCTION_DB_URL": booking_url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "prodtest_assets" in imported
    assert not imported & {"dagster", "alembic", "pandas", "sqlalchemy", "matplotlib", "pytest", "httpx", "rich"}


def test_preflight_looks_at_everything_a_run_needs(world: BookingWorld) -> None:
    settings = {"PRODUCTION_DB_URL": world.url, "PRODUCTION_DB_TEST_MODE": "true"}
    result = prodtest("preflight", "--json", PRODUCTION_TEST_URL="http://127.0.0.1:1", **settings)
    levels = {line["name"]: line["level"] for line in result.json()["lines"]}
    assert result.code == 4
    assert [name for name, level in levels.items() if level == "fail"] == ["application"]
    assert {"database", "database name", "primary", "clock", "migration", "index", "schema prodtest"} <= set(levels)


def test_preflight_refuses_a_database_whose_name_does_not_say_test(world: BookingWorld) -> None:
    result = prodtest("preflight", "--json", "--db-url", world.url.rpartition("/")[0] + "/postgres")
    failed = {line["name"]: line for line in result.json()["lines"] if line["level"] == "fail"}
    assert "--allow-database postgres" in failed["database name"]["do"]


def test_a_role_that_may_not_use_the_schema_reads_as_if_none_stood_there(seeded: BookingWorld) -> None:
    name = f"outsider_{seeded.database.name}"
    seeded.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    seeded.sql(f"GRANT SELECT ON users, appointments TO {name}")
    parts = urlsplit(seeded.url)
    settings = {"PRODUCTION_DB_URL": f"postgresql://{name}:x@127.0.0.1:{parts.port}{parts.path}"}
    try:
        assert prodtest("count", "--json", **settings).json()["count"] == 5
        assert prodtest("verify", "--json", **settings).json()["stale_test_data"] == 3
        assert prodtest("export", **settings).code == 0
        assert prodtest("cleanup", "--json", **settings).json()["rows"] == {"appointments": 3, "users": 3}
        live = prodtest("cleanup", "--no-dry-run", **settings, PRODUCTION_DB_TEST_MODE="true")
        assert (live.code, live.out) == (2, "")
        assert "may not do this" in live.complaint
    finally:
        seeded.sql(f"DROP OWNED BY {name}")
        seeded.sql(f"DROP ROLE {name}")
