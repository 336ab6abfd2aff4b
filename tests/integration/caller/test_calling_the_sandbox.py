"""Calls to the reference application; what it stored is compared with what was said."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.rows import dict_row

from prodtest_assets.caller import Call, Ended, Habits, Persona, Target, draw_start, place_call
from prodtest_assets.sandbox.marker import mark_as_sandbox
from prodtest_assets.sandbox.server import running_app

from .conftest import ListLedger

_ALEMBIC_INI = Path(__file__).parents[3] / "alembic.ini"
_ZONE = ZoneInfo("America/New_York")
_TOKEN = "the sandbox's token"


@pytest.fixture
def database(empty_database: str) -> str:
    """The URL of a database in which the sandbox may book."""
    for section in ("alembic", "prodtest"):
        config = Config(_ALEMBIC_INI, ini_section=section)
        config.attributes["sqlalchemy.url"] = empty_database
        command.upgrade(config, "head")
    mark_as_sandbox(empty_database)
    return empty_database


@pytest.fixture
def target(database: str) -> Iterator[Target]:
    """The healthy application, which demands signatures and lives in New York."""
    with running_app(database, auth_token=_TOKEN, time_zone="America/New_York") as app:
        yield Target(app.url, auth_token=_TOKEN, zone=_ZONE)


def booked(database: str) -> list[dict[str, Any]]:
    query = "SELECT * FROM appointments a JOIN users u ON u.id = a.user_id ORDER BY a.id"
    with psycopg.connect(database, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()


def persona(key: str = "quick", seed: int = 1, **wishes: Any) -> Persona:
    return Persona(key, draw_start(datetime.now(UTC), _ZONE, random.Random(seed)), **wishes)


def next_workday(day_of_month: int) -> datetime:
    """Half past two on the next such day that is a workday, in the sandbox's zone."""
    today = datetime.now(_ZONE).replace(hour=14, minute=30, second=0, microsecond=0)
    ahead = (today + timedelta(days=days) for days in range(1, 400))
    return next(slot for slot in ahead if slot.day == day_of_month and slot.weekday() < 5)


@pytest.mark.parametrize("day_of_month", [15, 30])
@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_a_call_whose_every_answer_arrives_twice_is_booked_once_also_on_a_day_that_sounds_like_a_length(
    target: Target, database: str, ledger: ListLedger, day_of_month: int, minutes: int
) -> None:
    twice = Habits(delivered_twice_at=frozenset(range(40)))
    start = next_workday(day_of_month)

    call = place_call(Persona("quick", start, duration_min=minutes, habits=twice), target, ledger)

    assert call.ended is Ended.hung_up_by_application, call.problem
    assert [row["starts_at"] for row in booked(database)] == [start]


@pytest.mark.parametrize("use_keypad", [False, True])
def test_a_booking_is_stored_as_it_was_asked_for(
    target: Target, database: str, ledger: ListLedger, use_keypad: bool
) -> None:
    wish = Persona("detailed", draw_start(datetime.now(UTC), _ZONE, random.Random(3), duration_min=60), 60)
    wish = Persona(wish.key, wish.start, wish.duration_min, use_keypad=use_keypad)

    call = place_call(wish, target, ledger)

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
    (row,) = booked(database)
    assert (row["full_name"], row["mobile"]) == (call.name, call.number)
    assert (row["starts_at"], row["duration_min"], row["status"]) == (wish.start, 60, "booked")
    assert row["is_test_data"]


def test_a_second_booking_for_the_same_time_is_declined_when_another_is_offered(
    target: Target, database: str, ledger: ListLedger
) -> None:
    first = place_call(persona(), target, ledger)
    again = place_call(persona(number=first.number, name=first.name), target, ledger)

    assert again.ended is Ended.hung_up_by_application
    assert again.turns[-2].text == "no"
    assert len(booked(database)) == 1


def test_calls_at_the_same_time_do_not_mix(target: Target, database: str) -> None:
    ledgers = [ListLedger() for _ in range(12)]
    with httpx.Client() as client, ThreadPoolExecutor(6) as pool:
        wishes = [
            persona("busy", seed, number=f"+1202555{100 + seed:04}", name=f"Ann {chr(65 + seed)}lpha")
            for seed in range(12)
        ]
        calls = list(pool.map(lambda wish, ledger: place_call(wish, target, ledger, client=client), wishes, ledgers))

    def said(call: Call) -> tuple[str, str, datetime]:
        return (call.number, call.name, call.requested_start)

    assert [call.problem for call in calls] == [None] * 12
    rows = [(row["mobile"], row["full_name"], row["starts_at"]) for row in booked(database)]
    assert sorted(rows) == sorted(map(said, calls))


@pytest.mark.parametrize(
    ("fault", "ended", "problem"),
    [
        ("server-error", Ended.failed, "500 Internal Server Error"),
        ("broken-twiml", Ended.failed, "not well-formed XML"),
    ],
)
def test_an_application_that_misbehaves_is_told_by_the_call(
    database: str, ledger: ListLedger, fault: str, ended: Ended, problem: str
) -> None:
    with running_app(database, faults=[fault]) as app:
        call = place_call(persona(), Target(app.url), ledger)

    assert call.ended is ended
    assert problem in (call.problem or "")
    assert booked(database) == []


def test_a_line_that_goes_dead_books_nothing(database: str, ledger: ListLedger) -> None:
    with running_app(database, faults=["drop-call"], time_zone="America/New_York") as app:
        call = place_call(persona(), Target(app.url, zone=_ZONE), ledger)

    assert "yes" not in call.turns[-1].text
    assert booked(database) == []
