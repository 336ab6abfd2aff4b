"""What the integration tests share beyond the databases."""

from collections.abc import Iterator

import pytest

from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from tests.booking_world import RULES, BookingWorld


@pytest.fixture
def world(booking_url: str) -> Iterator[BookingWorld]:
    """A migrated database without rows, open and allowed to be written to."""
    with open_database(booking_url) as database:
        yield BookingWorld(booking_url, database, authorize_writes(database, RULES))
