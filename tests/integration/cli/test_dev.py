"""`prodtest dev` in a checkout of its own: up, worked with, ended in every way, and gone afterwards."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.checkouts import SECONDS, assert_that_nothing_runs, copied_checkout, end, processes_of
from tests.integration.cli.commands import Result, command, environment, prodtest
from tests.integration.dagster_web import FINISHED, daemons_are_well, instigators, launch, status, wait_for

SECONDS_TO_STOP = 15
QUIET = {"PRODTEST_AUTOSTART": "false"}
ALERTS = {"PRODTEST_ALERT_URLS": "file:///dev/null"}


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A copy of this checkout with a `.env` that a private world must not read."""
    with copied_checkout() as folder:
        (folder / ".env").write_text("PRODTEST_MAX_DELETE=0\nPRODTEST_SUITE=nowhere\n")
        yield folder


@pytest.fixture(autouse=True)
def _no_session_stays(checkout: Path) -> Iterator[None]:
    """A test that failed leaves its session, which would be in the way of the next test."""
    yield
    for pid, text in processes_of(checkout).items():
        if "-m prodtest_assets dev" in text:
            os.kill(pid, signal.SIGKILL)


def start(
    checkout: Path, *arguments: str, settings: Mapping[str, str] = QUIET, shell: bool = False
) -> subprocess.Popen[str]:
    """Start a session; with `shell` its parent is a shell that waits for it."""
    words = command("dev", "--json", *arguments)
    return subprocess.Popen(
        ["sh", "-c", '"$@"; exit', "sh", *words] if shell else words,
        cwd=checkout,
        env=environment(settings, package=checkout),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_up(process: subprocess.Popen[str]) -> Any:
    """Wait for the document that a session prints when everything is up."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    raise AssertionError(f"it ended before it was up: {process.stderr.read() if process.stderr else ''}")


def until_said(process: subprocess.Popen[str], text: str) -> None:
    """Read its progress until a line holds `text`."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it ended without saying {text!r}")


def explained(result: Result) -> str:
    """What it said, and the log that it names."""
    named = re.search(r"(/\S+\.log) says why", result.err)
    return result.err + (Path(named[1]).read_text()[-4000:] if named else "")


def stop(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    """End a session as a person does, and see that it is done in time."""
    process.send_signal(number)
    started = time.monotonic()
    result = end(process)
    assert time.monotonic() - started < SECONDS_TO_STOP
    assert (result.code, result.err.splitlines()[-1]) == (0, "prodtest: stopping"), explained(result)


def assert_that_nobody_listens(document: Mapping[str, str]) -> None:
    for name in ("url", "application"):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(document[name].rpartition(":")[2]))) != 0


def dagster_of(checkout: Path) -> dict[int, str]:
    """The processes of Dagster in a session."""
    found = {pid: text for pid, text in processes_of(checkout).items() if "dagster" in text.partition(" -m ")[2]}
    assert len(found) >= 3
    return found


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


def suite_runs(checkout: Path) -> bool:
    return any("pytest" in text and "prodtest-run-id" in text for text in processes_of(checkout).values())


def test_it_shows_the_definitions_with_everything_running_and_ctrl_c_ends_it_in_order(checkout: Path) -> None:
    process = start(checkout, "--fresh", settings=ALERTS)
    told = until_up(process)
    assert not [text for pid, text in dagster_of(checkout).items() if "PRODTEST_ALERT_URLS" in environment_of(pid)]
    states = instigators(told["url"], "prodtest")
    assert {"daily_booking_flow", "monitor_every_15_minutes", "stale_test_data_sensor"} <= set(states)
    assert set(states.values()) == {"RUNNING"}
    wait_for(lambda: daemons_are_well(told["url"]))
    second = end(start(checkout))
    assert (second.code, second.out) == (2, "")
    assert told["url"] in second.complaint
    stop(process)
    assert_that_nothing_runs(checkout)
    assert_that_nobody_listens(told)


def test_ctrl_c_during_a_run_leaves_nothing_that_the_next_cleanup_does_not_take(checkout: Path) -> None:
    process = start(checkout)
    told = until_up(process)
    run_id = launch(told["url"], "prodtest", "booking_flow_and_cleanup")
    wait_for(lambda: suite_runs(checkout))
    time.sleep(3)
    stop(process)
    assert_that_nothing_runs(checkout)

    process = start(checkout, "--port", told["url"].rpartition(":")[2])
    told = until_up(process)
    assert status(told["url"], run_id) in ("FAILURE", "CANCELED")
    next_id = launch(told["url"], "prodtest", "booking_flow_and_cleanup")
    wait_for(lambda: status(told["url"], next_id) in FINISHED, SECONDS)
    assert status(told["url"], next_id) == "SUCCESS"
    stop(process, signal.SIGTERM)
    assert_that_nothing_runs(checkout)


def itself(process: subprocess.Popen[str], checkout: Path) -> int:
    (found,) = [
        pid for pid, text in processes_of(checkout).items() if "prodtest_assets dev" in text and "sh -c" not in text
    ]
    return found


def its_parent(process: subprocess.Popen[str], checkout: Path) -> int:
    return process.pid


def a_keeper(process: subprocess.Popen[str], checkout: Path) -> int:
    return next(pid for pid, text in processes_of(checkout).items() if "dev.keeper" in text and "code-server" in text)


