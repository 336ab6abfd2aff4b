"""Test calls that another process leads, and users whom the application shares between tests and customers."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, Scope, StopReason
from tests.booking_world import fiction_number
from tests.integration.faults.forked import forks

START = datetime(2031, 6, 2, 14, 0, tzinfo=UTC)


@pytest.fixture
def forking():
    with forks() as started:
        yield started


def test_the_calls_of_a_run_alive_in_another_process_are_out_of_every_cleanups_reach(scene, forking):
    run = uuid4()
    child, rows = forking.lead_run(scene.url, run, [fiction_number() for _ in range(4)], START)
    appointments, users = tuple(row["appointment"] for row in rows), tuple(row["user"] for row in rows)
    for row in rows:
        scene.app.learn(row["user"], row["appointment"])
    database, permit = scene.world.database, scene.world.permit
    anything = Policy(retention=timedelta(0))
    assert cleanup_now(database, permit, anything).total == 0
    assert cleanup_now(database, permit, anything, run_id=uuid4()).total == 0
    named = cleanup_now(database, permit, anything, scope=Scope.NAMED, named=appointments, named_users=users)
    assert named.total == 0
    scene.check()
    child.kill()
    child.end()
    assert cleanup_now(database, permit, anything).total == 0  # nobody can know yet that it is dead
    scene.world.kill_run(run)
    report = cleanup_now(database, permit, Policy())
    assert report.stop_reason is StopReason.DRAINED
    assert report.deleted == {"appointments": 4, "users": 4}
    assert report.adopted == 2
    scene.check()


def test_a_user_of_a_test_call_who_becomes_a_customer_stays_and_so_does_the_real_booking(scene):
    with scene.world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        user = scene.app.register(call.number, is_reserved=True, name=call.name, is_caller=True)
        scene.app.book(user, is_test=True, start=START, is_of_a_call=True)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("passed", passed=1)
    real = scene.app.book(user, is_test=False)
    scene.world.sql("UPDATE prodtest.test_call SET opened_at = opened_at - interval '3 days'")
    for scope in (Scope.STALE, Scope.CALL, Scope.NAMED):
        cleanup_now(
            scene.world.database, scene.world.permit, Policy(retention=timedelta(0)), scope=scope, run_id=run.run_id,
            named=(real,), named_users=(user,),
        )  # fmt: skip
        scene.check()
    assert scene.world.has_user(user)
    assert scene.world.has_appointment(real)


def test_a_staging_copy_anonymised_with_reserved_numbers_loses_nobody(scene):
    people = [scene.app.register(scene.app.reserved_number(), is_reserved=True) for _ in range(30)]
    for person in people[:20]:
        scene.app.book(person, is_test=False, age=timedelta(days=30))
    for _ in range(2):
        report = cleanup_now(scene.world.database, scene.world.permit, Policy(retention=timedelta(0)))
        assert report.total == 0
        assert report.plan.kept["users"] == {"suspect": 11}  # ten of these, and one whom the scene brings
    scene.check()


def test_a_row_of_a_living_call_is_not_taken_for_that_of_a_dead_one_with_the_same_number(scene):
    number = scene.app.reserved_number()
    with scene.world.run() as dead:
        first = dead.open_call(persona="quick", requested_start=START, number=number)
        scene.app.register(number, is_reserved=True, name=first.name, is_caller=True)
        dead.close_call(first.call_sid, completed=False, transcript=[])
        dead.finish("abandoned")
    with scene.world.run() as living:
        call = living.open_call(persona="returning", requested_start=START, number=number, name=first.name)
        row = scene.app.book(scene.app.person_with(number), is_test=True, start=START, is_of_a_call=True)
        report = cleanup_now(scene.world.database, scene.world.permit, Policy(retention=timedelta(0)))
        assert report.total == 0
        assert scene.world.has_appointment(row)
        living.close_call(call.call_sid, completed=True, transcript=[])
        assert living.call_state(call.call_sid)["appointment_id"] == row
    scene.check()
