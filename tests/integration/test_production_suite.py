"""The booking-flow suite against the reference application: green when it works, red where it does not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from prodtest_assets.sandbox.seed import seed_customers
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.offenders import pending_events, unmarked_rows
from tests.suites import (
    BOOKING_FLOW,
    SuiteResult,
    nothing_left_behind,
    run_suite,
    settings_for,
    start_suite,
    suite_command,
)

CALL_FLOW = {
    "test_complete_booking_saves_to_database",
    "test_duplicate_prevention_in_production",
    "test_user_creation_and_reuse",
    "test_appointment_data_accuracy",
    "test_google_calendar_integration",
    "test_concurrent_bookings_isolation",
}
CLEANUP = {
    "test_cleanup_identifies_test_data",
    "test_cleanup_respects_age_filter",
    "test_verify_cleanup_rules",
}
ALL = CALL_FLOW | CLEANUP


@pytest.fixture
def sandbox_url(booking_url: str) -> str:
    """A sandbox's database with customers in it."""
    seed_customers(booking_url)
    return booking_url


def run_with_fault(url: str, folder: Path, fault: str, *arguments: str) -> SuiteResult:
    """Run the suite against an application that misbehaves; whatever it does, nothing may be left behind."""
    with running_app(url, faults=[fault]) as app, nothing_left_behind(url):
        result = run_suite(BOOKING_FLOW, folder, settings_for(url, app), *arguments)
    names_nobody(url, result)
    return result


def names_nobody(url: str, result: SuiteResult) -> None:
    """Insist that no caller's name or number stands in what the suite has printed."""
    with open_database(url) as database:
        for call in database.rows("calls_of_run", run_id=result.run_id):
            who = database.row("call_state", call_sid=call["call_sid"])
            assert who["caller_number"] not in result.output
            assert who["caller_name"] not in result.output


def test_a_healthy_application_passes_and_every_row_of_the_run_is_archived(sandbox_url: str, tmp_path: Path) -> None:
    with running_app(sandbox_url) as app, nothing_left_behind(sandbox_url):
        result = run_suite(BOOKING_FLOW, tmp_path, settings_for(sandbox_url, app))

    assert result.named("passed") == ALL, result.output
    with open_database(sandbox_url) as database:
        run = database.row("run", run_id=result.run_id)
        assert (run["outcome"], run["passed"], run["failed"], run["skipped"]) == ("passed", len(ALL), 0, 0)
        calls = database.rows("calls_of_run", run_id=result.run_id)
        archived = database.rows("archived_counts", cleanup_id=result.run_id)
        booked = [call for call in calls if call["outcome"] == "booked"]
        assert {row["table_name"]: row["count"] for row in archived} == {
            "appointments": len(booked),
            "users": len({call["user_id"] for call in booked}),
        }
        assert all(call["transcript"] for call in calls)
        assert not pending_events(database)
        assert database.row("cleanup_run", cleanup_id=result.run_id)["stop_reason"] == "drained"


@pytest.mark.parametrize(
    ("fault", "red", "said"),
    [
        ("forget-mark", {"test_appointment_data_accuracy"}, "mark: expected is_test_data = true"),
        ("wrong-time", {"test_appointment_data_accuracy", "test_concurrent_bookings_isolation"}, "start: expected"),
        ("double-book", {"test_duplicate_prevention_in_production"}, "expected 1, stored 2"),
        (
            "wrong-number",
            {
                "test_appointment_data_accuracy",
                "test_concurrent_bookings_isolation",
                "test_user_creation_and_reuse",
                "test_duplicate_prevention_in_production",
            },
            "number: expected +1",
        ),
    ],
)
def test_a_wrongly_stored_booking_turns_the_test_of_that_field_red(
    sandbox_url: str, tmp_path: Path, fault: str, red: set[str], said: str
) -> None:
    result = run_with_fault(sandbox_url, tmp_path, fault)

    assert result.named("failed", "error") == red, result.output
    assert any(said in result.messages[name] for name in red)
    assert result.exit_code == pytest.ExitCode.TESTS_FAILED
    with open_database(sandbox_url) as database:
        assert database.row("run", run_id=result.run_id)["outcome"] == "failed"
        assert bool(unmarked_rows(database, result.run_id).total) == (fault == "forget-mark")


def test_a_lost_appointment_is_red_and_its_user_is_removed(sandbox_url: str, tmp_path: Path) -> None:
    result = run_with_fault(sandbox_url, tmp_path, "leave-orphans", "-k", "complete or concurrent")

    assert result.named("failed") == {"test_complete_booking_saves_to_database", "test_concurrent_bookings_isolation"}
    assert (
        "no appointment of this call is in the database" in result.messages["test_complete_booking_saves_to_database"]
    )
    with open_database(sandbox_url) as database:
        archived = database.rows("archived_counts", cleanup_id=result.run_id)
        assert [row["table_name"] for row in archived] == ["users"]


def test_an_application_that_answers_nonsense_turns_every_test_red_and_is_called_once(
    sandbox_url: str, tmp_path: Path
) -> None:
    result = run_with_fault(sandbox_url, tmp_path, "broken-twiml")

    assert result.named("failed", "error") == ALL
    with open_database(sandbox_url) as database:
        assert len(database.rows("calls_of_run", run_id=result.run_id)) == 1


