"""`prodtest run` against the reference application, and against applications that are none."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import psycopg
import pytest

from prodtest_assets.booking_flow.process import start_suite
from prodtest_assets.sandbox.seed import seed_customers
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from tests.integration.cli.commands import Result, command, environment, prodtest
from tests.suites import lasting_suite, wait_for_a_booking

PYTEST_INTERRUPTED = 2
ONE_TEST = "test_complete_booking_saves_to_database"


@pytest.fixture
def sandbox_url(booking_url: str) -> str:
    """A sandbox's database with customers in it."""
    seed_customers(booking_url)
    return booking_url


def settings(database_url: str, url: str, **more: str) -> dict[str, str]:
    """The environment of a run."""
    return {"PRODUCTION_DB_URL": database_url, "PRODUCTION_DB_TEST_MODE": "true", "PRODUCTION_TEST_URL": url, **more}


@contextmanager
def untouched(database_url: str) -> Iterator[None]:
    """Inside, no customer's row changes and nothing is left behind."""
    with open_database(database_url) as database:
        before = customer_fingerprints(database)
        rows = database.rows("users_with_number", digits="")
        counts = database.connection.execute("SELECT count(*) AS n FROM appointments").fetchone()
        yield
        assert rows_changed(database, before) == 0
        assert database.connection.execute("SELECT count(*) AS n FROM appointments").fetchone() == counts
        assert database.rows("users_with_number", digits="") == rows


class _Answer(BaseHTTPRequestHandler):
    status, body = 200, b"<html><body>Welcome!</body></html>"

    def do_GET(self) -> None:
        """Answer like everything else."""
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


class _ServerError(_Answer):
    status, body = 500, b"Internal Server Error"


