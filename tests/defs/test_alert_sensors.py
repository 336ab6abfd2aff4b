"""Nobody misses a red check: each cause is told once, and again when it is over, whatever happens in between."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from prodtest_assets.definitions import defs
from prodtest_assets.defs.alert_sensors import check_tick, run_tick
from tests.booking_world import BookingWorld
from tests.defs.conftest import SetSettings
from tests.mailbox import MailReceiver, WebReceiver, mail_receiver, web_receiver

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICKS = {"checks": check_tick, "runs": run_tick}


class Daemon:
    """Ticks as Dagster's daemon does: what a tick returns as its cursor, the next one gets."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursors: dict[str, str | None] = {}

    def tick(self, which: str = "checks", *, later: timedelta = timedelta()) -> str:
        """One tick, at a later time than now; what it says."""
        now = datetime.now(UTC) + later if later else None
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursors.get(which), definitions=defs
        ) as context:
            result = TICKS[which](context, now)
        self.cursors[which] = result.cursor
        return str(result.skip_reason.skip_message if result.skip_reason else "")


class Deployment:
    """Two checks, one of them blocking, a crash at will, and jobs that run them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.red: set[str] = set()
        self.yellow: set[str] = set()
        self.crashing: set[str] = set()

    def run(self, *names: str, **tags: str) -> dg.ExecuteInProcessResult:
        """Run checks; `upstream` and `downstream` are assets with a check each."""
        job = self.definitions(*names).resolve_job_def("watch")
        return job.execute_in_process(instance=self.instance, raise_on_error=False, tags=tags)

    def result(self, name: str) -> dg.AssetCheckResult:
        if name in self.crashing:
            raise ValueError(f"{name} fell over at +12125550123")
        severity = dg.AssetCheckSeverity.WARN if name in self.yellow else dg.AssetCheckSeverity.ERROR
        return dg.AssetCheckResult(
            passed=name not in self.red | self.yellow,
            severity=severity,
            description=f"3 rows of {name}",
            metadata={
                "sample": dg.MetadataValue.md("| id | mobile |\n| --- | --- |\n| 1 | +1212***0123 |"),
                "repair": dg.MetadataValue.md("`prodtest cleanup --no-dry-run`"),
            },
        )

    def definitions(self, *names: str) -> dg.Definitions:
        @dg.asset
        def upstream() -> None:
            if "upstream" in self.crashing:
                raise ValueError("no upstream")

        @dg.asset(deps=[upstream])
        def downstream() -> None: ...

        checks = [self._check(name, upstream if name == "blocking" else downstream) for name in names]
        selection = dg.AssetSelection.all() if "blocking" in names else dg.AssetSelection.checks(*checks)
        if "upstream" in self.crashing:
            selection = dg.AssetSelection.all()
        return dg.Definitions(
            assets=[upstream, downstream],
            asset_checks=checks,
            jobs=[dg.define_asset_job("watch", selection=selection)],
            executor=dg.in_process_executor,
        )

    def _check(self, name: str, asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=asset, name=name, blocking=name == "blocking")
        def check() -> dg.AssetCheckResult:
            return self.result(name)

        return check


@pytest.fixture(params=["postgres_instance", "sqlite_instance"])
def storage(request: pytest.FixtureRequest) -> dg.DagsterInstance:
    """Each of Dagster's storages that outlives a process."""
    found: dg.DagsterInstance = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def sqlite_instance(tmp_path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


@pytest.fixture
def web(world: BookingWorld, settings_of: SetSettings) -> Iterator[WebReceiver]:
    """A channel that the settings name."""
    with web_receiver() as receiver:
        settings_of(PRODTEST_ALERT_URLS=receiver.url, PRODTEST_WEBSERVER_URL="http://127.0.0.1:3000")
        yield receiver


@pytest.fixture
def mail(web: WebReceiver, settings_of: SetSettings) -> Iterator[MailReceiver]:
    """A second channel beside the first."""
    with mail_receiver() as receiver:
        settings_of(PRODTEST_ALERT_URLS=f"{web.url}, {receiver.url}")
        yield receiver


@pytest.fixture
def deployment(postgres_instance: dg.DagsterInstance) -> Deployment:
    return Deployment(postgres_instance)


@pytest.fixture
def daemon(postgres_instance: dg.DagsterInstance) -> Daemon:
    return Daemon(postgres_instance)


def told(web: WebReceiver) -> list[str]:
    """The titles of all messages, without the name of the database, which differs from test to test."""
    return [title.split(": ", 1)[1] for title in web.titles]


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
    evaluated = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        job_name="watch",
        event_specific_data=dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("downstream"), check_name="stale", passed=False, metadata={}
        ),
    )
    postgres_instance.report_dagster_event(evaluated, run_id=run.run_id)
    daemon.tick()
    daemon.tick(later=14 * MINUTE)
    assert told(web) == []
    daemon.tick(later=16 * MINUTE)
    postgres_instance.report_run_canceled(run)
    daemon.tick(later=17 * MINUTE)

    assert told(web) == ["stale fails"]


def test_it_is_told_again_each_day_while_it_lasts(deployment: Deployment, daemon: Daemon, web: WebReceiver) -> None:
    deployment.red = {"stale", "orphans"}
    deployment.run("stale", "orphans")
    daemon.tick()
    for hours in (1, 23, 25, 26, 48, 50):
        daemon.tick(later=hours * HOUR)

    titles = [title.partition(":")[0] for title in told(web)]
    assert titles == ["2 fail", "2 still fail", "2 still fail"]
    assert "what to do: prodtest cleanup --no-dry-run" in web.received[2]["message"]


