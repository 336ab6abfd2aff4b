"""Rule 11: the protected role cleans up, undoes, holds, and leads runs."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg

from prodtest_assets.testdata.cleanup.archive import undoable_cleanups
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, Scope, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.settle import abandon_run
from prodtest_assets.testdata.cleanup.undo import foresee_undo, undo_cleanup
from prodtest_assets.testdata.holds import Subject, add_hold, list_holds, release_hold
from prodtest_assets.testdata.ledger import RunLedger
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from prodtest_assets.testdata.snapshot import store_snapshot, take_snapshot
from prodtest_assets.testdata.stored import stored_snapshots
from tests.booking_world import RULES, START
from tests.integration.testdata.conftest import ProtectedWorld
from tests.protecting import as_protected_role

OLD = timedelta(hours=48)


def clean(world: ProtectedWorld, **question: object) -> CleanupReport:
    return cleanup_now(world.cleaner.database, world.cleaner.permit, Policy(), **question)  # type: ignore[arg-type]


def test_cleanup_drains_everything_that_is_stale_and_proves_it(protected):
    stale = [protected.application.book(age=OLD, event="ev") for _ in range(12)]
    protected.application.customer(bookings=3)
    before = customer_fingerprints(protected.application.database)
    report = clean(protected)
    assert (report.stop_reason, report.deleted) == (StopReason.DRAINED, {"appointments": 12, "users": 12})
    assert report.proof is not None
    assert report.proof.holds
    assert {row for table, row in protected.application.archived() if table == "appointments"} == set(stale)
    assert rows_changed(protected.application.database, before) == 0


def test_a_stored_plan_is_executed(protected):
    row = protected.application.book(age=OLD)
    plan = plan_cleanup(protected.cleaner.database, Policy(), permit=protected.cleaner.permit)
    assert plan.id is not None
    execute_plan(protected.cleaner.database, protected.cleaner.permit, plan.id, Policy())
    assert not protected.application.has_appointment(row)


def test_a_row_named_by_id_goes(protected):
    row = protected.application.book()
    assert clean(protected, scope=Scope.NAMED, named=(row,)).deleted["appointments"] == 1


def test_a_run_writes_its_ledger_and_takes_its_rows_back(protected):
    application = protected.application
    with RunLedger(protected.url, uuid4(), "http://127.0.0.1:1", RULES) as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = application.book(application.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        assert run.stored_booking(call.call_sid) is not None
        assert run.remove_call(call.call_sid) == 2
        run.finish("passed", passed=1)
    assert ("appointments", row) in application.archived()
    assert application.sql("SELECT outcome FROM prodtest.test_run") == [{"outcome": "passed"}]


def test_an_unmarked_row_of_a_dead_run_is_adopted_and_goes(protected):
    application, run_id = protected.application, uuid4()
    with RunLedger(protected.url, run_id, "http://127.0.0.1:1", RULES) as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = application.book(application.user(mobile=call.number, name=call.name), marked=False)
        application.kill_run(run_id)
        report = clean(protected)
        assert not abandon_run(protected.cleaner.database, protected.cleaner.permit, run_id)
    assert report.adopted == 1
    assert ("appointments", row) in application.archived()


def test_a_snapshot_is_taken_stored_and_read(protected):
    protected.application.book(age=OLD)
    snapshot = take_snapshot(protected.cleaner.database, retention=timedelta(hours=24))
    store_snapshot(protected.cleaner.database, protected.cleaner.permit, snapshot)
    assert (snapshot.stale.eligible, len(stored_snapshots(protected.cleaner.database))) == (1, 1)


def test_children_by_cascade_are_archived_and_other_children_keep_their_parent(world, roles):
    world.sql("CREATE TABLE reminders (id int PRIMARY KEY, of bigint REFERENCES appointments ON DELETE CASCADE)")
    world.sql("CREATE TABLE invoices (id int PRIMARY KEY, of bigint REFERENCES appointments)")
    goes, stays = world.book(age=OLD), world.book(age=OLD)
    world.sql("INSERT INTO reminders VALUES (1, %s)", goes)
    world.sql("INSERT INTO invoices VALUES (1, %s)", stays)
    with as_protected_role(world, roles):
        report = cleanup_now(world.database, world.permit, Policy())
    assert report.deleted == {"appointments": 1, "reminders": 1, "users": 1}
    assert world.has_appointment(stays)


def test_a_waiting_application_is_seen_by_the_protected_role(protected):
    row = protected.application.book()
    lock = "SELECT 1 FROM appointments WHERE id = %s FOR UPDATE"
    with psycopg.connect(protected.application.url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute(lock, [row])
        assert protected.cleaner.database.row("blocked_backends")["count"] == 0
        waiter = pool.submit(protected.application.sql, lock, row)
        deadline = time.monotonic() + 10
        while protected.cleaner.database.row("blocked_backends")["count"] == 0:
            assert time.monotonic() < deadline, "nobody was seen waiting"
        holder.rollback()
        waiter.result(10)


def test_undo_holds_and_the_archive_work_for_the_protected_role(world, roles):
    world.sql("CREATE TABLE rooms (id int PRIMARY KEY)")
    world.sql("INSERT INTO rooms VALUES (1)")
    world.sql("CREATE TABLE reminders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, room int REFERENCES rooms,"
              " of bigint REFERENCES appointments ON DELETE CASCADE)")  # fmt: skip
    world.sql("ALTER TABLE appointments ADD room int REFERENCES rooms")
    row = world.book(age=OLD)
    world.sql("UPDATE appointments SET room = 1")
    world.sql("INSERT INTO reminders (of) VALUES (%s)", row)
    with as_protected_role(world, roles):
        report = cleanup_now(world.database, world.permit, Policy())
        assert not world.has_appointment(row)
        assert report.id is not None
        assert foresee_undo(world.database, report.id).total == 3
        undone = undo_cleanup(world.database, world.permit, report.id)
        assert (undone.total, undone.left, undone.skipped) == (3, 0, ())
        assert [hold.rows for hold in list_holds(world.database, retention=OLD)] == [2]
        until = datetime.now(UTC) + timedelta(days=1)
        hold = add_hold(world.database, world.permit, Subject("appointment", row_id=row), until=until, reason="seen")
        release_hold(world.database, world.permit, hold)
        assert undoable_cleanups(world.database, keep_for=OLD) == []


def test_an_id_that_is_still_to_be_given_out_does_not_come_back_in_a_protected_database(protected):
    application = protected.application
    row = application.book(age=OLD)
    report = clean(protected)
    application.sql("ALTER SEQUENCE appointments_id_seq RESTART")
    assert report.id is not None
    undone = undo_cleanup(protected.cleaner.database, protected.cleaner.permit, report.id)
    assert [(skipped.table, skipped.id) for skipped in undone.skipped] == [("appointments", row)]
