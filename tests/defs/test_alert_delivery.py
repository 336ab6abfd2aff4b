"""Nothing is lost, nothing told twice: channels and databases that are away, days that pass, settings that change."""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg
import pytest

from prodtest_assets.definitions import defs
from tests.booking_world import BookingWorld
from tests.defs.alerting import TICKS, Daemon, Deployment, told
from tests.defs.conftest import SetSettings
from tests.mailbox import MailReceiver, WebReceiver

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_it_is_told_again_each_day_while_it_lasts(deployment: Deployment, daemon: Daemon, web: WebReceiver) -> None:
    deployment.red = {"stale", "orphans"}
    run = deployment.run("stale", "orphans")
    daemon.tick()
    for hours in (1, 23, 25, 26, 48, 50):
        daemon.tick(later=hours * HOUR)

    titles = [title.partition(":")[0] for title in told(web)]
    assert titles == ["2 fail", "2 still fail", "2 still fail"]
    assert "what to do: prodtest cleanup --no-dry-run" in web.received[2]["message"]
    assert f"run: http://127.0.0.1:3000/runs/{run.run_id}" in web.received[2]["message"]


def test_a_check_that_is_no_longer_declared_is_over_when_it_would_be_told_again(
    postgres_instance: dg.DagsterInstance, deployment: Deployment, web: WebReceiver
) -> None:
    deployment.red = {"renamed", "lasting"}
    daemon = Daemon(postgres_instance, deployment.definitions("renamed", "lasting"))
    deployment.run("renamed", "lasting")
    daemon.tick()
    daemon.definitions = deployment.definitions("new_name", "lasting")
    daemon.tick(later=HOUR)
    daemon.tick(later=25 * HOUR)
    daemon.tick(later=50 * HOUR)

    assert [title.replace("lasting, renamed", "renamed, lasting") for title in told(web)] == [
        "2 fail: renamed, lasting",
        "renamed has recovered",
        "lasting still fails",
        "lasting still fails",
    ]
    assert "no longer declared" in web.received[1]["message"]


def test_a_step_that_has_another_name_now_is_over_when_it_would_be_told_again(
    postgres_instance: dg.DagsterInstance, deployment: Deployment, web: WebReceiver
) -> None:
    @dg.asset
    def renamed() -> None: ...

    deployment.crashing = {"upstream"}
    daemon = Daemon(postgres_instance, deployment.definitions("kept_back"))
    deployment.run("kept_back")
    daemon.tick("runs")
    daemon.tick()
    daemon.tick(later=25 * HOUR)
    daemon.definitions = dg.Definitions(assets=[renamed])
    daemon.tick(later=50 * HOUR)

    step = "step upstream of watch"
    assert told(web) == [f"{step} fails", f"{step} still fails", f"{step} has recovered"]
    assert "no longer declared" in web.received[2]["message"]


def test_a_message_that_a_channel_refuses_keeps_no_other_back_and_comes_briefly(
    deployment: Deployment, daemon: Daemon, web: WebReceiver
) -> None:
    daemon.tick()
    web.longest = 2_000
    names = [f"check_{place}" for place in range(15)]
    deployment.red = {*names}
    deployment.run(*names)
    daemon.tick()
    deployment.red = {"small"}
    deployment.run("small", *names[:1])
    for minutes in range(0, 12, 2):
        daemon.tick(later=minutes * MINUTE)

    titles = [title.partition(":")[0] for title in told(web)]
    assert titles[0] == "15 fail"
    assert sorted(titles[1:]) == ["check_0 has recovered", "small fails"]
    assert "was not taken 3 times" in web.received[0]["message"]


def test_a_mail_server_that_thinks_for_seven_seconds_gets_a_mail_once(
    deployment: Deployment, daemon: Daemon, mail: MailReceiver
) -> None:
    mail.seconds = 7.0
    deployment.red = {"stale"}
    deployment.run("stale")
    for _ in range(3):
        daemon.tick(later=MINUTE)

    assert len(mail.mails) == 2, "one for each reader"


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
    daemon.tick()
    web.switch_on()
    settings_of(PRODUCTION_DB_URL=world.url)
    daemon.tick()

    assert told(web) == ["the booking database fails", "the booking database has recovered"]


