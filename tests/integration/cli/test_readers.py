"""What all commands that read have in common, and that what they recommend can be pasted."""

import secrets
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from tests.booking_world import RULES, BookingWorld
from tests.integration.cli.commands import CHECKOUT, environment, prodtest

READERS = ("count", "list", "cleanup", "verify", "summary", "snapshot", "dashboard", "export", "watch --once")
OLD = timedelta(hours=50)


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_takes_the_same_options(world: BookingWorld, reader: str) -> None:
    world.book(age=OLD)
    result = prodtest(*reader.split(), "--json", "--show-sql", "--older-than", "40", "--db-url", world.url)
    assert result.code == 0
    assert isinstance(result.json(), dict)
    assert "SELECT" in result.err


def test_an_export_to_a_file_says_as_json_what_it_wrote(world: BookingWorld, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    arguments = ("export", "--format", "html", "--json", "--db-url", world.url)
    result = prodtest(*arguments, "--output", str(page))
    assert result.err == ""
    assert result.json() == {"output": str(page), "format": "html", "bytes": page.stat().st_size}
    refused = prodtest(*arguments)
    assert (refused.code, refused.out) == (2, "")
    assert "--output FILE" in refused.complaint


def test_count_counts_what_list_lists(world: BookingWorld) -> None:
    world.customer()
    for hours, cancelled in ((1.0, False), (41.0, True), (41.0, False), (100.0, False), (-1.0, False)):
        world.book(age=timedelta(hours=hours), cancelled=cancelled)
    for arguments, expected in (((), 5), (("--older-than", "40"), 3), (("--older-than", "40", "--active-only"), 2)):
        counted = prodtest("count", "--json", *arguments, "--db-url", world.url).json()
        listed = prodtest("list", "--json", *arguments, "--db-url", world.url).json()
        assert counted["count"] == listed["total"] == expected
        assert counted["total_test_appointments"] == 5
    shown = prodtest("count", "--older-than", "40", "--active-only", "--db-url", world.url)
    assert shown.out.startswith("2 active test appointments older than 40 h in booking_test")


def pasted(command: str, **settings: str) -> tuple[int, str]:
    """Run a recommended command in a shell, as it is."""
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment({"PATH": f"{CHECKOUT / '.venv' / 'bin'}:/usr/bin:/bin", **settings}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("reader", ["summary", "snapshot", "export", "dashboard"])
def test_a_recommended_cleanup_takes_the_rows_that_were_counted(world: BookingWorld, reader: str) -> None:
    for hours in (20, 20, 5):
        world.book(age=timedelta(hours=hours))
    settings = {"PRODUCTION_DB_URL": world.url, "PRODUCTION_DB_TEST_MODE": "true"}
    (command,) = prodtest(reader, "--json", "--older-than", "10", **settings).json()["recommendations"]
    code, said = pasted(command, **settings)
    assert code == 0, said
    assert world.sql("SELECT count(*) AS n FROM appointments") == [{"n": 1}]


@pytest.fixture
def other_url(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """A second migrated database."""
    name = f"booking_test_{secrets.token_hex(4)}"
    yield postgres.create_database(name, template=migrated_template)
    postgres.drop_database(name)


def test_a_recommended_cleanup_never_takes_rows_of_another_database(world: BookingWorld, other_url: str) -> None:
    theirs = world.book(age=OLD)
    settings = {"PRODUCTION_DB_URL": world.url, "PRODUCTION_DB_TEST_MODE": "true"}
    with open_database(other_url) as database:
        other = BookingWorld(other_url, database, authorize_writes(database, RULES))
        ours = other.book(age=OLD)
        (command,) = prodtest("summary", "--json", "--db-url", other_url, **settings).json()["recommendations"]
        password = str(urlsplit(other_url).password)
        assert password not in command
        code, said = pasted(command, **settings)
        assert (code, "password is wrong" in said) == (2, True)
        assert other.has_appointment(ours)

        bare, settings["PGPASSWORD"] = other_url.replace(f":{password}@", "@"), password
        (command,) = prodtest("summary", "--json", "--db-url", bare, **settings).json()["recommendations"]
        code, said = pasted(command, **settings)
        assert code == 0, said
        assert not other.has_appointment(ours)
    assert world.has_appointment(theirs)
