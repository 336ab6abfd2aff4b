"""`prodtest list`: each row once, oldest first, with nothing in it that must not leave the database."""

from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator

from prodtest_assets.reports.document import schema
from tests.booking_world import START, BookingWorld
from tests.integration.cli.commands import prodtest

STRANGER = "+4915212345678"


@pytest.fixture
def seeded(world: BookingWorld) -> BookingWorld:
    """A customer, four test rows of which one is cancelled, and one whose number nobody reserves."""
    world.customer()
    for hours in (1, 30, 100):
        world.book(age=timedelta(hours=hours))
    world.book(age=timedelta(hours=50), cancelled=True)
    world.book(world.user(mobile=STRANGER), age=timedelta(hours=200))
    return world


def listed(world: BookingWorld, *arguments: str) -> dict:
    result = prodtest("list", "--json", "--db-url", world.url, *arguments)
    assert (result.code, result.err) == (0, "")
    document = result.json()
    Draft202012Validator(schema("list")).validate(document)
    return document


def ages(document: dict) -> list[int]:
    return [round(row["age_hours"]) for row in document["appointments"]]


def test_rows_come_oldest_first_with_their_status_and_origin(seeded: BookingWorld) -> None:
    document = listed(seeded)
    assert ages(document) == [200, 100, 50, 30, 1]
    assert [row["status"] for row in document["appointments"]] == ["booked", "booked", "cancelled", "booked", "booked"]
    assert [row["origin"] for row in document["appointments"]] == ["unknown", *["reserved number"] * 4]
    assert [row["verdict"] for row in document["appointments"]] == ["suspect", "stale", "stale", "stale", "young"]


def test_the_limit_says_how_many_more_there_are(seeded: BookingWorld) -> None:
    document = listed(seeded, "--limit", "2")
    assert (document["shown"], document["more"], document["total"]) == (2, 3, 5)
    shown = prodtest("list", "--limit", "2", "--db-url", seeded.url)
    assert "and 3 more" in shown.out
    assert "more" not in prodtest("list", "--db-url", seeded.url).out


def test_a_status_of_the_application_moves_no_cursor_and_begins_no_line(world: BookingWorld) -> None:
    status = "new\nrow\t\x1b]0;title\x07\u202e[bold]"
    world.sql("UPDATE appointments SET status = %s WHERE id = %s", status, world.book())
    shown = prodtest("list", "--db-url", world.url).out
    assert len(shown.splitlines()) == 2
    assert " new row ?]0;title??[bold] " in shown
    assert listed(world)["appointments"][0]["status"] == status


def test_fifty_rows_are_shown_unless_more_are_asked_for(world: BookingWorld) -> None:
    user = world.user()
    for day in range(51):
        world.book(user, start=START + timedelta(days=day))
    assert (listed(world)["shown"], listed(world)["more"]) == (50, 1)
    assert listed(world, "--limit", "51")["more"] == 0


def test_only_rows_older_than_asked_for(seeded: BookingWorld) -> None:
    assert ages(listed(seeded, "--older-than", "40")) == [200, 100, 50]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def test_hours_are_hours_also_where_the_clock_was_changed_since(world: BookingWorld, zone: str) -> None:
    for days in (91, 182, 273):  # whatever day it is, one of these lies behind a change of the clock
        user, span = world.user(), timedelta(days=days)
        older = world.book(user, age=span + timedelta(minutes=15))
        world.book(user, age=span - timedelta(minutes=15), start=START + timedelta(days=1))
        result = prodtest("list", "--json", "--older-than", str(days * 24), "--db-url", world.url, PGTZ=zone)
        assert [row["id"] for row in result.json()["appointments"]] == [older]
        world.sql("DELETE FROM appointments")


def test_cancelled_rows_can_be_left_out(seeded: BookingWorld) -> None:
    assert ages(listed(seeded, "--active-only")) == [200, 100, 30, 1]
    assert ages(listed(seeded, "--include-cancelled")) == [200, 100, 50, 30, 1]


def test_callers_are_masked_and_customers_are_not_there(seeded: BookingWorld) -> None:
    shown = prodtest("list", "--db-url", seeded.url)
    assert STRANGER not in shown.out
    assert "+4915*******78" in shown.out
    assert len(shown.out.splitlines()) == 1 + 5


def test_a_row_of_a_call_names_its_run_and_counts_its_age_from_the_ledger(world: BookingWorld) -> None:
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name), age=timedelta(hours=-5))
        run.close_call(call.call_sid, completed=True, transcript=[])
    (row,) = listed(world)["appointments"]
    assert (row["origin"], row["run"]) == ("ledger", str(run.run_id))
    assert 0 <= row["age_hours"] < 1


def test_a_row_from_the_future_is_listed_as_such(world: BookingWorld) -> None:
    world.book(age=timedelta(hours=-2.5))
    (row,) = listed(world)["appointments"]
    assert row["verdict"] == "future"
    assert "in 2 h" in prodtest("list", "--db-url", world.url).out


def test_eighty_columns_are_enough(seeded: BookingWorld) -> None:
    shown = prodtest("list", "--db-url", seeded.url)
    assert max(len(line) for line in shown.out.splitlines()) <= 80


def test_listing_needs_no_schema_of_ours_and_says_when_there_is_nothing(world: BookingWorld) -> None:
    world.sql("DROP SCHEMA prodtest CASCADE")
    assert prodtest("list", "--db-url", world.url).out.startswith("no test appointments in booking_test")
    world.book()
    assert listed(world)["total"] == 1
