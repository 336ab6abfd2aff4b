"""`prodtest watch`: a line a look, a message when a level changes, and an exit code on demand."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest

from prodtest_assets.sandbox.postgres import PostgresServer
from tests.booking_world import BookingWorld
from tests.integration.cli.commands import command, environment, prodtest
from tests.mailbox import WebReceiver, web_receiver

OLD = timedelta(hours=48)
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def web() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command, a look each second."""
    started: list[subprocess.Popen[str]] = []

    def run(world: BookingWorld, web: WebReceiver, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command("watch", "--check-interval", "1", *arguments),
            env=environment({"PRODUCTION_DB_URL": world.url, "PRODTEST_ALERT_URLS": web.url}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """The next line that holds `text`."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"ended without {text!r}")


def told(web: WebReceiver) -> list[str]:
    return [title.split(": ", 1)[1] for title in web.titles]


def test_once_says_that_all_is_clean(world: BookingWorld, web: WebReceiver) -> None:
    result = prodtest("watch", "--once", PRODUCTION_DB_URL=world.url, PRODTEST_ALERT_URLS=web.url)
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("  clean: 0 test rows, 0 stale\n")
    assert web.received == []


def test_once_ends_with_one_and_tells_when_a_threshold_is_crossed(world: BookingWorld, web: WebReceiver) -> None:
    for _ in range(3):
        world.book(age=OLD)
    arguments = ("watch", "--once", "--json", "--alert-threshold", "2")
    result = prodtest(*arguments, PRODUCTION_DB_URL=world.url, PRODTEST_ALERT_URLS=web.url)
    assert result.code == 1
    assert result.complaint == "something is at warning or above: each alert says what to do"
    seen = result.json()
    assert (seen["level"], seen["total_test_appointments"], seen["stale_data_count"]) == ("warning", 3, 3)
    assert [(alert["topic"], alert["level"]) for alert in seen["alerts"]] == [
        ("test rows", "warning"),
        ("stale test rows", "info"),
    ]
    assert told(web) == ["warning: 3 test rows"]
    assert "what to do: run: prodtest cleanup --no-dry-run" in web.received[0]["message"]


@pytest.mark.parametrize(("rows", "level", "code"), [(2, "info", 0), (3, "warning", 1), (5, "critical", 1)])
def test_twice_the_threshold_is_critical(world: BookingWorld, rows: int, level: str, code: int) -> None:
    for _ in range(rows):
        world.book(age=OLD)
    result = prodtest("watch", "--once", "--json", "--alert-threshold", "2", "--db-url", world.url)
    assert (result.json()["level"], result.code) == (level, code)


def test_each_change_of_a_level_is_told_once(
    world: BookingWorld, web: WebReceiver, start: Start, postgres: PostgresServer
) -> None:
    process = start(world, web, "--alert-threshold", "1")
    line_with(process, "clean: 0 test rows")
    rows = [world.book() for _ in range(2)]
    line_with(process, "warning: 2 test rows")
    line_with(process, "warning: 2 test rows")
    rows += [world.book()]
    line_with(process, "critical: 3 test rows")
    world.sql("DELETE FROM appointments")
    line_with(process, "clean: 0 test rows")
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        accepts = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"
        admin.execute(accepts.format(world.database.name, "false").encode())
        assert "does not answer" in line_with(process, "critical: the database at ")
        admin.execute(accepts.format(world.database.name, "true").encode())
    line_with(process, "clean: 0 test rows")
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=30)

    assert (process.returncode, complaints) == (0, "")
    assert told(web)[:3] == ["warning: 2 test rows", "critical: 3 test rows", "test rows: over"]
    assert told(web)[3].startswith("critical: the database at ")
    assert told(web)[4:] == ["the database: over"]


def test_a_channel_that_is_down_hears_of_it_later_and_ends_nothing(
    world: BookingWorld, web: WebReceiver, start: Start
) -> None:
    web.switch_off()
    process = start(world, web, "--alert-threshold", "0", "--json")
    world.book()
    assert json.loads(line_with(process, '"critical"'))["total_test_appointments"] == 1
    web.switch_on()
    line_with(process, '"critical"')
    line_with(process, '"critical"')
    process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=30)

    assert process.returncode == 143
    assert told(web) == ["critical: 1 test rows"]
    assert "did not take the message; tried again at the next look" in complaints
    assert "s3cret" not in complaints


def test_a_table_that_is_locked_ends_no_watch(world: BookingWorld, web: WebReceiver, start: Start) -> None:
    with psycopg.connect(world.url) as other:
        other.execute("LOCK TABLE appointments IN ACCESS EXCLUSIVE MODE")
        process = start(world, web)
        assert "locked" in line_with(process, "critical: ")
    line_with(process, "clean: 0 test rows")


@pytest.mark.parametrize("interval", ["1", "300"])
def test_a_reader_that_leaves_ends_the_watch(
    world: BookingWorld, web: WebReceiver, start: Start, interval: str
) -> None:
    process = start(world, web, "--check-interval", interval)
    line_with(process, "clean: 0 test rows")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_once_a_database_that_does_not_answer_is_told_and_ends_with_four(web: WebReceiver) -> None:
    url = "postgresql://tester@127.0.0.1:1/booking_test"
    result = prodtest("watch", "--once", PRODUCTION_DB_URL=url, PRODTEST_ALERT_URLS=web.url)
    assert result.code == 4
    assert "does not answer" in result.complaint
    assert told(web)[0].startswith("critical: the database at ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--alert-threshold", "-1"), "--alert-threshold"),
        (("--check-interval", "0"), "--check-interval"),
        (("--check-interval", "nan"), "nan is not a number"),
    ],
)
def test_a_wrong_number_is_one_line_and_two(world: BookingWorld, arguments: tuple[str, str], said: str) -> None:
    result = prodtest("watch", "--once", *arguments, "--db-url", world.url)
    assert result.code == 2
    assert said in result.complaint
