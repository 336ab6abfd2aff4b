"""Undo brings back what a cleanup archived, never over anything that is there now."""

from datetime import timedelta
from uuid import uuid4

import pytest

from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.testdata.cleanup.models import Scope
from prodtest_assets.testdata.cleanup.undo import foresee_undo, undo_cleanup
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from tests.booking_world import START
from tests.undoing import OLD, clean, content, end_of_holds, reasons, undo, user_of


def test_what_was_removed_comes_back_as_it_was_with_its_ids(world):
    for _ in range(5):
        world.book(age=OLD, event="evt")
    world.customer(bookings=3)
    before = content(world)
    cleanup = clean(world)
    report = undo(world, cleanup)
    assert report.restored == {"appointments": 5, "users": 5}
    assert (report.skipped, report.left) == ((), 0)
    assert content(world) == before
    assert world.archived() == set()


def test_more_rows_than_one_batch_come_back(world):
    user = world.user(age=OLD)
    world.sql(
        "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at) "
        "SELECT %s, now() + make_interval(hours => n), true, now() - interval '2 days' FROM generate_series(1, 450) n",
        user,
    )
    before = content(world)
    assert undo(world, clean(world)).restored == {"users": 1, "appointments": 450}
    assert content(world) == before


def test_a_dry_run_writes_nothing(world):
    world.book(age=OLD)
    cleanup = clean(world)
    archived = world.archived()
    report = foresee_undo(world.database, cleanup)
    assert (report.id, report.restored) == (None, {"users": 1, "appointments": 1})
    assert world.archived() == archived
    assert content(world) == []
    assert world.sql("SELECT * FROM prodtest.undo_run") == []


def test_a_customer_who_took_the_test_callers_number_keeps_it(world):
    row, free = world.book(age=OLD), world.book(age=OLD)
    user = user_of(world, row)
    number = world.sql("SELECT mobile FROM users WHERE id = %s", user)[0]["mobile"]
    cleanup = clean(world)
    customer = world.user(mobile=number, name="Paying Customer")
    theirs = world.book(customer, marked=False)
    before = customer_fingerprints(world.database)
    report = undo(world, cleanup)
    assert report.restored == {"users": 1, "appointments": 1}
    assert reasons(report) == {
        f"users:{user}": f"user {customer} has its mobile now",
        f"appointments:{row}": f"its user {user} stays in the archive",
    }
    assert world.has_appointment(free)
    assert world.has_appointment(theirs)
    assert rows_changed(world.database, before) == 0
    assert world.archived() == {("users", user), ("appointments", row)}


def test_a_row_whose_id_was_taken_stays_in_the_archive_and_the_other_is_unchanged(world):
    row = world.book(age=OLD)
    cleanup = clean(world)
    customer = world.customer(bookings=0)
    world.sql("INSERT INTO appointments (id, user_id, starts_at, notes) VALUES (%s, %s, now(), 'mine')", row, customer)
    report = undo(world, cleanup)
    assert reasons(report) == {f"appointments:{row}": "a row with its id is there"}
    assert world.sql("SELECT notes FROM appointments WHERE id = %s", row) == [{"notes": "mine"}]


def test_an_appointment_does_not_come_back_at_a_time_its_user_has_booked_since(world):
    user = world.user(age=OLD)
    world.book(user, start=START + timedelta(days=1))
    row = world.book(user, age=OLD)
    cleanup = clean(world)
    since = world.book(user, start=START)
    assert reasons(undo(world, cleanup)) == {
        f"appointments:{row}": f"appointment {since} has its user_id and starts_at now"
    }


def test_an_appointment_comes_back_under_a_user_who_was_never_removed(world):
    user = world.user(age=OLD)
    world.book(user, start=START + timedelta(days=1))
    row = world.book(user, age=OLD)
    assert undo(world, clean(world)).restored == {"appointments": 1}
    assert user_of(world, row) == user


@pytest.mark.parametrize("change", ["mobile = '+4915112345678'", "created_at = created_at + interval '1 second'"])
def test_an_appointment_does_not_come_back_under_a_user_who_became_someone_else(world, change):
    user = world.user(age=OLD)
    world.book(user, start=START + timedelta(days=1))
    row = world.book(user, age=OLD)
    cleanup = clean(world)
    world.sql(f"UPDATE users SET {change} WHERE id = %s", user)
    assert reasons(undo(world, cleanup)) == {
        f"appointments:{row}": f"user {user} is not known to be the one it belonged to"
    }


def test_an_appointment_of_a_user_who_vanished_stays_in_the_archive(world):
    user = world.user(age=OLD)
    world.book(user, start=START + timedelta(days=1))
    row = world.book(user, age=OLD)
    cleanup = clean(world)
    world.sql("DELETE FROM users WHERE id = %s", user)
    assert reasons(undo(world, cleanup)) == {f"appointments:{row}": f"its user {user} is gone"}


