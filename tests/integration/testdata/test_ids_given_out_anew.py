"""The ledger and the archive outlive the application's tables, whose ids begin anew when these are emptied."""

from datetime import timedelta

import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy
from prodtest_assets.testdata.ledger import OpenedCall
from prodtest_assets.testdata.offenders import unmarked_rows
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from prodtest_assets.testdata.snapshot import take_snapshot
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)
DAY = timedelta(hours=24)


def clean(world: BookingWorld) -> CleanupReport:
    return cleanup_now(world.database, world.permit, Policy())


def run_with_a_call(world: BookingWorld, *, marked: bool, dies: bool) -> OpenedCall:
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name), marked=marked)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("abandoned" if dies else "passed")
    world.sql("UPDATE prodtest.test_call SET opened_at = opened_at - interval '2 days'")
    return call


def empty(world: BookingWorld) -> None:
    world.sql("TRUNCATE users, appointments RESTART IDENTITY")


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("dies", [True, False])
def test_a_customer_with_the_ids_of_an_old_call_is_neither_marked_nor_removed(world, marked, dies):
    run_with_a_call(world, marked=marked, dies=dies)
    empty(world)
    customer = world.customer()
    assert world.sql("SELECT id, user_id FROM appointments") == world.sql(
        "SELECT appointment_id AS id, user_id FROM prodtest.test_call"
    )
    before = customer_fingerprints(world.database)
    assert len(before) == 2
    report = clean(world)
    assert (report.total, dict(report.plan.kept)) == (0, {})
    assert world.has_user(customer)
    assert rows_changed(world.database, before) == 0
    assert not any(row["is_still_there"] for row in unmarked_rows(world.database, None).sample)
    figures = take_snapshot(world.database, retention=DAY)
    assert (figures.residue.total, figures.test_users, figures.suspect_users) == (0, 0, 0)


def test_a_customer_without_appointments_who_has_the_id_of_an_old_call_stays(world):
    run_with_a_call(world, marked=True, dies=True)
    empty(world)
    user = world.user(mobile="+4915112345678", name="Somebody Real", age=OLD)
    assert clean(world).total == 0
    assert world.has_user(user)


def test_a_marked_row_of_a_customer_who_has_the_id_of_an_old_call_is_suspect(world):
    run_with_a_call(world, marked=True, dies=False)
    empty(world)
    row = world.book(world.user(mobile="+4915112345678", name="Somebody Real", age=OLD), age=OLD)
    assert clean(world).plan.kept["appointments"] == {"suspect": 1}
    assert world.has_appointment(row)


def test_a_reserved_number_whose_user_has_the_id_of_an_archived_one_is_suspect(world):
    world.book(age=OLD)
    clean(world)
    empty(world)
    user = world.user(age=OLD)
    assert clean(world).plan.kept["users"] == {"suspect": 1}
    assert world.has_user(user)


def test_a_later_call_whose_row_has_the_id_of_an_old_one_is_found(world):
    run_with_a_call(world, marked=True, dies=False)
    empty(world)
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name))
        run.close_call(call.call_sid, completed=True, transcript=[])
        assert run.call_state(call.call_sid)["appointment_id"] == row
        assert run.remove_call(call.call_sid) == 2


def test_a_row_that_was_given_to_another_user_is_no_longer_the_calls(world):
    run_with_a_call(world, marked=False, dies=True)
    world.sql("UPDATE appointments SET user_id = %s", world.customer(bookings=0))
    assert clean(world).deleted.get("appointments", 0) == 0
    assert world.sql("SELECT is_test_data FROM appointments") == [{"is_test_data": False}]
