"""scripts/run_production_tests.sh, run by a shell from wherever a person is."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prodtest_assets.sandbox.seed import seed_customers
from prodtest_assets.sandbox.server import RunningApp, running_app
from prodtest_assets.testdata.connection import open_database
from tests.integration.cli.commands import CHECKOUT, Result, environment
from tests.left_out import needs_debian_package
from tests.suites import lasting_suite, nothing_left_behind, settings_for, wait_for_a_booking

SCRIPT = CHECKOUT / "scripts" / "run_production_tests.sh"
ONE_TEST = ("-k", "test_complete_booking_saves_to_database")
# The folder of this Python's scripts, where pip has put `prodtest`.
_WITH_PRODTEST = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
_SECONDS = 120


def run(*arguments: str, script: Path = SCRIPT, path: str = _WITH_PRODTEST, **settings: str) -> Result:
    """Run the script to its end, with nobody at a terminal."""
    done = subprocess.run(
        [str(script), *arguments], env=environment({**settings, "PATH": path}), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def app(booking_url: str) -> Iterator[RunningApp]:
    """An application with customers."""
    seed_customers(booking_url)
    with running_app(booking_url) as app:
        yield app


def test_a_run_checks_counts_tests_cleans_up_and_reports(booking_url: str, app: RunningApp) -> None:
    with nothing_left_behind(booking_url):
        result = run("--verbose", *ONE_TEST, **settings_for(booking_url, app))
    assert result.code == 0, result.out + result.err
    parts = ["server identity", "ready: 0 failed", "before: 0 test appointments", "PASSED", "1 passed, 0 failed"]
    parts += ["started 20", "ended 20", "0 before, 0 after", "of this run left: 0"]
    places = [result.out.find(part) for part in parts]
    assert -1 not in places, dict(zip(parts, places, strict=True))
    assert places == sorted(places)
    assert ":***@" in result.out.partition("1 passed")[2]


def test_without_checks_the_checklist_is_left_out_and_the_safety_rules_stay(booking_url: str, app: RunningApp) -> None:
    settings = {**settings_for(booking_url, app), "PRODUCTION_DB_TEST_MODE": "false"}
    result = run("--skip-checks", *ONE_TEST, **settings)
    assert (result.code, result.out) == (3, "")
    assert "PRODUCTION_DB_TEST_MODE" in result.complaint


def test_a_check_that_fails_ends_it_before_anybody_is_called(booking_url: str) -> None:
    result = run(PRODUCTION_DB_URL=booking_url, PRODUCTION_DB_TEST_MODE="true")
    assert result.code == 2
    assert "PRODUCTION_TEST_URL" in result.complaint
    assert "before:" not in result.out
    with open_database(booking_url) as database:
        assert database.connection.execute("SELECT count(*) AS n FROM prodtest.test_run").fetchone() == {"n": 0}


def test_a_dry_run_looks_and_calls_nobody_and_needs_no_url_to_call(booking_url: str) -> None:
    result = run("--dry-run", PRODUCTION_DB_URL=booking_url, PRODUCTION_DB_TEST_MODE="true")
    assert (result.code, result.err) == (0, "")
    assert "no URL to call; set PRODUCTION_TEST_URL" in result.out
    assert "would run" in result.out
    unchecked = run("--dry-run", "--skip-checks", PRODUCTION_DB_URL=booking_url)
    assert (unchecked.code, unchecked.out.startswith("would run")) == (0, True)


def test_a_failed_test_is_exit_1(booking_url: str) -> None:
    seed_customers(booking_url)
    with running_app(booking_url, faults=["wrong-time"]) as app, nothing_left_behind(booking_url):
        result = run("-k", "appointment_data_accuracy", **settings_for(booking_url, app))
    assert result.code == 1
    assert "0 passed, 1 failed" in result.out


def test_help_names_every_flag_and_exit_code() -> None:
    for flag in ("--help", "-h"):
        result = run(flag)
        assert (result.code, result.err) == (0, "")
        assert all(word in result.out for word in ("--dry-run", "--verbose", "--skip-checks", "-k EXPR", "130"))


@pytest.mark.parametrize("arguments", [["--nonsense"], ["-k"], ["test_one"]])
def test_wrong_usage_is_one_line_and_exit_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert len(result.err.splitlines()) == 1
    assert "--help" in result.err


def test_it_finds_its_checkout_through_a_link_and_else_whatever_is_installed(tmp_path: Path) -> None:
    link = tmp_path / "run_tests"
    link.symlink_to(SCRIPT)
    assert run("--help", script=link).code == 0
    elsewhere = tmp_path / "elsewhere" / "scripts"
    elsewhere.mkdir(parents=True)
    copy = Path(shutil.copy(SCRIPT, elsewhere))
    assert "PRODUCTION_DB_URL" in run("--dry-run", script=copy).complaint
    missing = run("--dry-run", script=copy, path="/usr/bin:/bin")
    assert (missing.code, "make install" in missing.err) == (2, True)


def test_ctrl_c_reaches_the_run_which_cleans_up_after_itself(booking_url: str, tmp_path: Path) -> None:
    seed_customers(booking_url)
    suite = {"PRODTEST_SUITE": str(lasting_suite(tmp_path))}
    with running_app(booking_url) as app, nothing_left_behind(booking_url):
        process = subprocess.Popen(
            [str(SCRIPT), "--skip-checks"],
            env=environment({**settings_for(booking_url, app), **suite, "PATH": _WITH_PRODTEST}),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        wait_for_a_booking(booking_url)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=_SECONDS)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "prodtest: interrupted"
    assert "of this run left: 0" in out


@needs_debian_package("shellcheck")
def test_shellcheck_finds_nothing() -> None:
    scripts = [str(SCRIPT), str(CHECKOUT / ".ci" / "run")]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
