"""The sensor asks for a cleanup when rows may go, once, and says in a sentence why it does not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from prodtest_assets.definitions import defs
from prodtest_assets.defs.sensors import decide, stale_test_data_sensor
from prodtest_assets.testdata.cleanup.due import cleanup_due
from tests.booking_world import BookingWorld
from tests.defs.conftest import RunJob, SetSettings

TWO_DAYS = timedelta(hours=48)
Tick = Callable[[], SensorExecutionData]


@pytest.fixture
def tick(instance: dg.DagsterInstance) -> Tick:
    """One evaluation, as the daemon does it."""

    def evaluate() -> SensorExecutionData:
        with dg.build_sensor_context(instance=instance, definitions=defs) as context:
            return stale_test_data_sensor.evaluate_tick(context)

    return evaluate


def requests(tick: Tick) -> Sequence[dg.RunRequest]:
    return tick().run_requests or ()


def test_stale_rows_are_a_reason_to_clean(tick: Tick, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)

    (request,) = requests(tick)

    assert request.tags["prodtest/rows"] == "2"


def test_a_request_is_not_made_twice(tick: Tick, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)

    assert requests(tick)[0].run_key == requests(tick)[0].run_key


def test_after_a_cleanup_new_stale_rows_are_a_new_reason(tick: Tick, run_job: RunJob, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    before = requests(tick)[0].run_key
    run_job("cleanup_stale_test_data")
    world.book(age=TWO_DAYS)

    assert requests(tick)[0].run_key != before


def test_it_waits_for_a_cleanup_that_is_on_its_way(
    tick: Tick, instance: dg.DagsterInstance, world: BookingWorld
) -> None:
    world.book(age=TWO_DAYS)
    job = defs.resolve_job_def("cleanup_stale_test_data")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)

    ticked = tick()

    assert not ticked.run_requests
    assert ticked.skip_message == "a run of cleanup_stale_test_data is on its way; it cleans"


def test_nothing_stale_is_said_so(tick: Tick, world: BookingWorld) -> None:
    world.book()

    assert tick().skip_message == "nothing may go: no test row is stale, no test user is orphaned"


def ended(world: BookingWorld, *reasons: str, ago: timedelta = timedelta(minutes=1)) -> None:
    """Cleanups that ended for these reasons one after the other, the last of them so long ago."""
    for place, reason in enumerate(reversed(reasons)):
        world.sql(
            "INSERT INTO prodtest.cleanup_run (id, plan_id, finished_at, stop_reason, actor)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), now() - %s, %s, 'test')",
            ago + place * timedelta(hours=1),
            reason,
        )


def test_a_cleanup_that_just_came_to_nothing_is_not_repeated_at_once(tick: Tick, world: BookingWorld) -> None:
    world.book(age=TWO_DAYS)
    ended(world, "drained", "held")

    message = str(tick().skip_message)

    assert message.startswith("2 rows may go, but the last cleanup ended held; the next attempt comes after 20")


@pytest.mark.parametrize(
    ("fruitless", "rest"), [(1, timedelta(minutes=10)), (2, timedelta(minutes=20)), (8, timedelta(hours=6))]
)
def test_each_failure_doubles_the_rest_up_to_six_hours(
    tick: Tick, world: BookingWorld, fruitless: int, rest: timedelta
) -> None:
    world.book(age=TWO_DAYS)
    ended(world, "drained", *["locked"] * fruitless, ago=rest - timedelta(minutes=1))
    assert not requests(tick)
    world.sql("UPDATE prodtest.cleanup_run SET finished_at = finished_at - interval '2 minutes'")
    assert requests(tick)


def test_a_run_that_fails_before_it_cleans_is_repeated_later_under_another_key(
    tick: Tick, instance: dg.DagsterInstance, world: BookingWorld
) -> None:
    world.book(age=TWO_DAYS)
    (first,) = requests(tick)
    job = defs.resolve_job_def("cleanup_stale_test_data")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=dict(first.tags))
    assert str(tick().skip_message) == "a run of cleanup_stale_test_data is on its way; it cleans"
    instance.report_run_failed(run)
    assert "but the last run failed before cleaning; the next attempt comes after" in str(tick().skip_message)

    due = cleanup_due(world.database, timedelta(hours=24))
    with dg.build_sensor_context(instance=instance, definitions=defs) as context:
        second = decide(context, replace(due, clock=due.clock + timedelta(minutes=11)))

    assert isinstance(second, dg.RunRequest)
    assert (first.run_key, second.run_key) == ("after no cleanup, attempt 1", "after no cleanup, attempt 2")


def test_after_more_attempts_than_it_looks_at_the_next_one_still_has_a_key_of_its_own(
    tick: Tick, instance: dg.DagsterInstance, world: BookingWorld
) -> None:
    world.book(age=TWO_DAYS)
    job = defs.resolve_job_def("cleanup_stale_test_data")
    for number in range(1, 61):
        tags = {"prodtest/after": "no cleanup", "prodtest/attempt": str(number)}
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE, tags=tags)
    due = cleanup_due(world.database, timedelta(hours=24))
    with dg.build_sensor_context(instance=instance, definitions=defs) as context:
        request = decide(context, replace(due, clock=due.clock + timedelta(hours=7)))

    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "after no cleanup, attempt 61"


def test_a_sensor_that_fails_at_every_tick_leaves_no_heartbeat(tick: Tick, world: BookingWorld) -> None:
    world.sql("ALTER TABLE appointments RENAME COLUMN is_test_data TO lost")
    tick()

    assert world.sql("SELECT name FROM prodtest.heartbeat") == []


def test_without_test_mode_no_run_is_requested_that_would_fail(
    tick: Tick, world: BookingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.book(age=TWO_DAYS)
    monkeypatch.delenv("PRODUCTION_DB_TEST_MODE")

    assert "PRODUCTION_DB_TEST_MODE" in str(tick().skip_message)


def test_without_a_database_it_says_which_setting_is_missing(tick: Tick) -> None:
    assert "PRODUCTION_DB_URL" in str(tick().skip_message)


def test_a_database_that_does_not_answer_is_a_failed_tick(tick: Tick, settings_of: SetSettings) -> None:
    settings_of(PRODUCTION_DB_URL="postgresql://tester@127.0.0.1:1/booking_test", PRODUCTION_DB_TEST_MODE="true")

    with pytest.raises(Exception, match="does not answer"):
        tick()


def test_it_leaves_a_heartbeat(tick: Tick, world: BookingWorld) -> None:
    tick()
    assert world.sql("SELECT name FROM prodtest.heartbeat") == [{"name": "stale_test_data_sensor"}]