@contextmanager
def web_site(handler: type[_Answer]) -> Iterator[str]:
    """Something that answers, but is no booking application."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_a_green_run_reports_and_stores_two_snapshots(sandbox_url: str) -> None:
    with running_app(sandbox_url) as app, untouched(sandbox_url):
        result = prodtest("run", "--json", "-k", ONE_TEST, **settings(sandbox_url, app.url))
    assert result.code == 0, result.err
    report = result.json()
    assert report["booking_flow"] == {"passed": 1, "failed": 0, "skipped": 0}
    assert [(test["test"], test["outcome"]) for test in report["tests"]] == [
        (f"TestProductionCallFlowWithDatabase::{ONE_TEST}", "passed")
    ]
    assert report["left_of_this_run"] == 0
    assert report["cleanup"]["stop_reason"] == "drained"
    assert "***" in report["database"]
    with open_database(sandbox_url) as database:
        assert len(database.rows("snapshots", limit=10)) == 2
        assert database.row("run", run_id=report["run"])["outcome"] == "passed"


def test_a_run_creates_the_schema_it_needs(sandbox_url: str) -> None:
    with open_database(sandbox_url) as database:
        database.connection.execute("DROP SCHEMA prodtest CASCADE")
    with running_app(sandbox_url) as app:
        assert prodtest("run", "-k", ONE_TEST, **settings(sandbox_url, app.url)).code == 0


def test_a_failed_test_is_exit_1_and_is_cleaned_up_all_the_same(sandbox_url: str) -> None:
    with running_app(sandbox_url, faults=["wrong-time"]) as app, untouched(sandbox_url):
        result = prodtest("run", "--verbose", "-k", "appointment_data_accuracy", **settings(sandbox_url, app.url))
    assert result.code == 1
    assert "0 passed, 1 failed" in result.out
    assert "of this run left: 0" in result.out


@pytest.mark.parametrize("handler", [_Answer, _ServerError])
def test_an_application_that_answers_wrongly_is_a_failed_test(sandbox_url: str, handler: type[_Answer]) -> None:
    with web_site(handler) as url, untouched(sandbox_url):
        result = prodtest("run", "-k", ONE_TEST, **settings(sandbox_url, url))
    assert result.code == 1
    assert "0 passed, 1 failed" in result.out


def test_an_application_that_does_not_answer_is_exit_4_and_no_run_is_opened(sandbox_url: str) -> None:
    result = prodtest("run", **settings(sandbox_url, "http://127.0.0.1:1"))
    assert (result.code, result.out) == (4, "")
    assert "does not answer" in result.complaint
    with open_database(sandbox_url) as database:
        assert database.connection.execute("SELECT count(*) AS n FROM prodtest.test_run").fetchone() == {"n": 0}


def test_a_run_without_test_mode_is_refused_before_anybody_is_called(sandbox_url: str) -> None:
    with running_app(sandbox_url) as app:
        result = prodtest("run", **settings(sandbox_url, app.url, PRODUCTION_DB_TEST_MODE="false"))
    assert (result.code, result.out) == (3, "")
    assert "PRODUCTION_DB_TEST_MODE" in result.complaint


@pytest.mark.parametrize("expression", ["no_such_test", "(("])
def test_a_run_in_which_no_test_passed_is_no_success(sandbox_url: str, expression: str) -> None:
    with running_app(sandbox_url) as app:
        assert prodtest("run", "-k", expression, **settings(sandbox_url, app.url)).code in (1, 2)


def test_a_dry_run_says_what_would_run_and_calls_nobody(sandbox_url: str) -> None:
    given = settings(sandbox_url, "http://127.0.0.1:1")
    del given["PRODUCTION_TEST_URL"]
    result = prodtest("run", "--dry-run", **given)
    assert (result.code, result.err) == (0, "")
    assert ONE_TEST in result.out
    assert "PRODUCTION_TEST_URL" in result.out
    with open_database(sandbox_url) as database:
        assert database.connection.execute("SELECT count(*) AS n FROM prodtest.test_run").fetchone() == {"n": 0}


@pytest.mark.parametrize(
    "finding",
    [
        "ALTER TABLE appointments DROP COLUMN notes",
        "ALTER TABLE appointments ALTER COLUMN is_test_data DROP NOT NULL",
        "DROP TABLE appointments CASCADE",
    ],
)
def test_a_dry_run_describes_whatever_it_finds(sandbox_url: str, finding: str) -> None:
    with psycopg.connect(sandbox_url) as connection:
        connection.execute(finding.encode())
    result = prodtest("run", "--dry-run", "-k", "quick", PRODUCTION_DB_URL=sandbox_url)
    assert (result.code, result.err) == (0, "")
    assert "not ready: " in result.out
    assert re.search(r"would run \d+ tests? that -k 'quick' selects:", result.out)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("accuracy or TestMenus and keypad", ["TestMenus::test_keypad", "test_accuracy"]),
        ("deep and not accuracy", ["TestMenus::test_keypad"]),
        ("zero", ["TestMenus::test_keypad"]),
        ("nothing_like_it", []),
    ],
)
def test_a_dry_run_lists_the_tests_that_an_expression_selects(
    tmp_path: Path, sandbox_url: str, expression: str, expected: list[str]
) -> None:
    (tmp_path / "test_line.py").write_text(
        "import pytest\n"
        "class TestMenus:\n"
        "    @pytest.mark.deep\n"
        "    @pytest.mark.parametrize('digit', ['zero', 'one'])\n"
        "    def test_keypad(self, digit): raise SystemExit('it ran')\n"
        "def test_accuracy(caller): caller.book()\n"
        "def test_other(): pass\n"
    )
    given = {"PRODUCTION_DB_URL": sandbox_url, "PRODTEST_SUITE": str(tmp_path)}
    shown = prodtest("run", "--dry-run", "-k", expression, **given)
    assert (shown.code, shown.err) == (0, "")
    found = prodtest("run", "--dry-run", "--skip-checks", "--json", "-k", expression, **given).json()
    assert found["tests"] == [f"test_line.py::{name}" for name in expected]
    assert [line.strip() for line in shown.out.splitlines() if "::" in line] == found["tests"]
    assert f"would run {len(expected)} test" in shown.out


def test_an_expression_that_pytest_does_not_understand_is_wrong_usage_in_a_dry_run_too(sandbox_url: str) -> None:
    result = prodtest("run", "--dry-run", "--skip-checks", "-k", "((", PRODUCTION_DB_URL=sandbox_url)
    assert (result.code, result.out) == (2, "")
    assert "'-k'" in result.complaint


def test_a_dry_run_names_the_files_of_a_suite_that_cannot_be_loaded(tmp_path: Path, sandbox_url: str) -> None:
    (tmp_path / "test_broken.py").write_text("import a_module_that_is_not_there\ndef test_one(): pass\n")
    (tmp_path / "test_fine.py").write_text("def test_one(): pass\n")
    given = {"PRODUCTION_DB_URL": sandbox_url, "PRODTEST_SUITE": str(tmp_path)}
    result = prodtest("run", "--dry-run", "--skip-checks", "-k", "one", **given)
    assert (result.code, result.err) == (0, "")
    assert "  test_fine.py::test_one\n" in result.out
    assert "/test_broken.py: ModuleNotFoundError: No module named" in result.out


def test_a_dry_run_that_cannot_look_is_no_success() -> None:
    result = prodtest("run", "--dry-run", PRODUCTION_DB_URL="postgresql://nobody@127.0.0.1:1/booking_test")
    assert result.code == 4
    assert "does not answer" in result.complaint


@pytest.mark.parametrize(
    ("sent", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupted_run_cleans_up_after_itself(
    sandbox_url: str, tmp_path: Path, sent: signal.Signals, code: int, said: str
) -> None:
    with running_app(sandbox_url) as app, untouched(sandbox_url):
        process = subprocess.Popen(
            command("run", "--json"),
            env=environment(settings(sandbox_url, app.url, PRODTEST_SUITE=str(lasting_suite(tmp_path)))),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_a_booking(sandbox_url)
        process.send_signal(sent)
        out, err = process.communicate(timeout=90)
    result = Result(process.returncode, out, err)
    assert result.code == code
    assert err.splitlines()[-1] == f"prodtest: {said}"
    assert result.json()["interrupted"]
    assert result.json()["left_of_this_run"] == 0


@pytest.mark.parametrize("times", [2, 3])
def test_only_the_third_interruption_ends_the_cleanup_that_follows_the_first(
    sandbox_url: str, tmp_path: Path, times: int
) -> None:
    told, suite = tmp_path / "told", tmp_path / "suite"
    suite.mkdir()
    with (
        running_app(sandbox_url) as app,
        told.open("w") as err,
        open_database(sandbox_url) as application,
    ):
        process = subprocess.Popen(
            command("run", "--json"),
            env=environment(settings(sandbox_url, app.url, PRODTEST_SUITE=str(lasting_suite(suite)))),
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        )
        wait_for_a_booking(sandbox_url)
        with application.transaction():
            application.connection.execute("SELECT 1 FROM appointments WHERE is_test_data FOR UPDATE")
            process.send_signal(signal.SIGINT)
            while not _is_told(told, "cleaning up behind the run"):
                process.send_signal(signal.SIGINT)
            if times > 2:
                process.send_signal(signal.SIGINT)
                process.wait(30)
        out, _ = process.communicate(timeout=90)
    assert process.returncode == 130
    assert told.read_text().splitlines()[-1] == "prodtest: interrupted"
    if times > 2:
        assert out == ""
    else:
        assert Result(process.returncode, out, "").json()["left_of_this_run"] == 0


def _is_told(file: Path, text: str) -> bool:
    """Whether it is told within some seconds."""
    deadline = time.monotonic() + 3
    while text not in file.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    return text in file.read_text()


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.2, 0.6])
def test_a_suite_that_is_interrupted_while_it_starts_ends_without_a_traceback(seconds: float, tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    import time; time.sleep(60)\n")
    with (tmp_path / "output").open("wb") as output:
        process = start_suite(tmp_path, run_id=uuid4(), stdout=output.fileno(), stderr=output.fileno())
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        # Interrupted inside exec(), Python sends itself the signal at its end, although the interruption was caught.
        assert process.wait(60) in (PYTEST_INTERRUPTED, -signal.SIGINT)
    assert "Traceback" not in (tmp_path / "output").read_text()