@pytest.mark.parametrize("victim", [itself, its_parent, a_keeper])
def test_after_kill_9_nothing_is_left_and_the_next_one_starts(
    checkout: Path, victim: Callable[[subprocess.Popen[str], Path], int]
) -> None:
    process = start(checkout, shell=True)
    told = until_up(process)
    launch(told["url"], "prodtest", "booking_flow_and_cleanup")
    wait_for(lambda: suite_runs(checkout))
    os.kill(victim(process, checkout), signal.SIGKILL)
    end(process)
    assert_that_nothing_runs(checkout)

    process = start(checkout, "--port", told["url"].rpartition(":")[2])
    until_up(process)
    stop(process)
    assert_that_nothing_runs(checkout)


@pytest.mark.parametrize("said", ["starting PostgreSQL", "preparing the booking database", "starting Dagster"])
def test_ctrl_c_while_it_starts_is_one_line_and_leaves_nothing(checkout: Path, said: str) -> None:
    process = start(checkout)
    until_said(process, said)
    time.sleep(random.uniform(0, 1.5))
    process.send_signal(signal.SIGINT)
    result = end(process)
    assert (result.code, result.out) == (130, "")
    assert result.err.splitlines()[-1] == "prodtest: interrupted"
    assert_that_nothing_runs(checkout)


def the_web_server(checkout: Path) -> int:
    return next(
        pid
        for pid, text in processes_of(checkout).items()
        if "-m dagster_webserver" in text and "dev.keeper" not in text
    )


def test_a_process_of_it_that_dies_ends_it_with_its_name_and_its_log(checkout: Path) -> None:
    process = start(checkout, "--alerts", settings=QUIET | ALERTS)
    until_up(process)
    assert "PRODTEST_ALERT_URLS" in environment_of(the_web_server(checkout)), "asked for"
    os.kill(the_web_server(checkout), signal.SIGKILL)
    result = end(process)
    assert result.code == 1
    assert "webserver ended by itself" in result.err.splitlines()[-1]
    assert "webserver.log" in result.err.splitlines()[-1]
    assert_that_nothing_runs(checkout)


def test_ones_own_deployment_is_shown_and_gets_no_application(checkout: Path, booking_url: str) -> None:
    own = {
        **QUIET,
        "PRODUCTION_DB_URL": booking_url,
        "PRODUCTION_DB_TEST_MODE": "true",
        "PRODUCTION_TEST_URL": "http://127.0.0.1:9/",
    }
    process = start(checkout, settings=own)
    told = until_up(process)
    assert told["application"] == "http://127.0.0.1:9"
    assert told["booking_database"].endswith(booking_url.rpartition("@")[2])
    assert "@" not in told["booking_database"]
    assert not any("prodtest_assets.sandbox.app" in text for text in processes_of(checkout).values())
    run_id = launch(told["url"], "prodtest", "monitor_test_data")
    wait_for(lambda: status(told["url"], run_id) in FINISHED)
    assert status(told["url"], run_id) == "SUCCESS"
    stop(process)
    assert_that_nothing_runs(checkout)


@pytest.mark.parametrize(
    ("given", "missing", "value"),
    [
        ("PRODUCTION_DB_URL", "PRODUCTION_TEST_URL", "postgresql://somebody:secret@127.0.0.1/booking_test"),
        ("PRODUCTION_TEST_URL", "PRODUCTION_DB_URL", "http://127.0.0.1:9"),
    ],
)
def test_half_a_deployment_is_refused_by_naming_the_other_half(given: str, missing: str, value: str) -> None:
    result = prodtest("dev", **{given: value})
    assert (result.code, result.out) == (2, "")
    assert f"{given} is set and {missing} is not" in result.complaint


def test_a_fault_of_ones_own_application_is_refused() -> None:
    own = {"PRODUCTION_DB_URL": "postgresql://127.0.0.1/booking_test", "PRODUCTION_TEST_URL": "http://127.0.0.1:9"}
    result = prodtest("dev", "--fault", "slow", **own)
    assert (result.code, result.out) == (2, "")
    assert "--fault is for the private application" in result.complaint


def test_a_busy_port_and_an_unknown_fault_are_one_line_before_anything_starts(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = end(start(checkout, "--port", str(port)))
    assert (result.code, result.out) == (2, "")
    assert f"port {port} is in use; choose another with --port" in result.complaint
    result = end(start(checkout, "--fault", "no-such-fault"))
    assert result.code == 2
    assert "no-such-fault" in result.complaint


def test_without_the_web_server_it_says_what_to_install(checkout: Path, tmp_path: Path) -> None:
    # None says that it is not there. https://docs.python.org/3/reference/import.html#the-module-cache
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['dagster_webserver'] = None\n")
    process = subprocess.run(
        command("dev"),
        env=environment(QUIET, package=checkout) | {"PYTHONPATH": f"{tmp_path}:{checkout}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2, process.stderr
    assert "pip install 'prodtest-assets[sandbox" in process.stderr
    assert len(process.stderr.splitlines()) == 1


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_twenty_sessions_that_end_in_every_way_leave_nothing(checkout: Path) -> None:
    ways = [itself, its_parent, a_keeper, None]
    for turn in range(20):
        process = start(checkout, shell=True)
        told = until_up(process)
        if turn % 2:
            launch(told["url"], "prodtest", "booking_flow_and_cleanup")
            time.sleep(random.uniform(0, 8))
        way = ways[turn % len(ways)]
        if way:
            os.kill(way(process, checkout), signal.SIGKILL)
        else:
            os.kill(itself(process, checkout), random.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
        end(process)
        assert_that_nothing_runs(checkout)
