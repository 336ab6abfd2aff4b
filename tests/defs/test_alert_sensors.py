"""Each cause is told once, and again when it is over: which runs and checks are causes, and of what."""

from datetime import timedelta
from uuid import uuid4

import dagster as dg

from tests.booking_world import START, BookingWorld
from tests.defs.alerting import TICKS, Daemon, Deployment, told
from tests.mailbox import WebReceiver

MINUTE = timedelta(minutes=1)


def evaluated(check: str, *, passed: bool) -> dg.DagsterEvent:
    return dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        job_name="watch",
        event_specific_data=dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("downstream"), check_name=check, passed=passed, metadata={}
        ),
    )


def test_a_red_check_is_told_with_everything_a_person_needs(
    storage: dg.DagsterInstance, web: WebReceiver, world: BookingWorld
) -> None:
    deployment, daemon = Deployment(storage), Daemon(storage)
    deployment.red = {"stale"}

    run = deployment.run("stale", "fine")
    sentence = daemon.tick()

    assert told(web) == ["stale fails"]
    assert web.received[0]["type"] == "failure"
    message = web.received[0]["message"]
    assert world.database.name in web.titles[0]
    for part in (
        "stale on downstream fails since 20",
        "3 rows of stale",
        "| 1 | +1212***0123 |",
        "what to do: prodtest cleanup --no-dry-run",
        f"run: http://127.0.0.1:3000/runs/{run.run_id}",
        "message id: ",
    ):
        assert part in message
    assert sentence == "new messages: 1 failing; 1 sent"


def test_still_red_says_nothing_and_green_again_says_so_once(storage: dg.DagsterInstance, web: WebReceiver) -> None:
    deployment, daemon = Deployment(storage), Daemon(storage)
    deployment.run("stale")
    daemon.tick()
    for red in (True, True, False, False):
        deployment.red = {"stale"} if red else set()
        deployment.run("stale")
        daemon.tick()
        daemon.tick()

    assert told(web) == ["stale fails", "stale has recovered"]
    assert web.received[1]["type"] == "success"
    assert "it failed since" in web.received[1]["message"]


def test_a_second_check_is_a_message_of_its_own_and_two_of_one_run_are_one(
    deployment: Deployment, daemon: Daemon, web: WebReceiver
) -> None:
    daemon.tick()
    deployment.red = {"stale"}
    deployment.run("stale", "orphans", "marks")
    daemon.tick()
    deployment.red |= {"orphans", "marks"}
    deployment.run("stale", "orphans", "marks")
    daemon.tick()

    assert told(web)[0] == "stale fails"
    assert told(web)[1] in ("2 fail: orphans, marks", "2 fail: marks, orphans")
    assert len(told(web)) == 2


def test_what_came_between_two_ticks_is_not_forgotten(deployment: Deployment, daemon: Daemon, web: WebReceiver) -> None:
    daemon.tick()
    for red in (True, False, True):
        deployment.red = {"stale"} if red else set()
        deployment.run("stale")
    daemon.tick()

    assert told(web) == ["stale fails", "stale has recovered", "stale fails"]


def test_a_sensor_that_is_new_tells_what_stands_and_no_old_stories(
    storage: dg.DagsterInstance, web: WebReceiver
) -> None:
    deployment = Deployment(storage)
    deployment.red = {"over", "standing"}
    deployment.run("over", "standing")
    deployment.red = {"standing"}
    deployment.run("over")
    for which in TICKS:
        Daemon(storage).tick(which)

    assert told(web) == ["standing fails"]


def test_a_warning_wakes_nobody_and_ends_a_failure(deployment: Deployment, daemon: Daemon, web: WebReceiver) -> None:
    deployment.yellow = {"stale"}
    deployment.run("stale")
    daemon.tick()
    assert told(web) == []
    deployment.red, deployment.yellow = {"stale"}, set()
    deployment.run("stale")
    daemon.tick()
    deployment.red, deployment.yellow = set(), {"stale"}
    deployment.run("stale")
    daemon.tick()

    assert told(web) == ["stale fails", "stale has recovered"]
    assert "a warning now: 3 rows of stale" in web.received[1]["message"]


def test_a_crashed_check_is_told_by_the_run_sensor_and_recovers_like_any_other(
    storage: dg.DagsterInstance, web: WebReceiver
) -> None:
    deployment, daemon = Deployment(storage), Daemon(storage)
    daemon.tick("runs")
    deployment.crashing = {"stale"}
    deployment.run("stale")
    daemon.tick("runs")
    deployment.run("stale")
    daemon.tick("runs")
    deployment.crashing = set()
    deployment.run("stale")
    daemon.tick("runs")

    assert told(web) == ["stale fails", "stale has recovered"]
    assert "it crashed: ValueError: stale fell over at +1212" in web.received[0]["message"]
    assert "+12125550123" not in web.received[0]["message"]


def test_a_red_blocking_check_is_one_cause_and_one_message(
    deployment: Deployment, daemon: Daemon, web: WebReceiver
) -> None:
    daemon.tick("runs")
    deployment.red = {"blocking"}
    run = deployment.run("blocking", "stale")
    assert not run.success
    for which in ("runs", "checks", "runs", "checks"):
        daemon.tick(which)

    assert told(web) == ["blocking fails"]
    assert "did not run because of it: stale" in web.received[0]["message"]


