"""Clocks that disagree: the application's, the client's and the database's, which alone decides."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from tests.booking_world import START
from tests.left_out import needs_debian_package, program_path

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
MOMENT = timedelta(minutes=1)

_CLEANUP = """
import json, sys
from datetime import UTC, datetime
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import WriteRules, authorize_writes
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.snapshot import take_snapshot

with open_database(sys.argv[1]) as database:
    permit = authorize_writes(database, WriteRules(test_mode=True))
    snapshot = take_snapshot(database, retention=Policy().retention)
    report = cleanup_now(database, permit, Policy())
    print(json.dumps([datetime.now(UTC).isoformat(), snapshot.stale.eligible, report.deleted.get("appointments", 0)]))
"""


@pytest.mark.parametrize(
    ("age_by_its_own_clock", "ahead", "goes"),
    [
        # What the application wrote is all there is; an hour of error moves the limit by an hour and no more.
        (DAY - MOMENT, timedelta(), False),
        (DAY + MOMENT, timedelta(), True),
        (DAY + HOUR - MOMENT, HOUR, False),
        (DAY + HOUR + MOMENT, HOUR, True),
        (DAY - HOUR - MOMENT, -HOUR, False),
        (DAY - HOUR + MOMENT, -HOUR, True),
    ],
)
def test_an_application_clock_an_hour_off_moves_the_limit_by_an_hour(world, age_by_its_own_clock, ahead, goes):
    row = world.book(age=age_by_its_own_clock - ahead)
    cleanup_now(world.database, world.permit, Policy())
    assert world.has_appointment(row) is not goes


@pytest.mark.parametrize("ahead", [-timedelta(days=2), -HOUR, HOUR, timedelta(days=2)])
def test_a_call_in_the_ledger_ages_by_the_database_whatever_the_application_says(world, ahead):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name), age=-ahead)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("passed", passed=1)
    world.sql("UPDATE prodtest.test_call SET opened_at = opened_at - interval '24 hours' + interval '1 minute'")
    assert cleanup_now(world.database, world.permit, Policy()).total == 0
    world.sql("UPDATE prodtest.test_call SET opened_at = opened_at - interval '2 minutes'")
    assert cleanup_now(world.database, world.permit, Policy()).deleted["appointments"] == 1
    assert not world.has_appointment(row)


def test_rows_of_an_application_a_day_ahead_are_reported_and_stay(world):
    row = world.book(age=-timedelta(hours=23))
    assert cleanup_now(world.database, world.permit, Policy(retention=timedelta(0))).total == 0
    assert world.has_appointment(row)


@needs_debian_package("faketime")
@pytest.mark.parametrize("shift", ["+400d", "-400d", "+1h", "-1h"])
def test_the_clock_of_the_machine_that_cleans_up_decides_nothing(world, shift):
    goes, stays = world.book(age=DAY + MOMENT), world.book(age=DAY - MOMENT)
    answer = subprocess.run(
        [str(program_path("faketime")), "-f", shift, sys.executable, "-c", _CLEANUP, world.url],
        env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    clock, eligible, removed = json.loads(answer.stdout)
    truth = world.sql("SELECT clock_timestamp()::text AS clock")[0]["clock"]
    assert clock[:13].replace("T", " ") != truth[:13]
    assert (eligible, removed) == (1, 1)
    assert not world.has_appointment(goes)
    assert world.has_appointment(stays)
