"""The plugin in a suite of someone's own: what its fixtures give, refuse and take back."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import psycopg
import pytest

from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.sandbox.server import RunningApp, running_app
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.runs import latest_run
from tests.scripted_api import Answer, Request, scripted_api
from tests.suites import SuiteResult, nothing_left_behind, run_suite, settings_for

RunOwnSuite = Callable[..., SuiteResult]


@pytest.fixture
def app(booking_url: str) -> Iterator[RunningApp]:
    """The reference application on a database without rows."""
    with running_app(booking_url) as app:
        yield app


@pytest.fixture
def settings(booking_url: str, app: RunningApp) -> dict[str, str]:
    """The environment in which a suite tests that application."""
    return settings_for(booking_url, app)


@pytest.fixture
def run_own_suite(tmp_path: Path, settings: dict[str, str]) -> RunOwnSuite:
    """Runs a test module with the given text, and settings on top of those of the sandbox."""

    def run_own_suite(text: str, **changes: str) -> SuiteResult:
        (tmp_path / "test_own.py").write_text(text)
        return run_suite(tmp_path / "test_own.py", tmp_path, settings | changes)

    return run_own_suite


_BOOKS_AND = """
def test_own(caller):
    call = caller.book()
    assert caller.stored(call)
    {ending}
"""


def test_what_a_test_booked_is_gone_when_it_has_passed(booking_url: str, run_own_suite: RunOwnSuite) -> None:
    with nothing_left_behind(booking_url):
        result = run_own_suite(_BOOKS_AND.format(ending=""))
    assert result.outcomes == {"test_own": "passed"}


@pytest.mark.parametrize("ending", ["assert False", "raise RuntimeError", "import pytest; pytest.exit('enough')"])
def test_what_a_test_booked_is_gone_however_it_ends(booking_url: str, run_own_suite: RunOwnSuite, ending: str) -> None:
    with nothing_left_behind(booking_url):
        result = run_own_suite(_BOOKS_AND.format(ending=ending))
    assert result.exit_code != pytest.ExitCode.OK


_INTERRUPTED_WITHOUT_A_LINE = """
import sys
from types import TracebackType

def frame_with_lineless_instructions():
    with open("/dev/null"):
        return sys._getframe()

def test_own(caller):
    caller.book()
    frame = frame_with_lineless_instructions()
    lineless = next(start for start, _, line in frame.f_code.co_lines() if line is None)
    raise KeyboardInterrupt().with_traceback(TracebackType(None, frame, lineless, -1))
"""


def test_ctrl_c_between_two_lines_ends_a_run_as_interrupted_and_without_traceback(
    booking_url: str, run_own_suite: RunOwnSuite
) -> None:
    with nothing_left_behind(booking_url):
        result = run_own_suite(_INTERRUPTED_WITHOUT_A_LINE)
    assert (result.exit_code, "Traceback" in result.output) == (pytest.ExitCode.INTERRUPTED, False)


def test_without_automatic_cleanup_the_rows_stay_for_the_next_cleanup(
    booking_url: str, run_own_suite: RunOwnSuite
) -> None:
    result = run_own_suite(_BOOKS_AND.format(ending=""), TEST_DATA_AUTO_CLEANUP="false")

    with open_database(booking_url) as database:
        (call,) = database.rows("calls_of_run", run_id=result.run_id)
        assert [row["appointment_id"] for row in database.rows("bookings_of_user", user_id=call["user_id"])] == [
            call["appointment_id"]
        ]


def test_a_row_that_is_stored_after_its_caller_was_cut_off_is_taken_back(
    booking_url: str, settings: dict[str, str], tmp_path: Path
) -> None:
    def store_late(request: Request) -> Answer:
        time.sleep(0.8)
        with psycopg.connect(booking_url) as connection:
            connection.execute(
                "WITH person AS (INSERT INTO users (full_name, mobile) VALUES ('Late Row', %s) RETURNING id)"
                " INSERT INTO appointments (user_id, starts_at, is_test_data) SELECT id, now(), true FROM person",
                parse_qs(request.body)["From"],
            )
        return 200, ""

    suite = "def test_own(caller):\n    assert caller.book().problem is None"
    (tmp_path / "test_own.py").write_text(suite)
    with nothing_left_behind(booking_url), scripted_api() as answering:
        application = answering(store_late)
        changes = {"PRODUCTION_TEST_URL": application.url, "PRODUCTION_TEST_TIMEOUT": "0.3"}
        result = run_suite(tmp_path / "test_own.py", tmp_path, settings | changes)

    assert result.outcomes == {"test_own": "failed"}
    with open_database(booking_url) as database:
        assert len(database.rows("archived_counts", cleanup_id=result.run_id)) == 2


def test_a_row_that_cannot_be_removed_is_an_error_of_its_test(booking_url: str, run_own_suite: RunOwnSuite) -> None:
    result = run_own_suite("""
def test_own(caller, prod_db, test_call_context):
    assert caller.stored(caller.book())
    prod_db.connection.execute(
        "INSERT INTO prodtest.hold (run_id, until, reason, actor) VALUES (%s, now() + '1 hour', 'to look at', 'me')",
        [test_call_context.run_id],
    )
