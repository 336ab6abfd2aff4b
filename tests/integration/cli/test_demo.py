"""`prodtest demo` in a checkout of its own: green, red where the application misbehaves, and gone afterwards."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from prodtest_assets.booking_flow.discovery import suite_tests
from prodtest_assets.sandbox.locks import held
from prodtest_assets.sandbox.postgres import private_postgres
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.models import Snapshot
from prodtest_assets.testdata.snapshot import take_snapshot
from tests.integration.cli.checkouts import assert_that_nothing_runs, copied_checkout, end, processes_of
from tests.integration.cli.commands import CHECKOUT, command, environment

TESTS = len(suite_tests(CHECKOUT / "tests" / "production"))
# Somebody's settings, which a demonstration must not look at.
REAL_SETTINGS = {
    "PRODUCTION_DB_URL": "postgresql://somebody@127.0.0.1:1/production",
    "PRODUCTION_TEST_URL": "http://127.0.0.1:1",
    "TEST_DATA_RETENTION_HOURS": "100000",
    "PGSSLMODE": "verify-full",
}


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A copy of this checkout, so that a developer's own demonstration is left alone."""
    with copied_checkout() as folder:
        (folder / ".env").write_text("PRODTEST_MAX_DELETE=0\nTEST_DATA_AUTO_CLEANUP=false\n")
        yield folder


def start(checkout: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a demonstration."""
    return subprocess.Popen(
        command("demo", *arguments),
        cwd=checkout,
        env=environment(REAL_SETTINGS, package=checkout),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def snapshot_of(checkout: Path) -> Snapshot:
    """What the demonstration's database holds."""
    with (
        private_postgres(checkout / ".prodtest" / "postgres") as server,
        open_database(server.url("booking_test")) as db,
    ):
        return take_snapshot(db, retention=timedelta(hours=24))


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    """Read until a line holds `text`."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"it ended without saying {text!r}: {process.stderr.read() if process.stderr else ''}")


def test_it_is_green_says_what_it_did_in_json_and_leaves_nothing_running(checkout: Path) -> None:
    result = end(start(checkout, "--fresh", "--json"))
    assert (result.code, result.err) == (0, ""), result
    told = json.loads(result.out)
    assert list(told) == ["booking_flow", "checks", "cleanup", "residue", "customer_rows_changed"]
    assert told["booking_flow"] == {"passed": TESTS, "failed": 0, "skipped": 0}
    assert all(told["checks"].values()), told["checks"]
    assert {"no_stale_test_rows", "every_production_test_passed", "cleanup_is_effective"} <= set(told["checks"])
    assert told["cleanup"] == {"deleted_appointments": 40, "deleted_users": 45, "stop_reason": "drained"}
    assert told["residue"] == {"stale": 0, "orphaned": 0, "unmarked": 0, "from_this_run": 0, "total": 0}
    assert told["customer_rows_changed"] == 0
    assert_that_nothing_runs(checkout)


def test_a_fault_turns_its_check_red_and_the_second_of_two_waits_for_its_turn(checkout: Path) -> None:
    (checkout / ".prodtest").mkdir(mode=0o755, exist_ok=True)
    with held(checkout / ".prodtest" / "demo.lock", 5):
        waiting = start(checkout, "--fault", "forget-mark")
        assert waiting.stderr is not None
        assert "waiting" in waiting.stderr.readline()
    result = end(waiting)
    assert result.code == 1
    assert "✘ no_unmarked_test_rows" in result.out
    last = result.out.splitlines()[-8:]
    assert any("residue: 0" in line for line in last)
    assert any("customers:" in line and line.endswith(" 0 changed") for line in last)
    assert_that_nothing_runs(checkout)


@pytest.mark.parametrize("said", ["A private PostgreSQL", "test_user_creation_and_reuse"])
def test_ctrl_c_ends_it_in_one_line_and_tidies_up(checkout: Path, said: str) -> None:
    process = start(checkout)
    wait_for_line(process, said)
    process.send_signal(signal.SIGINT)
    result = end(process)
    assert (result.code, result.complaint) == (130, "interrupted")
    assert_that_nothing_runs(checkout)
    snapshot = snapshot_of(checkout)
    assert (snapshot.residue.unmarked, snapshot.residue.from_this_run) == (0, 0)


def the_demonstration(process: subprocess.Popen[str], checkout: Path) -> int:
    return process.pid


def its_job(process: subprocess.Popen[str], checkout: Path) -> int:
    return next(pid for pid, text in processes_of(checkout).items() if "demo.job_process" in text)


@pytest.mark.parametrize("victim", [the_demonstration, its_job])
def test_after_kill_9_nothing_goes_on_and_the_next_one_finds_no_residue(
    checkout: Path, victim: Callable[[subprocess.Popen[str], Path], int]
) -> None:
    process = start(checkout)
    wait_for_line(process, "test_complete_booking_saves_to_database")
    os.kill(victim(process, checkout), signal.SIGKILL)
    assert end(process).code in (1, -signal.SIGKILL)
    assert_that_nothing_runs(checkout)

    told = json.loads(end(start(checkout, "--json")).out)
    assert told["booking_flow"] == {"passed": TESTS, "failed": 0, "skipped": 0}
    assert (told["residue"]["total"], told["customer_rows_changed"]) == (0, 0)


def test_a_state_folder_that_cannot_be_used_is_one_line(checkout: Path, tmp_path: Path) -> None:
    copy = checkout / "copy"
    shutil.copytree(checkout / "prodtest_assets", copy / "prodtest_assets")
    shutil.copy(checkout / "pyproject.toml", copy)
    (copy / ".prodtest").write_text("a file, where a folder should be")
    result = end(start(copy))
    assert (result.code, result.out) == (2, "")
    assert ".prodtest" in result.complaint
    assert (copy / ".prodtest").read_text() == "a file, where a folder should be"


def test_a_busy_port_for_the_web_ui_is_one_line_before_anything_is_started(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = end(start(checkout, "--web", "--web-port", str(port)))
    assert (result.code, result.out) == (2, "")
    assert f"port {port} is in use" in result.complaint
