"""Each fault does what its sentence says, so that the checks that must notice can be tried."""

import time
from datetime import datetime, timedelta
from xml.etree.ElementTree import ParseError

import httpx
import pytest

from prodtest_assets.sandbox.faults import FAULTS
from tests.phone import NUMBER, Start


def test_forget_mark_stores_the_row_unmarked(start: Start, soon: datetime) -> None:
    sandbox = start(["forget-mark"])

    assert sandbox.phone().book("Anna Berg", soon).startswith("You are booked")

    (row,) = sandbox.rows()
    assert (row["is_test_data"], row["mobile"], row["starts_at"]) == (False, NUMBER, soon)


def test_leave_orphans_keeps_the_user_and_loses_the_appointment(start: Start, soon: datetime) -> None:
    sandbox = start(["leave-orphans"])

    assert sandbox.phone().book("Anna Berg", soon).startswith("You are booked")

    assert [user["mobile"] for user in sandbox.query("SELECT * FROM users")] == [NUMBER]
    assert sandbox.rows() == []


def test_wrong_number_stores_another_number_for_each_call(start: Start, soon: datetime) -> None:
    sandbox = start(["wrong-number"])

    for hours in range(2):
        assert sandbox.phone().book("Anna Berg", soon - timedelta(hours=hours)).startswith("You are booked")

    stored = [row["mobile"] for row in sandbox.rows()]
    assert len(set(stored)) == 2
    assert NUMBER not in stored


def test_wrong_time_stores_the_row_an_hour_late_and_says_what_was_asked_for(start: Start, soon: datetime) -> None:
    sandbox = start(["wrong-time"])

    goodbye = sandbox.phone().book("Anna Berg", soon)

    assert "at 2 PM" in goodbye
    assert [row["starts_at"] for row in sandbox.rows()] == [soon + timedelta(hours=1)]


def test_double_book_takes_the_same_time_again(start: Start, soon: datetime) -> None:
    sandbox = start(["double-book"])

    for _ in range(3):
        assert sandbox.phone().book("Anna Berg", soon).startswith("You are booked")

    assert [row["starts_at"] - soon for row in sandbox.rows()] == [timedelta(seconds=late) for late in range(3)]


def test_drop_call_ends_before_the_caller_can_confirm(start: Start, soon: datetime) -> None:
    sandbox = start(["drop-call"])
    phone = sandbox.phone()

    assert phone.book("Anna Berg", soon) == ""

    assert phone.over
    assert sandbox.query("SELECT * FROM users") == []


def test_slow_takes_two_seconds_for_an_answer(start: Start) -> None:
    phone = start(["slow"]).phone()
    begun = time.monotonic()

    phone.say()

    assert 1.9 < time.monotonic() - begun < 10


def test_server_error_leaves_the_health_check_fine(start: Start) -> None:
    sandbox = start(["server-error"])

    with pytest.raises(httpx.HTTPStatusError, match="500"):
        sandbox.phone().say()
    assert sandbox.client.get("/healthz").status_code == 200


def test_broken_twiml_cannot_be_parsed(start: Start) -> None:
    with pytest.raises(ParseError):
        start(["broken-twiml"]).phone().say()


def test_faults_can_be_combined(start: Start, soon: datetime) -> None:
    sandbox = start(["forget-mark", "wrong-time", "double-book"])

    for _ in range(2):
        sandbox.phone().book("Anna Berg", soon)

    late = [row["starts_at"] - soon for row in sandbox.rows() if not row["is_test_data"]]
    assert late == [timedelta(hours=1), timedelta(hours=1, seconds=1)]


def test_every_fault_is_tried_here() -> None:
    tried = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}

    assert all(any(name.startswith(fault.replace("-", "_")) for name in tried) for fault in FAULTS)
