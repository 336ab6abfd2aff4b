"""Ctrl-C meets a connection at every moment, and what cleans up afterwards needs it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from prodtest_assets.testdata.connection import open_database

MOMENTS = [0.0002 + turn * 0.00004 for turn in range(200)]


@contextmanager
def ctrl_c_after(seconds: float) -> Iterator[None]:
    """Ctrl-C while Python computes; the clock of wall time belongs to the limit of a test."""
    before = signal.signal(signal.SIGVTALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_a_connection_answers_after_ctrl_c_at_any_moment(booking_url: str) -> None:
    with open_database(booking_url) as database:
        for moment in MOMENTS:
            with pytest.raises(KeyboardInterrupt), ctrl_c_after(moment):
                while True:
                    database.rows("clock")
            assert database.rows("clock")
