"""`prodtest dev` in a checkout of its own: up, worked with, ended in every way, and gone afterwards."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.checkouts import SECONDS, assert_that_nothing_runs, copied_checkout, end, processes_of
from tests.integration.cli.commands import command, environment
from tests.integration.dagster_web import FINISHED, daemons_are_well, instigators, launch, status, wait_for

SECONDS_TO_STOP = 15
QUIET = {"PRODTEST_AUTOSTART": "false"}


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A copy of this checkout with a `.env` that a private world must not read."""
    with copied_checkout() as folder:
        (folder / ".env").write_text("PRODTEST_MAX_DELETE=0\nPRODTEST_SUITE=nowhere\n")
        yield folder


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


def stop(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    """End a session as a person does, and see that it is done in time."""
    process.send_signal(number)
    started = time.monotonic()
    result = end(process)
    assert time.monotonic() - started < SECONDS_TO_STOP
    assert (result.code, result.err.splitlines()[-1]) == (0, "prodtest: stopping")


def assert_that_nobody_listens(document: Mapping[str, str]) -> None:
    for name in ("url", "application"):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(document[name].rpartition(":")[2]))) != 0


def suite_runs(checkout: Path) -> bool:
    return any("pytest" in text and "prodtest-run-id" in text for text in processes_of(checkout).values())


def test_it_shows_the_definitions_with_everything_running_and_ctrl_c_ends_it_in_order(checkout: Path) -> None:
    process = start(checkout, "--fresh", settings={})
    told = until_up(process)
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
    return next(pid for pid, text in processes_of(checkout).items() if "dev_keeper" in text and "code-server" in text)


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
