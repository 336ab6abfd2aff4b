"""A hold keeps its rows from every cleanup until its date, and says when they may go."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.cleanup.models import Policy, Scope
from prodtest_assets.testdata.holds import Hold, Subject, add_hold, list_holds, release_hold
from tests.booking_world import START, BookingWorld
from tests.integration.testdata.test_races import clean_in, somebody_waits, wait_until
from tests.undoing import OLD, clean, end_of_holds, user_of

DAY = timedelta(days=1)


def hold(world: BookingWorld, kind: str, row: int, *, for_: timedelta = DAY) -> int:
    until = datetime.now(UTC) + for_
    return add_hold(world.database, world.permit, Subject(kind, row_id=row), until=until, reason="evidence")


def only_hold(world: BookingWorld) -> Hold:
    found = list_holds(world.database, retention=DAY)
    assert len(found) == 1
    return found[0]


def test_a_held_appointment_stays_and_its_user_with_it(world):
    row, other = world.book(age=OLD), world.book(age=OLD)
    hold(world, "appointment", row)
    clean(world)
    assert world.has_appointment(row)
    assert world.has_user(user_of(world, row))
    assert not world.has_appointment(other)


def test_a_held_user_keeps_their_appointments(world):
    row = world.book(age=OLD)
    hold(world, "user", user_of(world, row))
    clean(world)
    assert world.has_appointment(row)


def test_a_held_row_stays_even_when_a_person_names_it(world):
    row = world.book(age=OLD)
    hold(world, "appointment", row)
    clean(world, scope=Scope.NAMED, named=(row,))
    assert world.has_appointment(row)


def test_a_held_run_keeps_what_its_calls_left(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = world.book(world.user(mobile=call.number, name=call.name))
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("failed", failed=1)
    subject = Subject("run", run_id=run.run_id)
    add_hold(world.database, world.permit, subject, until=datetime.now(UTC) + DAY, reason="look at it")
    clean(world, scope=Scope.CALL, run_id=run.run_id)
    assert world.has_appointment(row)
    listed = only_hold(world)
    assert (listed.subject, listed.rows) == (f"run {run.run_id}", 2)
    end_of_holds(world)
    clean(world, scope=Scope.CALL, run_id=run.run_id)
    assert not world.has_appointment(row)


def test_a_hold_that_has_ended_or_was_released_holds_nothing(world):
    ended, released = world.book(age=OLD), world.book(age=OLD)
    hold(world, "appointment", ended)
    end_of_holds(world)
    release_hold(world.database, world.permit, hold(world, "appointment", released))
    clean(world)
    assert not world.has_appointment(ended)
    assert not world.has_appointment(released)
    assert list_holds(world.database, retention=DAY) == []
    past = list_holds(world.database, retention=DAY, ended=True)
    assert {(entry.is_active, entry.released_by is None) for entry in past} == {(False, True), (False, False)}


def test_the_pending_delete_date_is_the_later_of_hold_and_age(world):
    old, young = world.book(age=OLD), world.book(age=timedelta(hours=1))
    first, second = hold(world, "appointment", old), hold(world, "appointment", young, for_=timedelta(hours=2))
    listed = {entry.id: entry for entry in list_holds(world.database, retention=DAY)}
    assert listed[first].eligible_at == listed[first].until
    created = world.sql("SELECT created_at FROM appointments WHERE id = %s", young)[0]["created_at"]
    assert listed[second].eligible_at == created + DAY


def test_a_row_that_is_gone_has_no_delete_date(world):
    row = world.book()
    hold(world, "appointment", row)
    world.sql("DELETE FROM appointments")
    listed = only_hold(world)
    assert (listed.rows, listed.eligible_at) == (0, None)


def test_a_hold_put_on_while_the_delete_waits_saves_the_row(world):
    row, other = world.book(age=OLD), world.book(age=OLD)
    with psycopg.connect(world.url) as application, ThreadPoolExecutor(1) as pool:
        application.execute("SELECT 1 FROM appointments WHERE id = %s FOR UPDATE", [row])
        cleanup = clean_in(pool, world, Policy())
        wait_until(lambda: somebody_waits(world))
        hold(world, "appointment", row)
        application.rollback()
        cleanup.result(60)
    assert world.has_appointment(row)
    assert not world.has_appointment(other)


def test_what_is_not_there_cannot_be_held(world):
    row = world.book(age=OLD)
    for kind in ("appointment", "user"):
        with pytest.raises(ConfigurationError, match=f"no {kind} 4242"):
            hold(world, kind, 4242)
    with pytest.raises(ConfigurationError, match="no run"):
        add_hold(world.database, world.permit, Subject("run", run_id=uuid4()), until=START, reason="x")
    with pytest.raises(ConfigurationError, match="has passed"):
        hold(world, "appointment", row, for_=-DAY)
    cleanup = clean(world)
    with pytest.raises(ConfigurationError, match=str(cleanup)):
        hold(world, "appointment", row)


def test_a_hold_is_released_once(world):
    held = hold(world, "appointment", world.book())
    release_hold(world.database, world.permit, held)
    with pytest.raises(ConfigurationError, match="no hold"):
        release_hold(world.database, world.permit, held)
