"""The ledger: a row before each call, and proof of what the call left."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest

from prodtest_assets.errors import CanaryMissing, NumberTaken, RefusedForSafety, RunClosed
from prodtest_assets.testdata.cleanup.settle import abandon_run, settle_dead_runs
from prodtest_assets.testdata.guard import WriteRules
from prodtest_assets.testdata.ledger import OpenedCall, RunLedger
from tests.booking_world import START, BookingWorld, fiction_number


def open_call(run: RunLedger, number: str | None = None, name: str | None = None) -> OpenedCall:
    return run.open_call(persona="quick", requested_start=START, number=number, name=name)


def book_for(world: BookingWorld, call: OpenedCall, *, marked: bool = True) -> int:
    """What a faithful application stores for a call."""
    user = world.user(mobile=call.number, name=call.name)
    return world.book(user, marked=marked)


def close(run: RunLedger, call: OpenedCall, *, completed: bool = True) -> None:
    run.close_call(call.call_sid, completed=completed, transcript=[])


def with_canary_home(world: BookingWorld, run: RunLedger) -> None:
    """Place the first call of a run, so that the next one may follow."""
    canary = open_call(run)
    book_for(world, canary)
    close(run, canary)


def test_a_row_stands_in_the_ledger_before_the_call_is_placed(world):
    with world.run() as run:
        call = open_call(run)
        rows = world.sql("SELECT outcome, user_id_mark FROM prodtest.test_call WHERE call_sid = %s", call.call_sid)
    assert rows == [{"outcome": "open", "user_id_mark": 0}]


def test_a_row_with_the_callers_number_is_found_and_called_booked(world):
    with world.run() as run:
        call = open_call(run)
        row = book_for(world, call)
        close(run, call)
        stored = run.stored_booking(call.call_sid)
        state = run.call_state(call.call_sid)
    assert stored is not None
    assert (stored.appointment_id, stored.proof, stored.marked_by_app) == (row, "number", True)
    assert state["outcome"] == "booked"


def test_a_comparison_is_kept_once_and_only_of_a_call_whose_row_was_found(world):
    with world.run() as run:
        found, first = open_call(run), [{"field": "name", "said": "A***", "stored": "A***", "equal": True}]
        book_for(world, found)
        close(run, found)
        lost = open_call(run)
        close(run, lost, completed=False)
        for call, fields in ((found, first), (found, []), (lost, first)):
            run.keep_comparison(call.call_sid, fields)
        kept = {row["call_sid"]: row["comparison"] for row in world.database.rows("calls_of_run", run_id=run.run_id)}
    assert kept == {found.call_sid: first, lost.call_sid: None}


def test_a_number_spelled_another_way_is_the_same_number(world):
    with world.run() as run:
        call = open_call(run, number="+12125550147")
        row = world.book(world.user(mobile="(212) 555-0147", name="Somebody"))
        close(run, call)
        assert run.call_state(call.call_sid)["appointment_id"] == row


def test_a_row_with_a_wrong_number_is_found_by_name_and_requested_start(world):
    with world.run() as run:
        call = open_call(run)
        row = world.book(world.user(mobile="+19995550000", name=call.name))
        close(run, call)
        stored = run.stored_booking(call.call_sid)
    assert stored is not None
    assert (stored.appointment_id, stored.proof) == (row, "name and start")


def test_the_name_alone_is_no_proof(world):
    with world.run() as run:
        with_canary_home(world, run)
        call = open_call(run)
        world.book(world.user(mobile="+19995550000", name=call.name), start=START + timedelta(hours=1))
        close(run, call, completed=False)
        assert run.call_state(call.call_sid)["appointment_id"] is None


def test_a_row_that_stood_before_the_call_is_no_proof(world):
    number = fiction_number()
    with world.run() as run:
        with_canary_home(world, run)
        first = open_call(run, number=number)
        earlier = book_for(world, first)
        close(run, first)
        again = open_call(run, number=number, name=first.name)
        close(run, again, completed=False)
        assert run.call_state(again.call_sid)["appointment_id"] is None
        assert run.call_state(first.call_sid)["appointment_id"] == earlier


def test_a_returning_callers_second_row_belongs_to_the_second_call(world):
    with world.run() as run:
        first = open_call(run)
        user = world.user(mobile=first.number, name=first.name)
        world.book(user)
        close(run, first)
        again = open_call(run, number=first.number, name=first.name)
        second = world.book(user, start=START + timedelta(days=1))
        close(run, again)
        assert run.call_state(again.call_sid)["appointment_id"] == second


def test_two_candidates_are_no_proof(world):
    with world.run() as run:
        with_canary_home(world, run)
        call = open_call(run)
        user = world.user(mobile=call.number, name=call.name)
        world.book(user)
        world.book(user, start=START + timedelta(hours=2))
        close(run, call, completed=False)
        assert run.call_state(call.call_sid)["appointment_id"] is None


def test_a_row_seen_more_than_a_minute_after_the_call_is_no_proof(world):
    with world.run() as run:
        with_canary_home(world, run)
        call = open_call(run)
        close(run, call, completed=False)
        world.sql("UPDATE prodtest.test_call SET closed_at = closed_at - interval '61 seconds'")
        book_for(world, call)
        run.database.call("attribute_call", call.call_sid)
        assert run.call_state(call.call_sid)["appointment_id"] is None


def test_the_applications_clock_is_no_evidence(world):
    with world.run() as run:
        call = open_call(run)
        user = world.user(mobile=call.number, name=call.name, age=timedelta(days=-1))
        row = world.book(user, age=timedelta(days=1))
        close(run, call)
        assert run.call_state(call.call_sid)["appointment_id"] == row


def test_a_number_that_a_customer_holds_is_refused(world):
    number = fiction_number()
    world.customer(mobile=number)
    with world.run() as run, pytest.raises(NumberTaken):
        open_call(run, number=number, name="Nobody Else")


def test_a_name_that_a_customer_bears_is_refused(world):
    world.customer()
    with world.run() as run, pytest.raises(NumberTaken):
        open_call(run, number=fiction_number(), name="paying customer")


def test_a_number_that_is_not_reserved_is_refused(world):
    with world.run() as run, pytest.raises(RefusedForSafety, match="not reserved"):
        open_call(run, number="+4915112345678")


def test_one_number_has_one_open_call_across_runs(world):
    with world.run() as one, world.run() as other:
        call = open_call(one)
        with pytest.raises(NumberTaken):
            open_call(other, number=call.number, name="Nobody Else")


def test_no_further_call_is_placed_when_the_first_left_no_row_for_a_minute(world):
    with world.run() as run:
        canary = open_call(run)
        close(run, canary, completed=False)
        world.sql("UPDATE prodtest.test_call SET closed_at = closed_at - interval '61 seconds'")
        with pytest.raises(CanaryMissing):
            open_call(run)


def test_a_second_call_waits_until_the_first_has_left_its_row(world):
    with world.run() as run:
        canary = open_call(run)
        second: list[OpenedCall] = []
        waiting = threading.Thread(target=lambda: second.append(open_call(run)))
        waiting.start()
        waiting.join(0.5)
        assert not second
        book_for(world, canary)
        close(run, canary)
        waiting.join(10)
    assert second


def test_no_call_is_placed_after_the_run_has_been_closed(world):
    with world.run() as run:
        run.finish("passed", passed=1)
        with pytest.raises(RunClosed):
            open_call(run)


def test_a_run_taken_for_dead_places_no_further_call(world):
    with world.run() as run:
        world.kill_run(run.run_id)
        settle_dead_runs(world.database, world.permit)
        with pytest.raises(RunClosed):
            open_call(run)


def test_the_open_calls_of_a_dead_run_are_attributed(world):
    with world.run() as run:
        call = open_call(run)
        row = book_for(world, call)
        world.kill_run(run.run_id)
        assert settle_dead_runs(world.database, world.permit) == 1
        state = run.call_state(call.call_sid)
    assert (state["outcome"], state["appointment_id"]) == ("booked", row)


def test_a_run_that_has_just_fallen_silent_is_waited_for(world):
    with world.run() as run:
        call = open_call(run)
        book_for(world, call)
        run._ended.set()  # its process is gone: nobody beats any more
        world.kill_run(run.run_id, silent_for=timedelta(seconds=28))
        assert settle_dead_runs(world.database, world.permit) == 1


def test_a_row_stored_just_after_the_caller_was_killed_is_still_found(world):
    with world.run() as run:
        call = open_call(run)
        run._ended.set()
        late = threading.Timer(1.0, book_for, (world, call))
        late.start()
        abandon_run(world.database, world.permit, run.run_id)
        late.join()
        assert run.call_state(call.call_sid)["appointment_id"] is not None


def test_without_test_mode_no_run_is_opened(world):
    with pytest.raises(RefusedForSafety, match="PRODUCTION_DB_TEST_MODE"):
        RunLedger(world.url, uuid4(), "http://127.0.0.1:1", WriteRules(test_mode=False)).__enter__()
    assert world.sql("SELECT * FROM prodtest.test_run") == []


def test_a_test_takes_back_what_its_call_left(world):
    customer = world.customer()
    with world.run() as run:
        call = open_call(run)
        row = book_for(world, call)
        close(run, call)
        user = run.call_state(call.call_sid)["user_id"]
        assert run.remove_call(call.call_sid) == 2
    assert not world.has_appointment(row)
    assert world.archived() == {("appointments", row), ("users", user)}
    assert world.has_user(customer)


def test_an_unmarked_row_is_adopted_by_proof_and_the_archive_remembers_it(world):
    with world.run() as run:
        call = open_call(run)
        row = book_for(world, call, marked=False)
        close(run, call)
        assert run.call_state(call.call_sid)["marked_by_app"] is False
        run.remove_call(call.call_sid)
    assert not world.has_appointment(row)
    assert world.sql("SELECT adopted FROM prodtest.archived_row WHERE table_oid = 'appointments'::regclass")[0][
        "adopted"
    ]


def test_a_user_without_an_appointment_is_taken_back_as_well(world):
    with world.run() as run:
        call = open_call(run)
        user = world.user(mobile=call.number, name=call.name)
        close(run, call)
        assert run.remove_call(call.call_sid) == 1
    assert not world.has_user(user)


def test_a_test_users_real_booking_keeps_the_user(world):
    with world.run() as run:
        call = open_call(run)
        row = book_for(world, call)
        close(run, call)
        user = run.call_state(call.call_sid)["user_id"]
        real = world.book(user, marked=False, start=START + timedelta(days=3))
        run.remove_call(call.call_sid)
    assert not world.has_appointment(row)
    assert world.has_user(user)
    assert world.has_appointment(real)