def test_a_red_and_a_crashed_check_of_one_run_are_one_message_whichever_sensor_comes_first(
    deployment: Deployment, daemon: Daemon, web: WebReceiver
) -> None:
    for first in ("checks", "runs"):
        deployment.red, deployment.crashing = {f"red-{first}".replace("-", "_")}, {f"crashed_{first}"}
        deployment.run(f"red_{first}", f"crashed_{first}")
        for which in (first, "runs", "checks"):
            daemon.tick(which)

    assert [sorted(title.removeprefix("2 fail: ").split(", ")) for title in told(web)] == [
        ["crashed_checks", "red_checks"],
        ["crashed_runs", "red_runs"],
    ]


def test_an_asset_that_raises_is_told_with_the_checks_it_kept_from_running(
    deployment: Deployment, daemon: Daemon, web: WebReceiver
) -> None:
    deployment.crashing = {"upstream"}
    deployment.run("stale")
    daemon.tick("runs")
    deployment.crashing = set()
    deployment.run("blocking", "stale")
    daemon.tick("runs")

    assert told(web) == ["step upstream of watch fails", "step upstream of watch has recovered"]
    assert "no upstream" in web.received[0]["message"]
    assert "did not run because of it: stale" in web.received[0]["message"]


def test_checks_that_stay_planned_after_their_run_was_ended_are_told(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, postgres_instance: dg.DagsterInstance
) -> None:
    job = deployment.definitions("stale", "orphans").resolve_job_def("watch")
    run = postgres_instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    daemon.tick("runs")
    postgres_instance.report_run_canceled(run)
    daemon.tick("runs")
    daemon.tick("runs")
    deployment.run("stale", "orphans")
    daemon.tick("runs")

    assert [title.partition(":")[0] for title in told(web)] == ["2 fail", "2 have recovered"]
    assert "the run ended CANCELED before this check had answered" in web.received[0]["message"]


def test_what_a_crashed_run_left_open_is_told_when_the_run_that_dagster_started_instead_leaves_it_open_too(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, postgres_instance: dg.DagsterInstance
) -> None:
    job = deployment.definitions("stale", "orphans").resolve_job_def("watch")
    daemon.tick("runs")
    for is_retried in (True, False):
        run = postgres_instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        postgres_instance.report_dagster_event(evaluated("stale", passed=False), run_id=run.run_id)
        postgres_instance.report_run_failed(run)
        if is_retried:
            postgres_instance.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": str(uuid4())})
        daemon.tick("runs")

    assert told(web) == ["stale fails", "orphans fails"]


def test_a_killed_run_is_told_although_another_check_is_red_already(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, postgres_instance: dg.DagsterInstance
) -> None:
    deployment.red = {"stale"}
    deployment.run("stale")
    daemon.tick("runs")
    job = deployment.definitions("stale", "orphans").resolve_job_def("watch")
    run = postgres_instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    postgres_instance.report_dagster_event(evaluated("stale", passed=False), run_id=run.run_id)
    postgres_instance.report_run_failed(run)
    for which in ("runs", "checks", "runs"):
        daemon.tick(which)

    assert told(web) == ["stale fails", "orphans fails"]
    assert "the run ended FAILURE before this check had answered" in web.received[1]["message"]


def test_what_was_not_measured_begins_and_ends_nothing(
    deployment: Deployment, daemon: Daemon, web: WebReceiver
) -> None:
    deployment.unmeasured = {"stale", "fine"}
    deployment.run("stale", "fine")
    for red, unmeasured in ((True, False), (False, True), (False, False)):
        daemon.tick()
        deployment.red, deployment.unmeasured = {"stale"} if red else set(), {"stale"} if unmeasured else set()
        deployment.run("stale")
        if unmeasured:
            daemon.tick()
            assert told(web) == ["stale fails"]
    daemon.tick()

    assert told(web) == ["stale fails", "stale has recovered"]


def test_a_crashed_check_names_no_caller(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, world: BookingWorld
) -> None:
    run_id = uuid4()
    with world.run(run_id) as run:
        name = run.open_call(persona="test", requested_start=START).name
    deployment.crashing, deployment.last_words = {"stale"}, f"could not find {name.upper()}"
    job = deployment.definitions("stale").resolve_job_def("watch")
    job.execute_in_process(instance=deployment.instance, raise_on_error=False, run_id=str(run_id))
    daemon.tick("runs")

    assert "stale could not find" in web.received[0]["message"]
    for word in name.upper().split():
        assert word not in web.received[0]["message"]


def test_a_run_whose_process_died_before_any_step_is_told(
    daemon: Daemon, web: WebReceiver, postgres_instance: dg.DagsterInstance
) -> None:
    @dg.job(executor_def=dg.in_process_executor)
    def nightly() -> None: ...

    run = postgres_instance.create_run_for_job(nightly, status=dg.DagsterRunStatus.STARTING)
    postgres_instance.report_run_failed(run)
    daemon.tick("runs")
    nightly.execute_in_process(instance=postgres_instance)
    daemon.tick("runs")

    assert told(web) == ["the job nightly fails", "the job nightly has recovered"]


def test_a_run_that_goes_on_is_waited_for_but_not_for_ever(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, postgres_instance: dg.DagsterInstance
) -> None:
    job = deployment.definitions("stale").resolve_job_def("watch")
    run = postgres_instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    postgres_instance.report_dagster_event(evaluated("stale", passed=False), run_id=run.run_id)
    daemon.tick()
    daemon.tick(later=14 * MINUTE)
    assert told(web) == []
    daemon.tick(later=16 * MINUTE)
    postgres_instance.report_run_canceled(run)
    daemon.tick(later=17 * MINUTE)

    assert told(web) == ["stale fails"]
