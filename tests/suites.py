"""Production suites, run as people run them: by pytest, in a process of its own, against the sandbox."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4
from xml.etree.ElementTree import Element, parse

from prodtest_assets.sandbox.calendar_store import CALENDAR_ID
from prodtest_assets.sandbox.server import RunningApp
from prodtest_assets.testdata.connection import Database, open_database
from prodtest_assets.testdata.proof import Fingerprints, customer_fingerprints, rows_changed

PRODUCTION = Path(__file__).parent / "production"
BOOKING_FLOW = PRODUCTION / "test_production_database_flow.py"
CALL_SCENARIOS = PRODUCTION / "test_call_scenarios.py"
TWILIO_SIMULATION = PRODUCTION / "test_twilio_simulation.py"
_SECONDS = 240


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """How a suite ended.

    Attributes:
        outcomes: passed, failed, error or skipped, by the test's name.
        messages: what was reported of each test that did not pass.
    """

    run_id: UUID
    exit_code: int
    output: str = field(repr=False)
    outcomes: Mapping[str, str]
    messages: Mapping[str, str]

    def named(self, *outcomes: str) -> set[str]:
        """The tests that ended so."""
        return {name for name, outcome in self.outcomes.items() if outcome in outcomes}


def settings_for(url: str, app: RunningApp) -> dict[str, str]:
    """The environment in which a suite tests the sandbox."""
    return {
        "PRODUCTION_DB_URL": url,
        "PRODUCTION_DB_TEST_MODE": "true",
        "PRODUCTION_TEST_URL": app.url,
        "GOOGLE_CALENDAR_ENABLED": "true",
        "GOOGLE_CALENDAR_ID": CALENDAR_ID,
        "PRODTEST_CALENDAR_API_URL": app.calendar_api_url,
    }


def lasting_suite(folder: Path) -> Path:
    """A suite whose only booking stands for a minute, unless the suite is ended; its settings name it."""
    (folder / "test_lasting.py").write_text(
        "import time\n\n\ndef test_a_booking_that_stays(caller):\n    caller.book()\n    time.sleep(60)\n"
    )
    return folder


def wait_for_a_booking(url: str) -> None:
    """Until a test row is there."""
    deadline = time.monotonic() + 60
    with open_database(url) as database:
        while not database.connection.execute("SELECT 1 FROM appointments WHERE is_test_data").fetchone():
            assert time.monotonic() < deadline, "nothing was booked"
            time.sleep(0.05)


def suite_command(suite: Path, run_id: UUID, *arguments: str) -> list[str]:
    """The command line of a suite that is no part of this project's own tests."""
    return [
        sys.executable, "-m", "pytest", str(suite), "-p", "prodtest_assets.pytest_plugin", "-p", "no:cacheprovider",
        f"--prodtest-run-id={run_id}", *arguments,
    ]  # fmt: skip


def start_suite(
    suite: Path, folder: Path, settings: Mapping[str, str], *arguments: str, run_id: UUID
) -> subprocess.Popen[str]:
    """Start a suite in the empty `folder`; its output is collected."""
    return subprocess.Popen(
        suite_command(suite, run_id, f"--junitxml={folder / 'result.xml'}", *arguments),
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run_suite(suite: Path, folder: Path, settings: Mapping[str, str], *arguments: str) -> SuiteResult:
    """Run a suite to its end."""
    run_id = uuid4()
    process = start_suite(suite, folder, settings, *arguments, run_id=run_id)
    try:
        output, _ = process.communicate(timeout=_SECONDS)
    finally:
        process.kill()
        process.wait()
    cases = [case for case in parse(folder / "result.xml").iter("testcase") if "name" in case.attrib]
    return SuiteResult(
        run_id,
        process.returncode,
        output,
        {case.attrib["name"]: _outcome(case) for case in cases},
        {case.attrib["name"]: _message(case) for case in cases if _outcome(case) != "passed"},
    )


def _outcome(case: Element) -> str:
    kinds = {child.tag: child.tag for child in case} | {"failure": "failed"}
    return next((kinds[child.tag] for child in case if child.tag in ("error", "failure", "skipped")), "passed")


def _message(case: Element) -> str:
    return "\n".join(f"{child.attrib.get('message', '')}\n{child.text or ''}" for child in case)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What stands in a sandbox's database: how many rows there are, and the customers' rows whole."""

    users: int
    appointments: int
    events: int
    customers: Fingerprints = field(repr=False)


def take_inventory(database: Database) -> Inventory:
    """Count what a run might leave behind."""
    counts = database.connection.execute(
        "SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM appointments) AS appointments,"
        " (SELECT count(*) FROM prodtest_sandbox.calendar_event WHERE status = 'confirmed') AS events"
    ).fetchone()
    assert counts is not None
    return Inventory(**counts, customers=customer_fingerprints(database))


@contextmanager
def nothing_left_behind(url: str) -> Iterator[None]:
    """Insist that the body changes no customer's row and leaves no row and no calendar event."""
    with open_database(url) as database:
        before = take_inventory(database)
        yield
        after = take_inventory(database)
        assert rows_changed(database, before.customers) == 0
    assert (after.users, after.appointments, after.events) == (before.users, before.appointments, before.events)