""")

    assert result.outcomes == {"test_own": "error"}
    assert "could not be removed" in result.messages["test_own"]
    with open_database(booking_url) as database:
        run = database.row("run", run_id=result.run_id)
    assert (run["outcome"], run["passed"], run["failed"]) == ("failed", 0, 1)


def test_a_database_that_goes_away_in_the_middle_fails_the_run_with_one_line(run_own_suite: RunOwnSuite) -> None:
    result = run_own_suite("""
def test_own(caller, prod_db):
    prod_db.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'prodtest'"
    )
    caller.book()
def test_another(caller): caller.book()
""")

    assert result.outcomes == {"test_own": "error", "test_another": "error"}
    assert all("connection to the database was lost" in message for message in result.messages.values())
    assert "Traceback" not in result.output
    assert result.exit_code == pytest.ExitCode.TESTS_FAILED


def test_the_run_is_counted_in_the_ledger(booking_url: str, run_own_suite: RunOwnSuite) -> None:
    result = run_own_suite("""
import pytest
def test_passes(caller): assert caller.stored(caller.book())
def test_fails(): assert False
def test_is_skipped(): pytest.skip("not today")
""")

    with open_database(booking_url) as database:
        run = database.row("run", run_id=result.run_id)
    assert (run["outcome"], run["passed"], run["failed"], run["skipped"]) == ("failed", 1, 1, 1)
    assert run["finished_at"] is not None


def test_the_ledger_keeps_how_each_test_ended_and_why_without_a_secret_or_a_caller(
    booking_url: str, run_own_suite: RunOwnSuite
) -> None:
    run_own_suite(
        """
import pytest
def test_passes(caller): assert caller.stored(caller.book())
def test_fails(caller, production_api_key):
    call = caller.book()
    stored = caller.stored(call)
    pytest.fail(f"{production_api_key} {stored.full_name} {stored.mobile}" + "\\x00\\x1b[31m" + "x" * 400 + "\\nmore")
@pytest.mark.parametrize("number", ["+12125550147"])
def test_is_skipped(number): pytest.skip("not [bold]today[/bold]")
@pytest.fixture
def broken(caller):
    yield caller.book()
    raise RuntimeError("cannot tidy up")
def test_leaves_a_mess(broken): pass
""",
        PRODUCTION_API_KEY="the-key-of-the-door",
    )
    with open_database(booking_url) as database:
        run = latest_run(database)
        names = [row["caller_name"] for row in database.rows("callers_of_runs", run_ids=[run.id if run else None])]
    assert run is not None
    fails, mess, skipped, passes = run.tests
    assert [(case.file, case.outcome) for case in run.tests] == [
        ("test_own.py", outcome) for outcome in ("failed", "failed", "skipped", "passed")
    ]
    assert (passes.test, passes.reason, mess.reason) == ("test_passes", "", "in teardown: RuntimeError: cannot tidy up")
    assert skipped.reason == "not [bold]today[/bold]"
    assert "5550147" not in skipped.test
    assert fails.reason.startswith("Failed: *** ")
    assert fails.reason.isprintable()
    assert len(fails.reason) == 300
    assert not [name for name in names if name.split()[0] in repr(run.tests)]
    assert "555" not in fails.reason
    assert passes.seconds > 0


def test_a_test_that_was_interrupted_has_not_ended(booking_url: str, run_own_suite: RunOwnSuite) -> None:
    run_own_suite("""
def test_passes(caller): assert caller.stored(caller.book())
def test_is_interrupted(): raise KeyboardInterrupt
""")
    with open_database(booking_url) as database:
        run = latest_run(database)
    assert run is not None
    assert (run.outcome, run.passed, [case.test for case in run.tests]) == ("abandoned", 1, ["test_passes"])


def test_a_suite_that_never_calls_leaves_no_run_behind(booking_url: str, run_own_suite: RunOwnSuite) -> None:
    result = run_own_suite("def test_reads(prod_db): assert prod_db.rows('users_with_number', digits='1') == []")

    assert result.outcomes == {"test_reads": "passed"}
    with open_database(booking_url) as database:
        assert database.rows("run", run_id=result.run_id) == []


def test_what_is_written_under_rollback_is_never_seen_by_others(booking_url: str, run_own_suite: RunOwnSuite) -> None:
    with nothing_left_behind(booking_url):
        result = run_own_suite("""
def test_own(prod_db_with_rollback, prod_db):
    insert = "INSERT INTO users (full_name, mobile) VALUES ('A Person', '+12025550100')"
    prod_db_with_rollback.connection.execute(insert)
    assert len(prod_db_with_rollback.rows("users_with_number", digits="2025550100")) == 1
    assert prod_db.rows("users_with_number", digits="2025550100") == []
