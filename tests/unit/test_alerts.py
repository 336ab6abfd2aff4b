"""What messages say, when `watch` speaks, and what a sensor keeps in its cursor."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prodtest_assets.alerts.channels import channels
from prodtest_assets.alerts.message import Text, compose, shortened
from prodtest_assets.alerts.outage import Outage, tell
from prodtest_assets.alerts.watching import Watch, stands
from prodtest_assets.defs.alert_cursors import Cursor
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.advice import alerts_by_topic, alerts_for
from prodtest_assets.testdata.alert_ledger import AlertMessage, Told, place_of
from prodtest_assets.testdata.cleanup.due import rest_after
from prodtest_assets.testdata.models import Alert
from tests.mailbox import web_receiver
from tests.unit.reports.figures import snapshot

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Wall:
    """A channel in memory, which can be switched off."""

    def __init__(self, name: str = "wall") -> None:
        self.name = name
        self.texts: list[Text] = []
        self.is_up = True

    def send(self, text: Text) -> str | None:
        if not self.is_up:
            return f"{self.name} is down"
        self.texts.append(text)
        return None


def message(*told: Told, kind: str = "failing", run_id: str | None = "run-1") -> AlertMessage:
    return AlertMessage("message-1", "db:5432/booking_test", kind, run_id, NOON, told)


def told(what: str, **details: Any) -> Told:
    return Told(f"check {what}", NOON, {"what": what, **details})


def test_a_message_says_what_failed_since_when_the_sample_the_run_and_the_command() -> None:
    stale = told("stale on rows", said="3 stale", sample="| id |\n| 17 |", do="prodtest cleanup", also=["later"])
    text = compose(message(stale), webserver_url="https://dagster.example.com/")
    assert text.title == "db:5432/booking_test: stale fails"
    assert text.body.splitlines() == [
        "stale on rows fails since 2026-11-22 12:00:00 UTC",
        "  3 stale",
        "  | id |",
        "  | 17 |",
        "  did not run because of it: later",
        "  what to do: prodtest cleanup",
        "",
        "run: https://dagster.example.com/runs/run-1",
        "database: db:5432/booking_test",
        "message id: message-1",
    ]


def test_without_the_web_uis_address_the_path_of_the_run_is_given() -> None:
    assert "run: /runs/run-1 in Dagster's web UI" in compose(message(told("stale"))).body


def test_a_recovery_is_short() -> None:
    text = compose(message(told("stale", said="no stale rows", sample="x", do="y"), kind="recovered", run_id=None))
    assert text.body.splitlines()[:2] == [
        "stale has recovered; it failed since 2026-11-22 12:00:00 UTC",
        "  no stale rows",
    ]
    assert "what to do" not in text.body


def test_many_causes_and_long_samples_are_cut_and_it_is_said() -> None:
    many = [told(f"check_{place}", sample="\n".join("x" * 500 for _ in range(50))) for place in range(30)]
    text = compose(message(*many))
    assert text.title.endswith("30 fail: check_0, check_1, check_2, ...")
    assert "(42 more lines)" in text.body
    assert "and 10 more" in text.body
    assert max(len(line) for line in text.body.splitlines()) < 210


def test_what_is_too_long_is_cut_before_the_footer() -> None:
    body = compose(message(*(told(f"check_{place}", said="x" * 150) for place in range(20)))).body
    footer = body.rpartition("\n\n")[2]
    cut = shortened(body, 1_000)
    assert 800 < len(cut) <= 1_000
    assert cut.endswith(f"\n(cut: too long for this channel)\n\n{footer}")
    assert shortened(body, 100).endswith(footer)
    assert shortened(body, len(body)) == body


def test_a_service_that_takes_four_thousand_characters_gets_no_more_in_one_message() -> None:
    alerts = [told(f"check_{place}", said="&lt; " * 30, sample="| id |\n| 17 |") for place in range(20)]
    text = compose(message(*alerts))
    with web_receiver() as web:
        (channel,) = channels([f"mmost://127.0.0.1:{web.port}/t0ken"])
        assert channel.send(text) is None
    assert len(text.body) > 4_000
    assert len(web.received) == 1
    assert len(web.received[0]["text"]) <= 4_000
    assert "message id: message-1" in web.received[0]["text"]


@pytest.mark.parametrize("url", ["file://", "file:///"])
def test_a_file_without_a_name_is_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(ConfigurationError, match="file URL 2 names no file"):
        channels(["json://host/s3cret", url])


def test_a_channel_shows_its_kind_and_no_secret() -> None:
    (channel,) = channels(["slack://s3cret/pa55word/token", "slack://s3cret/pa55word/token"])
    assert channel.name.startswith("slack-")
    assert "s3cret" not in f"{channel!r} {channel.name}"


def test_a_file_takes_a_line_a_message(tmp_path) -> None:
    (channel,) = channels([f"file://{tmp_path}/alerts.jsonl"])
    assert [channel.send(Text("failing", "title", "body\nmore")) for _ in range(2)] == [None, None]
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 2
    (missing,) = channels([f"file://{tmp_path}/nowhere/alerts.jsonl"])
    assert missing.send(Text("failing", "title", "body")) == "the file could not be written: No such file or directory"


def test_a_place_names_no_user_and_no_password() -> None:
    url = "postgresql+asyncpg://user:p@ss:/word@db.example.com:5433/booking_staging?sslmode=require"
    assert place_of(url) == "db.example.com:5433/booking_staging"
    assert place_of(url, "staging") == "staging (db.example.com:5433/booking_staging)"


def test_an_outage_is_told_once_to_each_channel_and_again_each_day() -> None:
    first, second = Wall("first"), Wall("second")
    second.is_up = False
    outage = Outage.begun("it does not answer", NOON)
    for hours in (0, 1, 2):
        outage = tell(outage, "db", [first, second], NOON + timedelta(hours=hours))
    second.is_up = True
    outage = tell(outage, "db", [first, second], NOON + timedelta(hours=3))
    outage = tell(outage, "db", [first, second], NOON + DAY)
    assert [text.kind for text in first.texts] == [text.kind for text in second.texts] == ["failing", "reminder"]
    assert first.texts[0].body == second.texts[0].body
    assert tell(Outage.begun("away", NOON), "db", [first], NOON, seconds=0).told == ()
    assert Outage.from_json(outage.to_json()) == outage


def test_a_cursor_survives_being_written() -> None:
    outage = tell(Outage.begun("away", NOON, NOON - DAY), "db", [Wall()], NOON)
    for cursor in (Cursor(), Cursor(17, NOON, {"run-1": NOON}, outage, NOON - DAY)):
        assert Cursor.read(cursor.written()) == cursor
    assert Cursor.read(None) == Cursor()


def test_watch_tells_each_change_of_a_level_and_nothing_else() -> None:
    wall = Wall()
    watch = Watch("db", [wall])
    for level in ("info", "warning", "warning", "critical", "warning", "info", None):
        watch.look({"test rows": Alert(level, "many rows", "run: x")} if level else {}, NOON)
        assert watch.send() == ()
    assert [text.title for text in wall.texts] == [
        "db: warning: many rows",
        "db: critical: many rows",
        "db: warning: many rows",
        "db: test rows: over",
    ]


def test_watch_keeps_what_a_channel_did_not_take_and_the_order() -> None:
    up, down = Wall("up"), Wall("down")
    down.is_up = False
    watch = Watch("db", [up, down])
    watch.look({"test rows": Alert("warning", "many rows", "run: x")}, NOON)
    assert watch.send() == ("down is down",)
    watch.look_failed("the database does not answer", NOON)
    watch.look({}, NOON)
    down.is_up = True
    assert watch.send() == ()
    assert up.texts == down.texts
    assert [text.title for text in down.texts] == [
        "db: warning: many rows",
        "db: critical: the database does not answer",
        "db: test rows: over and 1 more",
    ]


@pytest.mark.parametrize(
    ("rows", "threshold", "level"), [(10, 10, None), (11, 10, "warning"), (20, 10, "warning"), (21, 10, "critical")]
)
def test_more_than_the_threshold_is_a_warning_and_more_than_twice_it_critical(
    rows: int, threshold: int, level: str | None
) -> None:
    found = alerts_by_topic(replace(snapshot(), total=rows), many_rows=threshold).get("test rows")
    assert (found.level if found else None) == level
    assert stands({"test rows": found} if found else {}) == (level is not None)


def test_a_sensor_that_fell_silent_is_an_alert_and_one_that_never_beat_is_none() -> None:
    taken = snapshot()
    beats = {"quiet": taken.taken_at - timedelta(minutes=11), "alive": taken.taken_at - timedelta(minutes=9)}
    messages = [alert.message for alert in alerts_for(replace(taken, sensors=beats))]
    assert "no heartbeat of quiet for 10 minutes" in messages
    assert not any("heartbeat" in alert.message for alert in alerts_for(replace(taken, sensors={})))


def test_the_rest_after_failures_doubles_up_to_six_hours() -> None:
    assert [rest_after(failures).total_seconds() / 60 for failures in (0, 1, 2, 3, 6, 7, 1000)] == [
        0, 10, 20, 40, 320, 360, 360,
    ]  # fmt: skip