@pytest.mark.soak
def test_an_internal_error_of_the_application_is_named(sandbox_url: str, tmp_path: Path) -> None:
    result = run_with_fault(sandbox_url, tmp_path, "server-error", "-k", "test_complete_booking")

    assert result.named("failed") == {"test_complete_booking_saves_to_database"}
    assert "500" in result.messages["test_complete_booking_saves_to_database"]


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (("PRODUCTION_DB_URL", "PRODUCTION_TEST_URL"), "PRODUCTION_DB_URL not configured"),
        (("PRODUCTION_TEST_URL",), "PRODUCTION_TEST_URL not configured"),
    ],
)
def test_what_is_not_configured_skips_every_test_and_says_so(
    sandbox_url: str, tmp_path: Path, missing: tuple[str, ...], reason: str
) -> None:
    with running_app(sandbox_url) as app:
        settings = settings_for(sandbox_url, app)
    result = run_suite(BOOKING_FLOW, tmp_path, {name: text for name, text in settings.items() if name not in missing})

    assert result.named("skipped") == ALL
    assert all(message.startswith(f"{reason}\n") for message in result.messages.values())
    assert result.exit_code == pytest.ExitCode.OK


def test_without_a_calendar_only_its_test_is_skipped(sandbox_url: str, tmp_path: Path) -> None:
    with running_app(sandbox_url) as app:
        settings = settings_for(sandbox_url, app) | {"GOOGLE_CALENDAR_ENABLED": "false"}
        result = run_suite(BOOKING_FLOW, tmp_path, settings, "-k", "calendar or accuracy")

    assert result.outcomes == {
        "test_google_calendar_integration": "skipped",
        "test_appointment_data_accuracy": "passed",
    }
    assert result.messages["test_google_calendar_integration"].startswith("GOOGLE_CALENDAR_ENABLED not configured\n")


def test_a_database_that_is_switched_off_fails_every_test_with_one_line(sandbox_url: str, tmp_path: Path) -> None:
    with running_app(sandbox_url) as app:
        settings = settings_for(sandbox_url, app)
        settings["PRODUCTION_DB_URL"] = "postgresql://someone:hunter2@127.0.0.1:1/booking_test"
        result = run_suite(BOOKING_FLOW, tmp_path, settings)

    assert result.named("error") == ALL
    assert "does not answer" in result.messages["test_verify_cleanup_rules"]
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


def test_an_application_that_is_switched_off_fails_every_test_without_a_wait(sandbox_url: str, tmp_path: Path) -> None:
    with running_app(sandbox_url) as app:
        settings = settings_for(sandbox_url, app)
    started = time.monotonic()
    result = run_suite(BOOKING_FLOW, tmp_path, settings)

    assert result.named("failed") == ALL
    assert time.monotonic() - started < 50
    with open_database(sandbox_url) as database:
        assert len(database.rows("calls_of_run", run_id=result.run_id)) == 1


@pytest.mark.parametrize("calls_before", [1, 4, 9])
def test_ctrl_c_in_the_middle_leaves_nothing_behind(sandbox_url: str, tmp_path: Path, calls_before: int) -> None:
    run_id = uuid4()
    with running_app(sandbox_url) as app, nothing_left_behind(sandbox_url):
        suite = start_suite(BOOKING_FLOW, tmp_path, settings_for(sandbox_url, app), run_id=run_id)
        try:
            wait_for_calls(sandbox_url, run_id, calls_before)
            suite.send_signal(signal.SIGINT)
            output, _ = suite.communicate(timeout=30)
        finally:
            suite.kill()
            suite.wait()

    assert suite.returncode == pytest.ExitCode.INTERRUPTED, output
    with open_database(sandbox_url) as database:
        assert database.row("run", run_id=run_id)["outcome"] == "abandoned"
        assert all(call["closed_at"] for call in database.rows("calls_of_run", run_id=run_id))


def wait_for_calls(url: str, run_id: UUID, count: int) -> None:
    """Wait until a run has opened so many calls."""
    deadline = time.monotonic() + 60
    with open_database(url) as database:
        while len(database.rows("calls_of_run", run_id=run_id)) < count:
            assert time.monotonic() < deadline, f"the suite did not place {count} calls"
            time.sleep(0.01)


_PARENT = """
import os, subprocess, sys
child = subprocess.Popen([*sys.argv[1:], f"--prodtest-parent-pid={os.getpid()}"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def parent_and_suite(sandbox_url: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that leads a suite which calls, and the suite's pid."""
    run_id = uuid4()
    with running_app(sandbox_url) as app:
        parent = subprocess.Popen(
            [sys.executable, "-c", _PARENT, *suite_command(BOOKING_FLOW, run_id)],
            cwd=tmp_path,
            env=os.environ | settings_for(sandbox_url, app),
            stdout=subprocess.PIPE,
            text=True,
        )
        with parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            wait_for_calls(sandbox_url, run_id, 1)
            yield parent, pid
            parent.kill()


def test_the_suite_ends_when_its_parent_is_killed(parent_and_suite: tuple[subprocess.Popen[str], int]) -> None:
    parent, suite = parent_and_suite
    assert is_running(suite)
    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 5
    while is_running(suite) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(suite)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