def test_a_user_whom_a_later_cleanup_took_is_named_with_that_cleanup(world):
    user = world.user(age=OLD)
    later = world.book(user, start=START + timedelta(days=1))
    row = world.book(user, age=OLD)
    first = clean(world)
    world.sql("UPDATE appointments SET created_at = now() - interval '3 days' WHERE id = %s", later)
    second = clean(world)
    report = undo(world, first)
    assert reasons(report) == {f"appointments:{row}": f"its user {user} is in the archive of cleanup {second}"}
    undo(world, second)
    assert undo(world, first).restored == {"appointments": 1}


def test_undoing_twice_restores_once(world):
    world.book(age=OLD)
    cleanup = clean(world)
    undo(world, cleanup)
    before = content(world)
    again = undo(world, cleanup)
    assert (again.total, again.left) == (0, 0)
    assert again.undone_before is not None
    assert content(world) == before


def test_an_unknown_cleanup_is_a_clear_error(world):
    with pytest.raises(ConfigurationError, match="no cleanup"):
        undo_cleanup(world.database, world.permit, uuid4())


def test_only_the_rows_asked_for_come_back(world):
    first, second = world.book(age=OLD), world.book(age=OLD)
    user = user_of(world, first)
    cleanup = clean(world)
    report = undo(world, cleanup, [f"appointments:{first}"])
    assert reasons(report) == {f"appointments:{first}": f"its user {user} stays in the archive"}
    assert undo(world, cleanup, [f"appointments:{first}", f"users:{user}"]).total == 2
    assert not world.has_appointment(second)
    assert undo(world, cleanup, ["users"]).restored == {"users": 1}
    assert undo(world, cleanup, ["appointments"]).restored == {"appointments": 1}


def test_what_the_archive_does_not_hold_cannot_be_asked_for(world):
    world.book(age=OLD)
    cleanup = clean(world)
    for item in ("appointments:99999", "bookings", "users; DROP TABLE users"):
        with pytest.raises(ConfigurationError, match="--only takes"):
            undo_cleanup(world.database, world.permit, cleanup, only=[item])


def test_an_adopted_row_gets_its_own_mark_back(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("passed", passed=1)
        cleanup = clean(world, scope=Scope.CALL, run_id=run.run_id)
    undo(world, cleanup)
    assert world.sql("SELECT id, is_test_data FROM appointments") == [{"id": row, "is_test_data": False}]


def test_what_the_tests_of_a_run_removed_themselves_is_undone_by_the_runs_id(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        assert run.remove_call(call.call_sid) == 2
        with pytest.raises(RefusedForSafety, match="still at work"):
            undo_cleanup(world.database, world.permit, run.run_id)
        run.finish("passed", passed=1)
    assert undo(world, run.run_id).restored == {"users": 1, "appointments": 1}
    assert world.sql("SELECT id, is_test_data FROM appointments") == [{"id": row, "is_test_data": False}]


def test_restored_rows_survive_the_next_cleanup_for_seven_days_and_go_after(world):
    row = world.book(age=OLD)
    undo(world, clean(world))
    hold = world.sql("SELECT reason, until - now() AS rest FROM prodtest.hold")[0]
    assert hold["reason"] == "restored by undo"
    assert timedelta(days=6, hours=23) < hold["rest"] <= timedelta(days=7)
    clean(world)
    assert world.has_appointment(row)
    end_of_holds(world)
    again = clean(world)
    assert not world.has_appointment(row)
    assert undo(world, again).total == 2


def test_an_undo_that_restores_nothing_leaves_no_hold(world):
    row = world.book(age=OLD)
    cleanup = clean(world)
    undo(world, cleanup, ["users"])
    end_of_holds(world)
    world.sql("UPDATE users SET mobile = '+4915112345678'")
    assert reasons(undo(world, cleanup)).keys() == {f"appointments:{row}"}
    assert world.sql("SELECT count(*) AS n FROM prodtest.hold WHERE until > now()") == [{"n": 0}]


def test_who_undid_what_and_when_is_on_record(world):
    row = world.book(age=OLD)
    cleanup = clean(world)
    report = undo(world, cleanup)
    record = world.sql("SELECT * FROM prodtest.undo_run")[0]
    assert (record["id"], record["cleanup_id"]) == (report.id, cleanup)
    assert record["restored"] == {"users": 1, "appointments": 1}
    assert "@" in record["actor"]
    assert record["finished_at"] >= record["started_at"]
    rows = world.sql("SELECT row_id FROM prodtest.restored_row WHERE table_oid = 'appointments'::regclass")
    assert rows == [{"row_id": row}]


def test_the_events_that_stay_gone_are_counted(world):
    with_event, _ = world.book(age=OLD, event="evt-1"), world.book(age=OLD, event="evt-2")
    cleanup = clean(world)
    world.database.call("event_removed", cleanup, with_event)
    assert undo(world, cleanup).events_gone == 1
