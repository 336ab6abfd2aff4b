"""`prodtest verify` and `summary`: they describe, and only --strict judges."""

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from jsonschema import Draft202012Validator

from prodtest_assets.reports.document import schema
from prodtest_assets.testdata.alert_ledger import Finding, claim_message, note_refused, record_findings
from tests.booking_world import START, BookingWorld
from tests.integration.cli.commands import Result, prodtest

TWO_DAYS = timedelta(hours=48)


def verify(world: BookingWorld, *arguments: str) -> Result:
    return prodtest("verify", "--db-url", world.url, *arguments)


def red(world: BookingWorld) -> list[str]:
    document = verify(world, "--json").json()
    Draft202012Validator(schema("verification")).validate(document)
    return [check["name"] for check in document["checks"] if not check["passed"]]


def leave_an_unmarked_row(world: BookingWorld) -> None:
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("passed", passed=1)


def leave_an_orphan(world: BookingWorld) -> None:
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.user(mobile=call.number, name=call.name, age=TWO_DAYS)
        run.close_call(call.call_sid, completed=False, transcript=[])
        run.finish("failed", failed=1)
    world.sql("UPDATE prodtest.test_call SET opened_at = opened_at - interval '2 days'")


def leave_an_event(world: BookingWorld) -> None:
    world.book(age=TWO_DAYS, event="event-1")
    prodtest("cleanup", "--no-dry-run", "--db-url", world.url, PRODUCTION_DB_TEST_MODE="true")


def leave_a_silent_sensor(world: BookingWorld) -> None:
    world.sql("SELECT prodtest.sensor_beat('stale_test_data_sensor')")
    world.sql("UPDATE prodtest.heartbeat SET beat_at = beat_at - interval '11 minutes'")


def leave_an_untaken_message(world: BookingWorld) -> None:
    now = datetime.now(UTC) - timedelta(minutes=31)
    found = [Finding("check a", now, failed=True)]
    record_findings(world.database, world.permit, "db", found, run_id="run-1", now=now)
    message = claim_message(world.database, world.permit, "chat", now=now)
    assert message is not None
    note_refused(world.database, world.permit, message.id, "chat", "no answer")


def test_a_clean_database_passes_and_a_fresh_row_does_no_harm(world: BookingWorld) -> None:
    world.customer()
    world.book()
    assert red(world) == []
    assert verify(world, "--strict").code == 0


@pytest.mark.parametrize(
    ("leave", "name"),
    [
        (lambda world: world.book(age=TWO_DAYS), "no_stale_test_rows"),
        (leave_an_unmarked_row, "no_unmarked_test_rows"),
        (leave_an_orphan, "no_orphaned_test_users"),
        (leave_an_event, "no_orphaned_calendar_events"),
        (leave_a_silent_sensor, "sensors_are_alive"),
        (leave_an_untaken_message, "alerts_are_delivered"),
    ],
    ids=["stale", "unmarked", "orphaned", "event", "sensor", "alert"],
)
def test_each_kind_of_residue_is_red_and_fails_only_with_strict(world: BookingWorld, leave, name: str) -> None:
    leave(world)
    assert red(world) == [name]
    assert verify(world).code == 0
    strict = verify(world, "--strict")
    assert (strict.code, strict.err) == (1, "")
    do = {"sensors_are_alive": "dagster-daemon run", "alerts_are_delivered": "look at the ticks of"}
    assert re.search(f"do: {do.get(name, 'prodtest cleanup --db-url .+ --no-dry-run')}", strict.out)