def test_a_channel_that_is_down_for_an_hour_gets_each_message_once_when_it_is_back(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, mail: MailReceiver
) -> None:
    daemon.tick()
    web.switch_off()
    deployment.red = {"stale"}
    deployment.run("stale")
    for minutes in range(0, 60, 2):
        sentence = daemon.tick(later=minutes * MINUTE)
        if minutes == 30:
            deployment.red = set()
            deployment.run("stale")
    assert "the rest waits: json-" in sentence or sentence == "nothing new is red"
    web.switch_on()
    for minutes in range(60, 80, 2):
        daemon.tick(later=minutes * MINUTE)

    assert told(web) == ["stale fails", "stale has recovered"]
    assert [mail.mails[place]["Subject"].split(": ", 1)[1] for place in (0, 2)] == told(web)
    assert [mail.mails[place]["To"] for place in range(4)] == ["first@example.com", "second@example.com"] * 2
    assert "what to do: prodtest cleanup --no-dry-run" in mail.text(0)


def test_nothing_that_is_secret_gets_into_messages_logs_or_sentences(
    deployment: Deployment,
    daemon: Daemon,
    web: WebReceiver,
    world: BookingWorld,
    caplog: pytest.LogCaptureFixture,
    settings_of: SetSettings,
) -> None:
    caplog.set_level("DEBUG")
    settings_of(PRODTEST_ALERT_URLS=f"{web.url}, json://127.0.0.1:1/other-s3cret, nowhere://pa55word@x")
    deployment.red = {"stale"}
    deployment.run("stale")
    sentences = daemon.tick() + daemon.tick()

    password = world.url.split(":")[2].split("@")[0]
    seen = f"{caplog.text} {sentences} {web.received}"
    assert len(web.received) == 1
    for secret in ("s3cret", "pa55word", password):
        assert secret not in seen


def test_a_database_that_is_away_is_told_and_what_failed_meanwhile_is_told_afterwards(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, world: BookingWorld, settings_of: SetSettings
) -> None:
    daemon.tick()
    settings_of(PRODUCTION_DB_URL="postgresql://tester:hush@127.0.0.1:1/booking_test")
    deployment.red = {"stale"}
    deployment.run("stale")
    for which in ("checks", "runs", "checks"):
        sentence = daemon.tick(which)
        assert "nothing can be recorded, and nothing is lost: the database at" in sentence
        assert "hush" not in sentence
    settings_of(PRODUCTION_DB_URL=world.url)
    for which in ("checks", "runs", "checks"):
        daemon.tick(which)

    assert told(web) == ["the booking database fails", "the booking database has recovered", "stale fails"]
    assert "does not answer" in web.received[0]["message"]


def test_an_outage_that_no_channel_could_tell_is_told_when_it_is_over(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, world: BookingWorld, settings_of: SetSettings
) -> None:
    web.switch_off()
    settings_of(PRODUCTION_DB_URL="postgresql://tester@127.0.0.1:1/booking_test")
    daemon.tick()
    web.switch_on()
    settings_of(PRODUCTION_DB_URL=world.url)
    daemon.tick()

    assert told(web) == ["the booking database fails", "the booking database has recovered"]


def test_where_writing_is_not_allowed_that_is_told_instead(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, settings_of: SetSettings
) -> None:
    settings_of(PRODUCTION_DB_TEST_MODE="false")
    assert "set PRODUCTION_DB_TEST_MODE=true" in daemon.tick()
    assert told(web) == ["the booking database fails"]


def test_without_a_channel_everything_is_recorded_and_sent_when_there_is_one(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, settings_of: SetSettings
) -> None:
    settings_of(PRODTEST_ALERT_URLS="")
    deployment.red = {"stale"}
    deployment.run("stale")
    assert "PRODTEST_ALERT_URLS is not set" in daemon.tick()
    settings_of(PRODTEST_ALERT_URLS=web.url)
    daemon.tick()

    assert told(web) == ["stale fails"]


def test_the_sensors_leave_a_heartbeat(daemon: Daemon, web: WebReceiver, world: BookingWorld) -> None:
    for which in TICKS:
        daemon.tick(which)
    names = {row["name"] for row in world.sql("SELECT name FROM prodtest.heartbeat")}
    assert names == {"asset_check_alert_sensor", "run_failure_alert_sensor"}


def test_without_a_database_a_tick_says_which_setting_is_missing(daemon: Daemon) -> None:
    assert "PRODUCTION_DB_URL" in daemon.tick()


def test_the_real_checks_are_told_when_they_are_red(
    run_job: Callable[..., object], instance: dg.DagsterInstance, web: WebReceiver, world: BookingWorld
) -> None:
    daemon = Daemon(instance)
    daemon.tick()
    world.book(age=2 * DAY)
    run_job("monitor_test_data")
    daemon.tick()
    run_job("cleanup_stale_test_data")
    daemon.tick()

    assert told(web) == ["no_stale_test_rows fails", "no_stale_test_rows has recovered"]
    assert "prodtest cleanup --no-dry-run" in web.received[0]["message"]
