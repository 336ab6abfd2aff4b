"""What people get wrong: each ends in one line on stderr with the documented exit code, and leaves nothing behind."""

import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.booking_world import BookingWorld
from tests.integration.cli.commands import command, environment, prodtest

READERS = ("count", "snapshot", "cleanup", "list", "verify", "summary", "dashboard", "export")
NOBODY = "postgresql://nobody:secret@127.0.0.1:1/booking_test"


def changed(url: str, **parts: str) -> str:
    """`url` with another netloc or path."""
    return urlunsplit(urlsplit(url)._replace(**parts))


@pytest.mark.parametrize("name", [*READERS, "migrate"])
def test_without_a_database_the_setting_is_named(name: str) -> None:
    result = prodtest(name)
    assert (result.code, result.out) == (2, "")
    assert "PRODUCTION_DB_URL" in result.complaint


@pytest.mark.parametrize("name", [*READERS, "migrate"])
def test_a_server_that_is_not_there_is_unreachable_and_the_password_stays_secret(name: str) -> None:
    result = prodtest(name, "--db-url", NOBODY)
    assert (result.code, result.out) == (4, "")
    assert "does not answer" in result.complaint
    assert "secret" not in result.err


@pytest.mark.parametrize("name", READERS)
def test_a_wrong_password_is_a_wrong_setting(name: str, booking_url: str) -> None:
    parts = urlsplit(booking_url)
    wrong = changed(booking_url, netloc=f"{parts.username}:a@b:/%25@127.0.0.1:{parts.port}")
    result = prodtest(name, PRODUCTION_DB_URL=wrong)
    assert (result.code, result.out) == (2, "")
    assert "user or password is wrong" in result.complaint
    assert "a@b" not in result.err


@pytest.mark.parametrize("name", READERS)
def test_a_wrong_database_name_is_a_wrong_setting(name: str, booking_url: str) -> None:
    result = prodtest(name, "--db-url", changed(booking_url, path="/no_such_test"))
    assert (result.code, result.out) == (2, "")
    assert "no such database" in result.complaint


@pytest.mark.parametrize("url", ["mysql://a:b@c/d", "booking_test", "postgresql://a:b@127.0.0.1:port/x"])
def test_what_is_no_database_url_is_refused_without_repeating_the_password(url: str) -> None:
    result = prodtest("count", "--db-url", url)
    assert result.code in (2, 4)
    assert "a:b" not in result.complaint


@pytest.mark.parametrize(
    "arguments", [("count",), ("cleanup",), ("cleanup", "--no-dry-run"), ("migrate", "--ours-only")]
)
def test_a_missing_migration_is_named_with_the_command_that_runs_it(
    arguments: tuple[str, ...], empty_database: str
) -> None:
    result = prodtest(*arguments, "--db-url", empty_database, PRODUCTION_DB_TEST_MODE="true")
    assert (result.code, result.out) == (2, "")
    assert "prodtest migrate" in result.complaint
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regnamespace('prodtest')").fetchone() == (None,)


@pytest.fixture
def unmarked_url(booking_url: str) -> str:
    """An application's database that lacks `is_test_data` and has a history of its own."""
    with psycopg.connect(booking_url) as connection:
        connection.execute("DROP SCHEMA prodtest CASCADE")
        connection.execute("ALTER TABLE appointments DROP COLUMN is_test_data CASCADE")
        connection.execute("UPDATE alembic_version SET version_num = '0123456789ab'")
    return booking_url


@pytest.mark.parametrize("arguments", [("count",), ("cleanup",), ("cleanup", "--no-dry-run"), ("migrate",)])
def test_a_missing_is_test_data_is_what_the_application_owes(arguments: tuple[str, ...], unmarked_url: str) -> None:
    result = prodtest(*arguments, "--db-url", unmarked_url, PRODUCTION_DB_TEST_MODE="true")
    assert (result.code, result.out) == (2, "")
    assert "is_test_data" in result.complaint
    with psycopg.connect(unmarked_url) as connection:
        assert connection.execute("SELECT to_regnamespace('prodtest')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("name", "hours"),
    [("count", hours) for hours in ("-0.5", "87841", "1e300", "nan", "inf", "many", "")]
    + [(name, "-1000") for name in READERS],
)
def test_a_negative_or_absurd_retention_is_wrong_usage(name: str, hours: str) -> None:
    result = prodtest(name, f"--older-than={hours}")
    assert (result.code, result.out) == (2, "")
    assert "--older-than" in result.complaint


@pytest.mark.parametrize("hours", ["-1", "0", "1e9", "nan", "many"])
def test_a_negative_or_absurd_retention_in_the_environment_names_the_setting(hours: str) -> None:
    result = prodtest("count", "--db-url", NOBODY, TEST_DATA_RETENTION_HOURS=hours)
    assert (result.code, result.out) == (2, "")
    assert "TEST_DATA_RETENTION_HOURS" in result.complaint