def test_what_verify_recommends_turns_it_green(world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    leave_an_unmarked_row(world)
    assert verify(world, "--json").json()["cleanup_recommended"] is True
    prodtest("cleanup", "--no-dry-run", "--db-url", world.url, PRODUCTION_DB_TEST_MODE="true")
    assert "no_stale_test_rows" not in red(world)


def test_suspects_are_left_alone_and_said(world: BookingWorld) -> None:
    world.book(world.user(mobile="+4915112345678"), age=TWO_DAYS)
    assert verify(world, "--strict").code == 0
    assert "1 whose owner is in doubt" in verify(world).out


def test_an_older_retention_is_judged_when_asked_for(world: BookingWorld) -> None:
    world.book(age=timedelta(hours=5))
    assert verify(world, "--strict", "--older-than=4").code == 1
    assert verify(world, "--strict", "--older-than=6").code == 0


def test_a_summary_is_short_and_recommends_a_cleanup_when_one_helps(world: BookingWorld) -> None:
    world.book()
    calm = prodtest("summary", "--db-url", world.url)
    assert (calm.code, calm.err) == (0, "")
    assert "Test Appointments" in calm.out
    assert "Cleanup recommended: no" in calm.out
    world.book(age=TWO_DAYS)
    alarmed = prodtest("summary", PRODUCTION_DB_URL=world.url)
    assert "Cleanup recommended: yes" in alarmed.out
    assert all(len(line) <= 80 for line in alarmed.out.splitlines())
    document = prodtest("summary", "--json", PRODUCTION_DB_URL=world.url).json()
    assert document["summary"]["stale_data_count"] == 1
    assert document["recommendations"] == ["prodtest cleanup --no-dry-run"]


def test_cancelled_rows_are_no_failure_where_only_active_ones_are_asked_for(world: BookingWorld) -> None:
    row = world.book(age=timedelta(hours=50), cancelled=True)
    given = ("--strict", "--db-url", world.url)
    assert prodtest("verify", *given).code == 1
    assert prodtest("verify", "--active-only", *given).code == 0
    world.sql("UPDATE appointments SET status = 'booked', cancelled_at = NULL WHERE id = %s", row)
    red = prodtest("verify", "--active-only", *given)
    assert red.code == 1
    assert "do: prodtest cleanup --active-only --db-url" in red.out
    assert "prodtest cleanup --active-only" in prodtest("summary", "--active-only", "--db-url", world.url).out


def test_a_summary_names_the_tests_of_the_latest_run_that_did_not_pass(world: BookingWorld) -> None:
    assert "Latest run: none" in prodtest("summary", "--db-url", world.url).out
    reason = "AssertionError: the appointment was stored for another day than the caller had asked for " * 3
    endings = {"test_good": "passed", "test_bad[1]": "failed", "test_worse": "failed", "test_off": "skipped"}
    tests = [
        {"file": "test_own.py", "test": test, "outcome": outcome, "seconds": 1, "reason": reason}
        for test, outcome in endings.items()
    ]
    with world.run() as run:
        run.open_call(persona="quick", requested_start=START)
        run.finish("failed", passed=1, failed=2, skipped=1, tests=tests)
    shown = prodtest("summary", "--db-url", world.url).out
    assert "Latest run: failed (1 passed, 2 failed, 1 skipped)" in shown
    named = [line.split()[1] for line in shown.partition("Latest run")[2].splitlines() if " test_" in line]
    assert named == ["test_bad[1]", "test_worse", "test_off"]
    short = prodtest("summary", "--limit", "1", "--db-url", world.url).out
    assert "test_worse" not in short
    assert "and 2 more that did not pass: --limit 3 shows them" in short
    document = prodtest("summary", "--json", "--db-url", world.url).json()
    assert [test["test"] for test in document["latest_run"]["tests"]][-1] == "test_good"


@pytest.mark.parametrize("name", ["count", "list", "verify", "summary", "cleanup"])
def test_the_statements_are_shown_on_stderr_and_run_as_they_stand(world: BookingWorld, name: str) -> None:
    world.book(age=TWO_DAYS)
    result = prodtest(name, "--json", "--show-sql", PRODUCTION_DB_URL=world.url)
    assert result.code == 0
    assert result.json()
    statements = [text for text in result.err.split(";\n\n") if text.strip()]
    assert len(statements) >= 2
    with psycopg.connect(world.url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_a_live_cleanup_shows_the_functions_it_calls_and_no_password(world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    result = prodtest("cleanup", "--no-dry-run", "--show-sql", "--db-url", world.url, PRODUCTION_DB_TEST_MODE="true")
    assert result.code == 0
    assert "SELECT prodtest." in result.err
    assert world.url.split(":")[2].split("@")[0] not in result.err