""")
    assert result.outcomes == {"test_own": "passed"}


@pytest.mark.parametrize("fixture", ["caller", "prod_db_with_rollback"])
def test_without_test_mode_writing_is_an_error_and_reading_is_not(
    booking_url: str, run_own_suite: RunOwnSuite, fixture: str
) -> None:
    result = run_own_suite(
        f"def test_writes({fixture}): pass\ndef test_reads(prod_db): pass", PRODUCTION_DB_TEST_MODE="false"
    )

    assert result.outcomes == {"test_writes": "error", "test_reads": "passed" if fixture != "caller" else "error"}
    assert "writing needs test mode: set PRODUCTION_DB_TEST_MODE=true" in result.messages["test_writes"]
    assert "Traceback" not in result.output
    assert "fixtures.py" not in result.output
    assert result.exit_code == pytest.ExitCode.TESTS_FAILED


def test_a_database_whose_name_does_not_say_test_is_refused_before_anything_is_written(
    postgres: PostgresServer, run_own_suite: RunOwnSuite
) -> None:
    url = postgres.create_database("bookings_main")
    try:
        result = run_own_suite(_BOOKS_AND.format(ending=""), PRODUCTION_DB_URL=url)
        with open_database(url) as database:
            assert not database.has_schema
    finally:
        postgres.drop_database("bookings_main")

    assert result.outcomes == {"test_own": "error"}
    assert "'bookings_main' does not say test, staging or dev" in result.messages["test_own"]


def test_tests_know_their_run_and_never_want_the_same_slot(run_own_suite: RunOwnSuite) -> None:
    result = run_own_suite(
        """
from datetime import datetime, timedelta
def test_own(test_call_context, production_test_url, production_api_key, request):
    assert str(test_call_context.run_id) == str(request.config.getoption("--prodtest-run-id"))
    assert test_call_context.test == "test_own"
    assert test_call_context.zone.key == "Europe/Berlin"
    assert test_call_context.retention == timedelta(hours=12)
    assert production_test_url.startswith("http://127.0.0.1:")
    assert production_api_key == "secret"
    starts = {test_call_context.draw_start(60) for _ in range(40)}
    assert len(starts) == 40
    assert all(start.tzinfo is not None for start in starts)
    assert not any(start + timedelta(minutes=30) in starts for start in starts)
""",
        PRODTEST_TIME_ZONE="Europe/Berlin",
        TEST_DATA_RETENTION_HOURS="12",
        PRODUCTION_API_KEY="secret",
    )
    assert result.outcomes == {"test_own": "passed"}, result.output


def test_spoken_times_are_compared_in_the_zone_of_the_application(booking_url: str, tmp_path: Path) -> None:
    with running_app(booking_url, time_zone="America/New_York", auth_token="token") as app:
        settings = settings_for(booking_url, app) | {
            "PRODTEST_TIME_ZONE": "America/New_York",
            "TWILIO_AUTH_TOKEN": "token",
        }
        (tmp_path / "test_own.py").write_text("def test_own(caller): assert not caller.differences(caller.book())")
        result = run_suite(tmp_path / "test_own.py", tmp_path, settings)
    assert result.outcomes == {"test_own": "passed"}, result.output


def test_a_call_script_answers_first_and_says_how_callers_are(run_own_suite: RunOwnSuite, tmp_path: Path) -> None:
    script = tmp_path / "call.toml"
    script.write_text(
        '[answers]\n"your full name" = "{first_name} Scripted"\n[caller]\nduration_min = 60\nname = "Bo Li"\n'
    )
    result = run_own_suite(
        """
def test_own(caller):
    call = caller.book()
    stored = caller.stored(call)
    assert stored.duration_min == 60
    assert stored.full_name.endswith(" Scripted")
    hurried = caller.preset("quick_booking")
    assert hurried.duration_min == 60
    assert hurried.name is None
""",
        PRODTEST_CALL_SCRIPT=str(script),
    )
    assert result.outcomes == {"test_own": "passed"}, result.output


def test_a_wrong_call_script_is_an_error_with_its_line(run_own_suite: RunOwnSuite, tmp_path: Path) -> None:
    script = tmp_path / "call.toml"
    script.write_text("[answers]\nnonsense")
    result = run_own_suite(_BOOKS_AND.format(ending=""), PRODTEST_CALL_SCRIPT=str(script))

    assert result.outcomes == {"test_own": "error"}
    assert "line 2" in result.messages["test_own"]
    assert "Traceback" not in result.output


def test_a_refused_calendar_leaves_its_events_to_the_next_cleanup_and_the_test_green(
    booking_url: str, run_own_suite: RunOwnSuite
) -> None:
    result = run_own_suite(_BOOKS_AND.format(ending=""), GOOGLE_CALENDAR_ID="nobody@example.invalid")

    assert result.outcomes == {"test_own": "passed"}
    assert "calendar events were left to the next cleanup: there is no such calendar" in result.output


def test_a_team_loads_the_plugin_in_its_own_conftest(settings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["prodtest_assets.pytest_plugin"]')
    (tmp_path / "test_own.py").write_text(
        "import pytest\n@pytest.mark.essential\ndef test_own(caller): assert not caller.differences(caller.book())"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--strict-markers", "-W", "error", "-m", "essential"],
        cwd=tmp_path,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
