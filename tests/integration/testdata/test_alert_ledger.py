"""Each cause is told once, in order, and nothing is lost, whoever looks and however often."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prodtest_assets.testdata.alert_ledger import (
    AlertMessage,
    Finding,
    claim_message,
    note_delivered,
    note_refused,
    record_findings,
    record_reminders,
)
from prodtest_assets.testdata.heartbeats import beat, heartbeats
from prodtest_assets.testdata.snapshot import take_snapshot
from tests.booking_world import BookingWorld

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def found(cause: str, at: datetime, *, failed: bool = True) -> Finding:
    return Finding(f"check {cause}", at, failed, {"said": f"{cause} at {at:%H:%M}"})


def record(world: BookingWorld, *findings: Finding, run: str = "run-1", now: datetime = NOON) -> dict[str, str]:
    return dict(record_findings(world.database, world.permit, "db/booking", findings, run_id=run, now=now))


def remind(world: BookingWorld, now: datetime) -> int:
    return record_reminders(world.database, world.permit, "db/booking", now=now)


def claim(world: BookingWorld, now: datetime = NOON, *, channel: str = "chat") -> AlertMessage | None:
    return claim_message(world.database, world.permit, channel, now=now)


def take(world: BookingWorld, now: datetime = NOON, *, channel: str = "chat", of: tuple[str, ...] = ("chat",)) -> str:
    """Deliver the next message, and say what it was about."""
    message = claim(world, now, channel=channel)
    if message is None:
        return "nothing"
    note_delivered(world.database, world.permit, message.id, channel, of, now=now)
    return f"{message.kind}: {', '.join(told.cause.removeprefix('check ') for told in message.alerts)}"


def test_what_failed_in_one_run_is_one_message(world):
    record(world, found("b", NOON), found("a", NOON - MINUTE), found("fine", NOON, failed=False))
    assert take(world) == "failing: a, b"
    assert take(world) == "nothing"


def test_a_check_that_still_fails_is_not_told_again(world):
    record(world, found("a", NOON))
    record(world, found("a", NOON + MINUTE), run="run-2")
    assert (take(world), take(world)) == ("failing: a", "nothing")


def test_the_same_events_seen_again_change_nothing(world):
    events = [found("a", NOON), found("a", NOON + MINUTE, failed=False)]
    record(world, *events)
    assert record(world, *events) == {}
    assert record(world, events[0]) == {}
    assert [take(world), take(world), take(world)] == ["failing: a", "recovered: a", "nothing"]


def test_it_is_told_since_when(world):
    record(world, found("a", NOON - HOUR))
    record(world, found("a", NOON), found("a", NOON + MINUTE, failed=False))
    first = claim(world)
    assert first is not None
    note_delivered(world.database, world.permit, first.id, "chat", ["chat"], now=NOON)
    second = claim(world)
    assert second is not None
    assert [told.since for told in (*first.alerts, *second.alerts)] == [NOON - HOUR, NOON - HOUR]
    assert second.alerts[0].details == {"said": "a at 12:01", "run": "run-1"}


def test_a_check_that_fails_again_is_a_cause_of_its_own(world):
    record(world, found("a", NOON))
    record(world, found("a", NOON + MINUTE, failed=False))
    record(world, found("a", NOON + 2 * MINUTE))
    assert [take(world) for _ in range(4)] == ["failing: a", "recovered: a", "failing: a", "nothing"]


def test_nothing_recovers_before_it_has_failed(world):
    record(world, found("a", NOON))
    first = claim(world)
    record(world, found("a", NOON + MINUTE, failed=False))
    assert first is not None
    assert claim(world) is None
    note_refused(world.database, world.permit, first.id, "chat", "no answer", now=NOON)
    assert claim(world, NOON + timedelta(seconds=29)) is None
    assert take(world, NOON + timedelta(seconds=31)) == "failing: a"


def test_a_message_whose_sender_died_goes_out_under_the_same_id(world):
    record(world, found("a", NOON))
    claimed = claim(world)
    assert claimed is not None
    assert claim(world, NOON + MINUTE) is None
    again = claim(world, NOON + 3 * MINUTE)
    assert again == replace(claimed, attempts=2)


def test_attempts_come_later_each_time_and_every_five_minutes_at_least(world):
    record(world, found("a", NOON))
    now, waits = NOON, []
    for _ in range(7):
        message = claim(world, now)
        assert message is not None
        note_refused(world.database, world.permit, message.id, "chat", "no answer", now=now)
        tried = now
        while claim_is_early(world, now):
            now += timedelta(seconds=10)
        waits.append((now - tried).total_seconds())
    assert waits == [30, 60, 120, 240, 300, 300, 300]


def test_after_five_refusals_only_what_is_about_the_same_cause_waits(world):
    record(world, found("a", NOON), found("b", NOON))
    record(world, found("other", NOON))
    record(world, found("b", NOON + MINUTE, failed=False))
    now = NOON
    for attempt in range(1, 6):
        message = claim(world, now)
        assert message is not None
        assert (message.attempts, message.alerts[0].cause) == (attempt, "check a")
        note_refused(world.database, world.permit, message.id, "chat", "too long", now=now)
        assert (claim(world, now) is None) == (attempt < 5)
        world.sql("UPDATE prodtest.alert_delivery SET claimed_until = '-infinity' WHERE attempts < %s", attempt)
        now += timedelta(minutes=5)

    now -= timedelta(minutes=5)
    assert (take(world, now), take(world, now)) == ("failing: other", "nothing")
    assert [take(world, now + HOUR) for _ in range(3)] == ["failing: a, b", "recovered: b", "nothing"]


def claim_is_early(world: BookingWorld, now: datetime) -> bool:
    return bool(world.sql("SELECT 1 FROM prodtest.alert_delivery WHERE next_try_at > %s", now))


def test_each_channel_gets_each_message_once_though_another_is_down(world):
    record(world, found("a", NOON))
    both = ("chat", "mail")
    assert take(world, of=both) == "failing: a"
    assert take(world, of=both) == "nothing"
    assert take(world, channel="mail", of=both) == "failing: a"
    assert world.sql("SELECT 1 FROM prodtest.alert_message WHERE sent_at IS NULL") == []
    assert take(world, channel="pager", of=(*both, "pager")) == "nothing"


def test_what_still_fails_is_told_again_after_a_day_in_one_message(world):
    record(world, found("a", NOON), found("b", NOON))
    take(world)
    assert remind(world, NOON + DAY - MINUTE) == 0
    assert remind(world, NOON + DAY) == 2
    assert remind(world, NOON + DAY) == 0
    assert take(world, NOON + DAY) == "reminder: a, b"
    assert remind(world, NOON + 2 * DAY) == 2


def test_nobody_is_reminded_of_what_they_have_not_heard_or_what_is_over(world):
    record(world, found("silent", NOON))
    assert remind(world, NOON + 2 * DAY) == 0
    take(world)
    record(world, found("silent", NOON + DAY, failed=False))
    take(world)
    assert remind(world, NOON + 3 * DAY) == 0


def test_a_channel_that_is_broken_for_days_keeps_no_reminder_from_the_others(world):
    record(world, found("a", NOON))
    assert take(world, of=("chat", "broken")) == "failing: a"
    assert remind(world, NOON + DAY) == 1
    assert take(world, NOON + DAY, of=("chat", "broken")) == "reminder: a"
    assert take(world, NOON + DAY, channel="broken", of=("chat", "broken")) == "failing: a"


def test_what_nobody_took_for_a_week_gives_way_to_a_reminder_of_what_still_fails(world):
    record(world, found("over", NOON), found("lasting", NOON))
    record(world, found("over", NOON + HOUR, failed=False))
    later = NOON + 8 * DAY
    assert remind(world, later) == 1
    assert (take(world, later), take(world, later)) == ("reminder: lasting", "nothing")


def test_a_heartbeat_is_seen_in_the_snapshot(world):
    beat(world.database, world.permit, "stale_test_data_sensor")
    snapshot = take_snapshot(world.database, retention=DAY)
    assert snapshot.sensors == heartbeats(world.database)
    assert list(snapshot.sensors) == ["stale_test_data_sensor"]
    assert abs(snapshot.taken_at - snapshot.sensors["stale_test_data_sensor"]) < MINUTE


def test_the_protected_role_records_claims_and_beats(protected):
    world = protected.cleaner
    record_findings(world.database, world.permit, "db/booking", [found("a", NOON)], run_id="run-1", now=NOON)
    assert remind(world, NOON) == 0
    assert take(world) == "failing: a"
    record_findings(world.database, world.permit, "db/booking", [found("b", NOON)], run_id="run-1", now=NOON)
    claimed = claim(world)
    assert claimed is not None
    note_refused(world.database, world.permit, claimed.id, "chat", "no answer", now=NOON)
    beat(world.database, world.permit, "sensor")
    assert list(heartbeats(world.database)) == ["sensor"]