@pytest.mark.parametrize(
    "arguments",
    [
        ("cleanup", "--max-delete=-1"),
        ("list", "--limit", "0"),
        ("list", "--limit=-5"),
        ("list", "--limit", "many"),
        ("export", "--format", "pdf"),
        ("cleanup", "--batch-size", "0"),
        ("cleanup", "--max-runtime", "nan"),
        ("cleanup", "--id", "0"),
        ("cleanup", "--plan", "not-an-id"),
        ("cleanup", "--plan", "8f2ba3fb-4d80-4a40-9c7c-36d09d1b0a52", "--id", "1"),
        ("cleanup", "--plan", "8f2ba3fb-4d80-4a40-9c7c-36d09d1b0a52", "--active-only"),
        ("count", "--no-such-option"),
        ("no-such-command",),
        ("demo", "--fault", "no-such-fault"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...]) -> None:
    result = prodtest(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.complaint


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("cuont", " Did you mean 'count'?"), ("clean-up", " Did you mean 'cleanup'?"), ("no-such-command", "")],
)
def test_an_unknown_command_is_told_with_the_nearest_one(typed: str, hint: str) -> None:
    result = prodtest(typed)
    assert (result.code, result.out) == (2, "")
    assert result.complaint == f"No such command '{typed}'.{hint} (see prodtest --help)"


def test_a_plan_that_does_not_exist_is_named(booking_url: str) -> None:
    plan = "8f2ba3fb-4d80-4a40-9c7c-36d09d1b0a52"
    result = prodtest("cleanup", "--plan", plan, "--db-url", booking_url)
    assert result.code == 2
    assert plan in result.complaint


def test_a_reader_that_closes_the_pipe_ends_nothing_in_a_traceback(world: BookingWorld) -> None:
    world.book()
    line = f"set -o pipefail; {' '.join(command('snapshot'))} | head -1"
    done = subprocess.run(
        ["bash", "-c", line],
        env=environment({"PRODUCTION_DB_URL": world.url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Test data in")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", ["count", "dashboard", "watch --once", "cleanup", "--help"])
def test_a_stream_that_was_closed_before_the_start_is_missed_by_nothing(
    booking_url: str, arguments: str, closed: str
) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(command(*arguments.split()))} {closed}"],
        env=environment({"PRODUCTION_DB_URL": booking_url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [("count",), ("count", "--json"), ("--help",)])
def test_a_full_disk_under_stdout_is_one_line(arguments: tuple[str, ...], booking_url: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*arguments),
            env=environment({"PRODUCTION_DB_URL": booking_url}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "prodtest: No space left on device\n"


def test_a_terminal_that_knows_only_ascii_gets_words_instead_of_signs() -> None:
    result = prodtest("preflight", PYTHONIOENCODING="ascii")
    assert result.code == 2
    assert "FAIL" in result.out
    assert "database URL" in result.complaint


@pytest.mark.parametrize("password", ["p@ss:w/rd%", "a%40b", "ümläut & co"])
def test_a_password_of_signs_is_taken_as_it_is_and_shown_nowhere(world: BookingWorld, password: str) -> None:
    name = f"signs_{world.database.name}"
    world.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{password.replace('%', '%%')}' IN ROLE pg_read_all_data")
    try:
        parts = urlsplit(world.url)
        written = password if password != "a%40b" else "a%2540b"
        url = f"postgresql://{name}:{written}@127.0.0.1:{parts.port}{parts.path}"
        for arguments in (["list", "--show-sql"], ["verify", "--show-sql"], ["export"], ["dashboard"]):
            result = prodtest(*arguments, PRODUCTION_DB_URL=url)
            assert result.code == 0, result.err
            assert written not in result.out + result.err
    finally:
        world.sql(f"DROP ROLE {name}")


def test_tables_that_another_version_made_are_told_apart_and_left_alone(booking_url: str) -> None:
    with psycopg.connect(booking_url) as session:
        session.execute("UPDATE prodtest.alembic_version SET version_num = 'fedcba987654'")
        session.execute("COMMENT ON SCHEMA prodtest IS 'of another version'")
    result = prodtest("cleanup", "--no-dry-run", "--db-url", booking_url, PRODUCTION_DB_TEST_MODE="true")
    assert (result.code, result.out) == (2, "")
    assert "fedcba987654" in result.complaint
    assert "another version made these tables" in result.complaint


@pytest.mark.parametrize("place", ["host:abc/d", "127.0.0.1:99999/d", "127.0.0.1:1/d?sslmode=much", "h/d?such=no"])
def test_a_url_that_libpq_cannot_read_is_a_wrong_setting(place: str) -> None:
    result = prodtest("count", PRODUCTION_DB_URL=f"postgresql://me:s3cret@{place}")
    assert result.code == 2
    assert result.complaint.startswith("the database URL cannot be read")
    assert "s3cret" not in result.err


def test_a_table_that_somebody_keeps_locked_is_one_line_that_says_to_try_again(world: BookingWorld) -> None:
    with psycopg.connect(world.url) as other:
        other.execute("LOCK TABLE appointments IN ACCESS EXCLUSIVE MODE")
        for command in ("count", "list", "verify"):
            result = prodtest(command, "--db-url", world.url)
            assert (result.code, result.out) == (4, "")
            assert result.complaint == "somebody else keeps the rows or tables locked; run the command again"
