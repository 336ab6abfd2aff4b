"""What a demonstration finds in the sandbox."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.sandbox.calendar_store import CALENDAR_ID
from prodtest_assets.sandbox.marker import mark_as_sandbox
from prodtest_assets.sandbox.seed import seed_customers, seed_leftovers

IS_STALE = "is_test_data AND created_at < now() - interval '24 hours'"
RESERVED = "mobile ~ '^\\+1[2-9][0-8]\\d55501\\d\\d$'"


def _query(url: str, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(statement).fetchall()


def _count(url: str, table: str, condition: str) -> int:
    return int(_query(url, f"SELECT count(*) FROM {table} WHERE {condition}")[0]["count"])


def test_customers_have_appointments_before_and_after_today(booking_url: str) -> None:
    seed_customers(booking_url)

    assert _count(booking_url, "users", "true") == 120
    assert 250 < _count(booking_url, "appointments", "NOT is_test_data") < 350
    assert _count(booking_url, "appointments", "starts_at > now()") > 80
    assert _count(booking_url, "appointments", "starts_at < now()") > 150
    mornings = "starts_at > now() AND extract(hour FROM starts_at) < 12 AND extract(isodow FROM starts_at) < 6"
    assert _count(booking_url, "appointments", mornings) > 40
    assert _count(booking_url, "appointments", "extract(isodow FROM starts_at) > 5") == 0
    assert _count(booking_url, "users", RESERVED) == 1
    reserved = f"user_id = (SELECT id FROM users WHERE {RESERVED})"
    assert _count(booking_url, "appointments", reserved) > 0


def test_seeding_again_changes_no_customer(booking_url: str) -> None:
    everything = "SELECT u.*, a.*, u.xmin AS ux, a.xmin AS ax FROM users u JOIN appointments a ON a.user_id = u.id"
    seed_customers(booking_url)
    before = _query(booking_url, everything)

    seed_customers(booking_url)

    assert _query(booking_url, everything) == before


def test_the_same_customers_come_each_time(booking_url: str, postgres: Any, migrated_template: str) -> None:
    other = postgres.create_database("sandbox_test_twin", template=migrated_template)
    people = (
        "SELECT full_name, mobile, starts_at, duration_min, status FROM users u JOIN appointments ON user_id = u.id"
    )
    try:
        seed_customers(booking_url)
        seed_customers(other)
        assert _query(booking_url, f"{people} ORDER BY 2, 3") == _query(other, f"{people} ORDER BY 2, 3")
    finally:
        postgres.drop_database("sandbox_test_twin")


def test_leftovers_of_all_kinds_are_in_the_ledger(booking_url: str) -> None:
    seed_leftovers(booking_url, CALENDAR_ID)

    assert _count(booking_url, "appointments", IS_STALE) == 40
    assert _count(booking_url, "appointments", f"NOT ({IS_STALE})") == 6
    assert _count(booking_url, "appointments", "cancelled_at IS NOT NULL") > 3
    assert _count(booking_url, "users", f"NOT {RESERVED}") == 0
    assert _count(booking_url, "users u", "NOT EXISTS (SELECT FROM appointments WHERE user_id = u.id)") == 5
    assert (
        _count(booking_url, "appointments a", "NOT EXISTS (SELECT FROM prodtest.test_call WHERE appointment_id = a.id)")
        == 0
    )
    open_runs = "finished_at IS NULL OR outcome = 'open'"
    assert _count(booking_url, "prodtest.test_run", open_runs) == 0
    proven = "user_id > user_id_mark AND appointment_id > appointment_id_mark AND outcome = 'booked'"
    assert _count(booking_url, "prodtest.test_call", f"NOT ({proven})") == 0


def test_one_event_is_left_whose_appointment_is_archived(booking_url: str) -> None:
    seed_leftovers(booking_url, CALENDAR_ID)

    (orphan,) = _query(
        booking_url,
        "SELECT e.status, e.calendar_id FROM prodtest.archived_row r JOIN prodtest_sandbox.calendar_event e"
        " ON e.id = r.content ->> 'google_event_id' WHERE r.event_removed_at IS NULL",
    )
    assert orphan == {"status": "confirmed", "calendar_id": CALENDAR_ID}


def test_leftovers_are_topped_up_after_a_cleanup(booking_url: str) -> None:
    seed_leftovers(booking_url)
    seed_leftovers(booking_url)
    assert _count(booking_url, "appointments", "true") == 46

    with psycopg.connect(booking_url) as connection:
        connection.execute(f"DELETE FROM users WHERE id IN (SELECT user_id FROM appointments WHERE {IS_STALE})")
        connection.execute("DELETE FROM prodtest_sandbox.calendar_event")
    seed_leftovers(booking_url)

    assert _count(booking_url, "appointments", IS_STALE) == 40
    assert _count(booking_url, "appointments", f"NOT ({IS_STALE})") == 6
    assert _count(booking_url, "prodtest.archived_row", "content ? 'google_event_id'") == 2


def test_two_who_seed_at_once_take_turns(booking_url: str) -> None:
    def seed(_: int) -> None:
        seed_customers(booking_url)
        seed_leftovers(booking_url)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(seed, range(3)))

    assert _count(booking_url, "users", "true") == 120 + 46 + 5
    assert _count(booking_url, "appointments", "is_test_data") == 46


def test_leftovers_need_the_ledger_and_the_marker(empty_database: str) -> None:
    with pytest.raises(RefusedForSafety):
        seed_customers(empty_database)
    with pytest.raises(RefusedForSafety):
        seed_leftovers(empty_database)
    mark_as_sandbox(empty_database)
    with pytest.raises(ConfigurationError, match="prodtest migrate"):
        seed_leftovers(empty_database)
