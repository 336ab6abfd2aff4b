"""What callers said beside what was stored: in each check of the flow, and in total."""

from collections.abc import Iterator

import pytest

from prodtest_assets.sandbox.server import running_app
from tests.booking_world import BookingWorld
from tests.defs.conftest import RunSuite, SetSettings, values

_SUITE = """
    def test_one(caller):
        "One call."
        assert not caller.differences(caller.book(duration_min=30))

    def test_two(caller):
        "Two calls."
        caller.book(duration_min=30), caller.book(duration_min=60)

    def test_none():
        "No call."
"""


@pytest.fixture(params=["wrong-time", None])
def fault(request: pytest.FixtureRequest, world: BookingWorld, settings_of: SetSettings) -> Iterator[str | None]:
    """The application, which stores a wrong time or does well."""
    with running_app(world.url, faults=[request.param] if request.param else []) as app:
        settings_of(PRODUCTION_TEST_URL=app.url)
        yield request.param


def test_each_check_shows_its_own_calls_and_the_asset_shows_what_differs_in_all(
    run_suite: RunSuite, world: BookingWorld, fault: str | None
) -> None:
    ended = run_suite(_SUITE)

    one, two = (values(ended.check(name).metadata) for name in ("test_one", "test_two"))
    wrong = 1 if fault else 0
    assert ended.check("test_one").passed is not bool(fault)
    assert (one["fields_compared"], one["differences"]) == (5, wrong)
    assert (two["fields_compared"], two["differences"]) == (10, 2 * wrong)
    assert one["said_and_stored"].count("| no |") == wrong
    assert one["said_and_stored"].count("| 30 minutes | 30 minutes | yes |") == 1
    assert two["said_and_stored"].count("| 60 minutes | 60 minutes | yes |") == 1
    assert "said_and_stored" not in values(ended.check("test_none").metadata)

    total = values(ended.materialized["booking_flow_results"])
    assert (total["fields_compared"], total["differences"]) == (15, 3 * wrong)
    assert total.get("said_and_stored", "").count("| start |") == 3 * wrong
    for call in world.sql("SELECT caller_name, caller_number, comparison FROM prodtest.test_call"):
        assert len(call["comparison"]) == 5
        for shown in (str(call["comparison"]), one["said_and_stored"], two["said_and_stored"]):
            assert call["caller_name"] not in shown
            assert call["caller_number"] not in shown
