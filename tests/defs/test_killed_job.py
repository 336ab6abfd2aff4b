"""`kill -9` of the job at any moment, then the job again: no residue, customers unchanged, nothing left running."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from prodtest_assets.sandbox.calendar_store import CALENDAR_ID
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from tests.booking_world import START, BookingWorld

_JOB = ["dagster", "job", "execute", "-m", "prodtest_assets.definitions", "-j", "booking_flow_and_cleanup"]
_KILLS = 5
_SOAK_KILLS = 150
# From before the definitions have loaded to after the last step, on a machine with nothing else to do.
_LATEST_SECONDS = 16.0


@pytest.fixture
def environment(world: BookingWorld, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings that lead to the reference application, and a Dagster home of the test's own."""
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with running_app(world.url) as app:
        yield os.environ | {
            "DAGSTER_HOME": str(tmp_path),
            "PRODUCTION_TEST_URL": app.url,
            "GOOGLE_CALENDAR_ENABLED": "true",
            "GOOGLE_CALENDAR_ID": CALENDAR_ID,
            "PRODTEST_CALENDAR_API_URL": app.calendar_api_url,
        }


def start_job(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *_JOB],
        env=environment,
        cwd=environment["DAGSTER_HOME"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_with_its_family_watched(process: subprocess.Popen[bytes]) -> None:
    """Kill the job alone, and see every process it had started end by itself."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, [relative.cmdline() for relative in alive]


@pytest.mark.timeout(3000)
def test_after_any_number_of_kills_the_next_job_leaves_no_trace(world, environment, request, record_property):
    kills = _SOAK_KILLS if request.config.getoption("--soak") else _KILLS
    rng = random.Random(kills)
    customer = world.customer(bookings=3)
    kept = world.book(customer, marked=False, start=START.replace(year=2031))
    before = customer_fingerprints(world.database)

    for kill in range(kills):
        process = start_job(environment)
        time.sleep(_LATEST_SECONDS * (kill + rng.random()) / kills)
        if process.poll() is None:
            kill_with_its_family_watched(process)

    assert start_job(environment).wait(180) == 0
    assert world.sql("SELECT id FROM appointments WHERE is_test_data") == []
    assert world.sql("SELECT id FROM users WHERE id <> %s", customer) == []
    assert world.sql("SELECT id FROM prodtest.test_run WHERE outcome = 'open'") == []
    assert world.has_appointment(kept)
    assert rows_changed(world.database, before) == 0
    record_property("kills of the job survived", kills)