def test_one_connection_that_failed_wakes_nobody(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, world: BookingWorld, settings_of: SetSettings
) -> None:
    for url in ("postgresql://tester@127.0.0.1:1/booking_test", world.url, world.url):
        settings_of(PRODUCTION_DB_URL=url)
        daemon.tick()

    assert told(web) == []


def test_two_daemons_and_one_killed_while_it_tells_repeat_an_outage_under_the_same_id(
    postgres_instance: dg.DagsterInstance, web: WebReceiver, world: BookingWorld, settings_of: SetSettings
) -> None:
    first, second = Daemon(postgres_instance), Daemon(postgres_instance)
    settings_of(PRODUCTION_DB_URL="postgresql://tester@127.0.0.1:1/booking_test")
    first.tick()
    # Daemons of one deployment share what Dagster keeps for a sensor, and one that dies in its tick keeps nothing.
    begun = first.cursors["checks"]
    for daemon in (first, second, first):
        daemon.cursors["checks"] = begun
        daemon.tick(later=MINUTE)
    for daemon in (first, second):
        settings_of(PRODUCTION_DB_URL=world.url)
        daemon.tick()

    assert told(web) == ["the booking database fails"] * 3 + ["the booking database has recovered"]
    assert len({document["message"].rpartition("message id: ")[2] for document in web.received[:3]}) == 1


def test_daemons_that_share_nothing_but_the_database_tell_each_of_its_outages_under_one_id(
    postgres_instance: dg.DagsterInstance,
    sqlite_instance: dg.DagsterInstance,
    web: WebReceiver,
    world: BookingWorld,
    settings_of: SetSettings,
) -> None:
    daemons = (Daemon(postgres_instance), Daemon(sqlite_instance))
    away = "postgresql://tester@127.0.0.1:1/booking_test"
    for url in (world.url, away, away, world.url, world.url, away, away, world.url):
        settings_of(PRODUCTION_DB_URL=url)
        for daemon in daemons:
            daemon.tick()

    fails, recovered = "the booking database fails", "the booking database has recovered"
    assert told(web) == [fails, fails, recovered] * 2
    ids = [document["message"].rpartition("message id: ")[2] for document in web.received]
    assert ids[0] == ids[1] != ids[3] == ids[4]


def test_where_writing_is_not_allowed_that_is_told_instead(
    deployment: Deployment, daemon: Daemon, web: WebReceiver, settings_of: SetSettings
) -> None:
    settings_of(PRODUCTION_DB_TEST_MODE="false")
    daemon.tick()
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


@pytest.mark.parametrize("which", TICKS)
def test_a_sensor_that_fails_at_every_tick_leaves_no_heartbeat(
    daemon: Daemon, web: WebReceiver, world: BookingWorld, which: str
) -> None:
    with daemon.instance.event_log_storage.index_connection() as connection:
        connection.exec_driver_sql("ALTER TABLE event_logs RENAME TO lost")
        connection.exec_driver_sql("ALTER TABLE runs RENAME COLUMN status TO lost")
    with pytest.raises(Exception, match="does not exist"):
        daemon.tick(which)

    assert world.sql("SELECT name FROM prodtest.heartbeat") == []


def test_without_a_database_a_tick_says_which_setting_is_missing(daemon: Daemon) -> None:
    assert "PRODUCTION_DB_URL" in daemon.tick()


def test_the_real_checks_are_told_when_they_are_red(
    run_job: Callable[..., object], instance: dg.DagsterInstance, web: WebReceiver, world: BookingWorld
) -> None:
    daemon = Daemon(instance, defs)
    daemon.tick()
    world.book(age=2 * DAY)
    run_job("monitor_test_data")
    daemon.tick()
    run_job("cleanup_stale_test_data")
    daemon.tick()

    assert told(web) == ["no_stale_test_rows fails", "no_stale_test_rows has recovered"]
    assert "prodtest cleanup --no-dry-run" in web.received[0]["message"]
