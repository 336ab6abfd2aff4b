"""What the report tells is what the ledger, the archive and the stored snapshots hold, without a name or a number."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from prodtest_assets.reports.html import page
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.ledger import OpenedCall, RunLedger
from prodtest_assets.testdata.report_facts import read_report_facts, volume_history
from prodtest_assets.testdata.report_models import ReportFacts
from prodtest_assets.testdata.snapshot import store_snapshot, take_snapshot, to_json
from tests.booking_world import START, BookingWorld

DAY = timedelta(hours=24)
TWO_DAYS = timedelta(hours=48)


def facts_of(world: BookingWorld) -> ReportFacts:
    return read_report_facts(world.database, retention=DAY)


def turn(speaker: str, text: str) -> dict[str, Any]:
    return {"speaker": speaker, "text": text, "at": START.isoformat(), "status": 200, "latency": 0.1}


def place(
    world: BookingWorld, run: RunLedger, *, books: bool, transcript: list[dict[str, Any]] | None = None
) -> OpenedCall:
    """One call of a run, which leaves a row or not."""
    call = run.open_call(persona="quick", requested_start=START)
    if books:
        world.book(world.user(mobile=call.number, name=call.name))
    run.close_call(call.call_sid, completed=books, transcript=transcript or [])
    return call


def test_runs_tell_their_tests_and_calls(world: BookingWorld) -> None:
    with world.run() as run:
        place(world, run, books=True)
        place(world, run, books=False)
        run.finish("failed", passed=5, failed=2, skipped=1)
    (found,) = facts_of(world).runs
    assert (found.id, found.outcome, found.passed, found.failed, found.skipped) == (run.run_id, "failed", 5, 2, 1)
    assert (found.calls, found.booked) == (2, 1)
    assert found.finished_at is not None


def test_tests_are_told_by_name_those_first_that_did_not_pass(world: BookingWorld) -> None:
    endings = {"test_a": "passed", "test_b": "skipped", "test_c": "failed"}
    tests = [
        {"file": "test_own.py", "test": test, "outcome": outcome, "seconds": 1.5, "reason": outcome[:-2]}
        for test, outcome in endings.items()
    ]
    with world.run() as run:
        place(world, run, books=True)
        run.finish("failed", passed=1, failed=1, skipped=1, tests=tests)
        run.finish("passed", passed=3)  # a run that is closed stays as it is
    (found,) = facts_of(world).runs
    assert [case.test for case in found.tests] == ["test_c", "test_b", "test_a"]
    assert found.tests[0].reason == "fail"


def test_a_schema_that_nobody_has_migrated_yet_tells_its_runs_without_their_tests(world: BookingWorld) -> None:
    with world.run() as run:
        place(world, run, books=True)
        run.finish("passed", passed=1)
    world.sql("ALTER TABLE prodtest.test_run DROP COLUMN tests")
    (found,) = facts_of(world).runs
    assert (found.passed, found.tests) == (1, ())


def test_a_failed_call_is_told_without_the_callers_name_and_number(world: BookingWorld) -> None:
    with world.run() as run:
        place(world, run, books=True)
        call = run.open_call(persona="quick", requested_start=START)
        digits = " ".join(call.number[2:])
        first, last = call.name.split()
        words = [f"I am {call.name}", f"{first}, did you say {last.upper()} at {call.number}?", f"I heard {digits}."]
        run.close_call(call.call_sid, completed=False, transcript=[turn("caller", text) for text in words])
    facts = facts_of(world)
    (failed,) = [found for found in facts.calls if found.call_sid == call.call_sid]
    assert failed.outcome == "failed"
    assert len(failed.transcript) == 3
    for told in (repr(facts), page(facts)):
        assert call.number not in told
        assert call.number[2:] not in told
        assert digits not in told
        assert first not in told
        assert last.lower() not in told.lower()


def test_a_call_that_was_stored_as_said_tells_no_transcript(world: BookingWorld) -> None:
    with world.run() as run:
        call = place(world, run, books=True, transcript=[turn("caller", "hello")])
    said = [{"field": "start", "said": "10:00", "stored": "10:00", "equal": True}]
    compare(world, call, said)
    (found,) = facts_of(world).calls
    assert (found.fields[0].field, found.differs, found.transcript) == ("start", False, ())


def test_a_call_that_was_stored_otherwise_tells_both(world: BookingWorld) -> None:
    with world.run() as run:
        call = place(world, run, books=True, transcript=[turn("caller", "ten o'clock")])
    compare(world, call, [{"field": "start", "said": "10:00", "stored": "11:00", "equal": False}])
    (found,) = facts_of(world).calls
    assert found.differs
    assert [spoken.text for spoken in found.transcript] == ["ten o'clock"]
    assert "said: 10:00" in page(facts_of(world))


def compare(world: BookingWorld, call: OpenedCall, fields: list[dict[str, Any]]) -> None:
    with psycopg.connect(world.url) as connection:
        connection.execute(
            "UPDATE prodtest.test_call SET comparison = %s WHERE call_sid = %s", [Jsonb(fields), call.call_sid]
        )


def test_every_call_of_the_latest_run_is_told_however_many_there_are(world: BookingWorld) -> None:
    copies = (
        "INSERT INTO prodtest.test_call SELECT (jsonb_populate_record(c, jsonb_build_object('call_sid', n::text))).* "
        "FROM prodtest.test_call c, generate_series(1, 129) n WHERE c.run_id = %s"
    )
    for _ in range(2):
        with world.run() as run:
            place(world, run, books=False)
        world.sql(copies, run.run_id)
        copies = copies.replace("n::text", "n + 1000")
    facts = facts_of(world)
    assert [call.run_id for call in facts.calls] == [run.run_id] * 130
    assert facts.calls_left_out == 130
    assert page(facts).count("<details") == 130


def test_cleanups_tell_what_they_removed_and_the_storage_before(world: BookingWorld) -> None:
    for _ in range(3):
        world.book(age=TWO_DAYS)
    before = take_snapshot(world.database, retention=DAY)
    store_snapshot(world.database, world.permit, before)
    report = cleanup_now(world.database, world.permit, Policy())
    store_snapshot(world.database, world.permit, take_snapshot(world.database, retention=DAY))
    facts = facts_of(world)
    (cleanup,) = facts.cleanups
    assert (cleanup.id, cleanup.stop_reason, cleanup.is_by_tests) == (report.id, "drained", False)
    assert cleanup.deleted == {"appointments": 3, "users": 3}
    assert cleanup.archived == world.sql("SELECT count(*) AS n FROM prodtest.archived_row")[0]["n"] == 6
    assert facts.before is not None
    assert facts.before.storage == before.storage
    assert facts.snapshot.storage.test_row_bytes == 0


def test_checks_are_judged_again_from_every_stored_snapshot(world: BookingWorld) -> None:
    store_snapshot(world.database, world.permit, take_snapshot(world.database, retention=DAY))
    world.book(age=TWO_DAYS)
    store_snapshot(world.database, world.permit, take_snapshot(world.database, retention=DAY))
    cleanup_now(world.database, world.permit, Policy())
    stale = facts_of(world).checks[0]
    assert stale.name == "no_stale_test_rows"
    assert [state.count for state in stale.states] == [0, 1, 0]


def test_a_stored_snapshot_of_another_form_is_left_out(world: BookingWorld) -> None:
    snapshot = take_snapshot(world.database, retention=DAY)
    store_snapshot(world.database, world.permit, snapshot)
    other = {name: value for name, value in to_json(snapshot).items() if name != "residue"}
    world.sql("INSERT INTO prodtest.snapshot (figures) VALUES (%s::jsonb)", json.dumps(other))
    assert len(facts_of(world).checks[0].states) == 2


@pytest.mark.parametrize("odd", ["{}", '{"total": "many", "stale": {}}', '{"total": 3}', "[1]"])
def test_a_stored_snapshot_that_is_no_snapshot_breaks_no_picture(world: BookingWorld, odd: str) -> None:
    snapshot = take_snapshot(world.database, retention=DAY)
    store_snapshot(world.database, world.permit, snapshot)
    world.sql("INSERT INTO prodtest.snapshot (figures) VALUES (%s::jsonb)", odd)
    assert [point.total for point in volume_history(world.database)] == [0]
    assert "All stored snapshots" in page(facts_of(world))


def test_a_long_history_is_thinned_without_losing_its_peak(world: BookingWorld) -> None:
    snapshot = take_snapshot(world.database, retention=DAY)
    for total in (1, 2, 90, 3, 4, 5):
        store_snapshot(world.database, world.permit, replace(snapshot, total=total))
    assert [point.total for point in volume_history(world.database)] == [1, 2, 90, 3, 4, 5]
    assert [point.total for point in volume_history(world.database, points=3)] == [2, 90, 5]


def test_without_our_schema_there_is_a_present_and_no_past(world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    world.sql("DROP SCHEMA prodtest CASCADE")
    with open_database(world.url) as database:
        facts = read_report_facts(database, retention=DAY)
    assert (facts.runs, facts.calls, facts.cleanups, facts.volumes, facts.before) == ((), (), (), (), None)
    assert facts.checks[0].now.count == 1
    assert "Nothing has been removed yet." in page(facts)
