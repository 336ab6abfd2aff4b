"""`prodtest cleanups`, `undo` and `hold`: what went can come back, and what is needed can stay."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.booking_world import BookingWorld
from tests.integration.cli.commands import Result, prodtest

OLD = timedelta(hours=48)


def call(world: BookingWorld, *arguments: str, test_mode: bool = True) -> Result:
    """Run a command on a world's database."""
    mode = {"PRODUCTION_DB_TEST_MODE": "true"} if test_mode else {}
    return prodtest(*arguments, "--db-url", world.url, **mode)


def cleaned(world: BookingWorld) -> str:
    """Clean, and return the cleanup's id."""
    report: Any = call(world, "cleanup", "--no-dry-run", "--json").json()
    return str(report["cleanup"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_cleanup_is_listed_and_undone_and_its_rows_are_on_hold(world: BookingWorld) -> None:
    row = world.book(age=OLD)
    cleanup = cleaned(world)
    listed = call(world, "cleanups", "--json").json()["cleanups"][0]
    assert (listed["id"], listed["scope"], listed["stop_reason"]) == (cleanup, "stale", "drained")
    assert listed["deleted"] == listed["archived"] == {"appointments": 1, "users": 1}
    assert moment(listed["expires_at"]) - moment(listed["finished_at"]) == timedelta(days=7)

    dry = call(world, "undo", cleanup, "--dry-run", "--json", test_mode=False)
    assert (dry.code, dry.json()["restored"]) == (0, {"users": 1, "appointments": 1})
    assert not world.has_appointment(row)

    live = call(world, "undo", cleanup, "--json")
    assert (live.code, live.err) == (0, "")
    assert live.json()["restored"] == dry.json()["restored"]
    assert live.json()["left_in_archive"] == 0
    assert world.has_appointment(row)

    hold = call(world, "hold", "list", "--json").json()["holds"][0]
    assert hold["subject"] == f"rows restored from cleanup {cleanup}"
    assert (hold["reason"], hold["rows"]) == ("restored by undo", 2)
    assert call(world, "cleanup", "--json").json()["kept"]["appointments"] == {"held": 1}
    assert call(world, "hold", "release", str(hold["id"])).code == 0
    assert call(world, "cleanup", "--json").json()["rows"] == {"appointments": 1, "users": 1}


def test_an_undo_takes_the_words_that_a_cleanup_takes(world: BookingWorld) -> None:
    row = world.book(age=OLD)
    cleanup = cleaned(world)
    dry = call(world, "undo", cleanup, "--dry-run", "--show-sql")
    assert (dry.code, "prodtest.foresee_undo(" in dry.err) == (0, True)
    assert not world.has_appointment(row)
    live = call(world, "undo", cleanup, "--no-dry-run", "--yes", "--show-sql")
    assert (live.code, "prodtest.restore_batch(" in live.err) == (0, True)
    assert world.has_appointment(row)


def test_people_read_what_came_back_and_what_did_not(world: BookingWorld) -> None:
    row, _ = world.book(age=OLD), world.book(age=OLD)
    user = world.sql("SELECT user_id, mobile FROM appointments a JOIN users u ON u.id = user_id WHERE a.id = %s", row)[
        0
    ]
    cleanup = cleaned(world)
    world.user(mobile=user["mobile"], name="Paying Customer")
    shown = call(world, "undo", cleanup)
    assert shown.code == 0
    assert "1 appointment, 1 user" in shown.out
    assert "calendar events are not restored" in shown.out
    assert f"users:{user['user_id']}" in shown.out
    assert "has its mobile now" in shown.out
    assert user["mobile"] not in shown.out
    again = call(world, "undo", cleanup)
    assert again.code == 1, "rows were asked for and none came back"
    listed = call(world, "cleanups")
    assert cleanup in listed.out
    assert "in the archive: 1 appointment, 1 user\n    expires" in listed.out


def test_an_undo_without_test_mode_is_refused(world: BookingWorld) -> None:
    world.book(age=OLD)
    cleanup = cleaned(world)
    refused = call(world, "undo", cleanup, test_mode=False)
    assert (refused.code, refused.out) == (3, "")
    assert "PRODUCTION_DB_TEST_MODE" in refused.complaint
    assert world.sql("SELECT * FROM users") == []


def test_what_cannot_be_undone_is_said_in_one_line(world: BookingWorld) -> None:
    world.book(age=OLD)
    cleanup = cleaned(world)
    assert call(world, "undo", "not-an-id").code == 2
    unknown = call(world, "undo", str(uuid4()))
    assert (unknown.code, "no cleanup" in unknown.complaint) == (2, True)
    strange = call(world, "undo", cleanup, "--only", "appointments:x")
    assert (strange.code, "--only takes" in strange.complaint) == (2, True)
    assert call(world, "undo", cleanup).code == 0
    twice = call(world, "undo", cleanup)
    assert (twice.code, twice.err) == (0, "")
    assert "is left in the archive" in twice.out


def test_only_one_row_and_its_user_come_back(world: BookingWorld) -> None:
    first, second = world.book(age=OLD), world.book(age=OLD)
    user = world.sql("SELECT user_id FROM appointments WHERE id = %s", first)[0]["user_id"]
    cleanup = cleaned(world)
    only = ("--only", f"users:{user}", "--only", f"appointments:{first}")
    assert call(world, "undo", cleanup, *only, "--json").json()["restored"] == {"users": 1, "appointments": 1}
    assert not world.has_appointment(second)


def test_a_database_without_the_schema_has_nothing_to_undo_and_no_holds(world: BookingWorld) -> None:
    world.sql("DROP SCHEMA prodtest CASCADE")
    assert call(world, "cleanups", "--json").json()["cleanups"] == []
    assert call(world, "hold", "list", "--json").json()["holds"] == []
    assert call(world, "undo", str(uuid4()), "--dry-run").code == 2
    assert call(world, "hold", "release", "1").code == 2


def test_a_held_appointment_is_listed_with_its_reason_and_the_date_it_may_go(world: BookingWorld) -> None:
    row = world.book(age=OLD)
    held = call(world, "hold", "add", "--appointment", str(row), "--days", "3", "--reason", "bug 4711", "--json")
    assert held.code == 0
    entry = call(world, "hold", "list", "--json").json()["holds"][0]
    assert (entry["id"], entry["subject"], entry["reason"]) == (held.json()["hold"], f"appointment {row}", "bug 4711")
    assert entry["eligible_at"] == entry["until"]
    assert abs(moment(entry["until"]) - datetime.now(UTC) - timedelta(days=3)) < timedelta(minutes=1)
    assert "bug 4711" in call(world, "hold", "list").out
    assert call(world, "cleanup", "--no-dry-run", "--json").json()["deleted"] == {}
    assert world.has_appointment(row)


def test_a_day_is_held_to_its_end_and_a_time_to_the_minute(world: BookingWorld) -> None:
    row = world.book(age=OLD)
    until = ("hold", "add", "--appointment", str(row), "--reason", "x", "--json", "--until")
    assert call(world, *until, "2099-12-31").json()["until"] == "2100-01-01T00:00:00+00:00"
    assert call(world, *until, "2099-12-31T14:00").json()["until"] == "2099-12-31T14:00:00+00:00"
    assert call(world, *until, "2099-12-31T14:00+02:00").json()["until"] == "2099-12-31T12:00:00+00:00"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--days", "1"),
        ("--appointment", "1", "--user", "1", "--days", "1"),
        ("--appointment", "1"),
        ("--appointment", "1", "--days", "1", "--until", "2099-01-01"),
        ("--appointment", "1", "--until", "tomorrow"),
        ("--appointment", "1", "--until", "9999-12-31"),
        ("--appointment", "1", "--days", "0"),
        ("--appointment", "1", "--days", "nan"),
        ("--appointment", "0", "--days", "1"),
        ("--run", "my-run", "--days", "1"),
        ("--appointment", "424242", "--days", "1"),
        ("--run", "00000000-0000-0000-0000-000000000000", "--days", "1"),
    ],
)
def test_a_hold_that_makes_no_sense_is_one_line_and_exit_2(world: BookingWorld, wrong: tuple[str, ...]) -> None:
    result = call(world, "hold", "add", *wrong, "--reason", "x")
    assert ("'tomorrow' is no date" in result.err) == ("tomorrow" in wrong)
    assert (result.code, result.out) == (2, "")
    assert result.complaint
    assert world.sql("SELECT * FROM prodtest.hold") == []


def test_a_hold_needs_test_mode_a_reason_and_a_future(world: BookingWorld) -> None:
    row = str(world.book())
    refused = call(world, "hold", "add", "--appointment", row, "--days", "1", "--reason", "x", test_mode=False)
    assert (refused.code, "PRODUCTION_DB_TEST_MODE" in refused.complaint) == (3, True)
    assert call(world, "hold", "add", "--appointment", row, "--days", "1", "--reason", " ").code == 2
    past = call(world, "hold", "add", "--appointment", row, "--until", "2020-01-01", "--reason", "x")
    assert (past.code, "has passed" in past.complaint) == (2, True)
    assert call(world, "hold", "release", "1", test_mode=False).code == 3


def test_a_row_that_was_removed_is_not_held_but_its_cleanup_is_named(world: BookingWorld) -> None:
    row = world.book(age=OLD)
    cleanup = cleaned(world)
    result = call(world, "hold", "add", "--appointment", str(row), "--days", "1", "--reason", "x")
    assert result.code == 2
    assert cleanup in result.complaint
