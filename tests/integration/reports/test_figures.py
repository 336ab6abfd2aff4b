"""Every figure of the document equals an independent count in plain SQL, wherever a row's age lies."""

import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from jsonschema import Draft202012Validator

from prodtest_assets.reports.document import schema, snapshot_document
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.models import AGE_BUCKETS, FUTURE_BUCKET
from prodtest_assets.testdata.snapshot import take_snapshot
from tests.booking_world import BookingWorld

DAY = timedelta(hours=24)
EDGES = (0, 1, 6, 12, 24, 48, 72)
# The hours of a clock change in Berlin and in New York, seen from the test's now: ages that cross many of them.
FAR = (24 * 30, 24 * 180, 24 * 270, 24 * 365)


@pytest.fixture
def seeded(world: BookingWorld) -> BookingWorld:
    """Rows of every age, at every edge, cancelled in both ways, from the future; and customers."""
    world.customer(bookings=3)
    for hours in (*EDGES[1:], *(edge - 0.001 for edge in EDGES[1:]), *(edge + 0.001 for edge in EDGES), *FAR, -1, -100):
        world.book(age=timedelta(hours=hours), cancelled=hours in (6, 48, 24 * 30))
    world.sql("UPDATE appointments SET cancelled_at = NULL WHERE status = 'cancelled' AND id %% 2 = 0")
    return world


def document(url: str, zone: str) -> dict[str, Any]:
    """The document that a session in this time zone gets, with the moment at which it was taken."""
    with open_database(url) as database:
        database.connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        found = json.loads(json.dumps(snapshot_document(take_snapshot(database, retention=DAY))))
    Draft202012Validator(schema("snapshot")).validate(found)
    return found


def counted(url: str, condition: str, taken_at: str, what: str = "count(*)") -> Any:
    """An independent answer, in UTC, as of that moment."""
    with psycopg.connect(url, options="-c TimeZone=UTC") as connection:
        statement = f"SELECT {what} FROM appointments WHERE is_test_data AND ({condition})"
        row = connection.execute(statement.encode(), {"now": taken_at}).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_every_figure_equals_a_plain_count_in_every_zone(seeded: BookingWorld, zone: str) -> None:
    found = document(seeded.url, zone)
    url, now = seeded.url, found["timestamp"]
    cancelled = "cancelled_at IS NOT NULL OR status = 'cancelled'"
    age = "extract(epoch FROM %(now)s::timestamptz - created_at)"
    summary = found["summary"]
    assert summary["total_test_appointments"] == counted(url, "true", now)
    assert summary["active_appointments"] == counted(url, f"NOT ({cancelled})", now)
    assert summary["cancelled_appointments"] == counted(url, cancelled, now) == 3
    assert summary["test_users"] == counted(url, "true", now, "count(DISTINCT user_id)")
    assert summary["stale_data_count"] == counted(url, f"{age} > 24 * 3600", now)
    assert summary["recent_activity"] == counted(url, f"{age} >= 0 AND {age} < 3600", now)
    for bucket, low, high in zip(AGE_BUCKETS, EDGES, (*EDGES[1:], 10**9), strict=True):
        expected = counted(url, f"{age} >= {low} * 3600 AND {age} < {high}::bigint * 3600", now)
        assert found["age_distribution"][bucket] == expected, bucket
    assert found["age_distribution"][FUTURE_BUCKET] == counted(url, f"{age} < 0", now) == 2
    assert sum(found["age_distribution"].values()) == summary["total_test_appointments"]
    assert [entry["hours_ago"] for entry in found["trends"]] == list(reversed(range(24)))
    for entry in found["trends"]:
        hour = entry["hours_ago"]
        assert entry["count"] == counted(url, f"{age} >= {hour} * 3600 AND {age} < ({hour} + 1) * 3600", now)
        since = f"created_at - '{entry['hour']}'::timestamptz"
        named = f"{since} > interval '0' AND {since} <= interval '1 hour'"
        assert entry["count"] == counted(url, named, now), "the hour that is named is the hour that is counted"
    for end, function in (("oldest", "min"), ("newest", "max")):
        moment = counted(url, "true", now, f"{function}(created_at) = '{found['time_range'][end]}'::timestamptz")
        assert moment is True


def test_the_figures_do_not_depend_on_the_sessions_zone(world: BookingWorld) -> None:
    # Far enough from every edge that no row crosses one between the three questions.
    for hours in (*(edge + 0.5 for edge in EDGES), *(edge - 0.25 for edge in EDGES[1:]), *FAR):
        world.book(age=timedelta(hours=hours))
    zones = [document(world.url, zone) for zone in ("UTC", "Europe/Berlin", "America/New_York")]
    assert zones[0]["age_distribution"] == zones[1]["age_distribution"] == zones[2]["age_distribution"]


@pytest.mark.parametrize(
    ("now", "before"),
    [("2026-03-29 12:00+02", "2026-03-28 12:00+01"), ("2026-10-25 12:00+01", "2026-10-24 12:00+02")],
    ids=["a day of 23 hours", "a day of 25 hours"],
)
def test_a_day_on_the_wall_is_not_24_hours_when_the_clock_changes(world: BookingWorld, now: str, before: str) -> None:
    """Ages are spans of time: a day on the wall clock may have 23 or 25 hours, and the session's zone is no matter."""
    with psycopg.connect(world.url, options="-c TimeZone=Europe/Berlin") as connection:
        row = connection.execute("SELECT %s::timestamptz - %s::timestamptz AS age", [now, before]).fetchone()
    assert row is not None
    world.book(age=row[0])
    found = document(world.url, "Europe/Berlin")["age_distribution"]
    assert found["12-24 hours" if row[0] < DAY else "24-48 hours"] == 1


def test_an_alert_names_the_rows_from_the_future(seeded: BookingWorld) -> None:
    found = document(seeded.url, "UTC")
    (alert,) = [alert for alert in found["alerts"] if "future" in alert["message"]]
    assert alert["level"] == "warning"
    assert alert["message"].startswith("2 ")
    assert "prodtest list --limit 25 | tail -n 2" in found["recommendations"]
