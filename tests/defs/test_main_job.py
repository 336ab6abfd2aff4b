"""The main job against the reference application: green, red at its end, and always with a cleanup."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import dagster as dg
import pytest
from dagster._serdes import serialize_value

from prodtest_assets.booking_flow.discovery import suite_tests
from prodtest_assets.sandbox.calendar_store import CALENDAR_ID
from prodtest_assets.sandbox.server import running_app
from tests.booking_world import BookingWorld
from tests.defs.conftest import Ended, RunJob, SetSettings, values
from tests.suites import PRODUCTION

TWO_DAYS = timedelta(hours=48)
JOB = "booking_flow_and_cleanup"
TESTS = len(suite_tests(PRODUCTION))
TOKEN = "the sandbox's auth token"
StartApp = Callable[..., None]


@pytest.fixture
def instance(postgres_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The storage that deployments have."""
    return postgres_instance


@pytest.fixture
def start_app(world: BookingWorld, settings_of: SetSettings) -> Iterator[StartApp]:
    """Starts the application, with faults if they are named, and lets the settings lead to it."""
    with ExitStack() as running:

        def start(*faults: str) -> None:
            app = running.enter_context(running_app(world.url, faults=faults, auth_token=TOKEN))
            settings_of(
                PRODUCTION_TEST_URL=app.url,
                TWILIO_AUTH_TOKEN=TOKEN,
                GOOGLE_CALENDAR_ENABLED="true",
                GOOGLE_CALENDAR_ID=CALENDAR_ID,
                PRODTEST_CALENDAR_API_URL=app.calendar_api_url,
            )

        yield start


def red(ended: Ended) -> set[str]:
    return {check.check_name for check in ended.evaluations if not check.passed}


def residue(ended: Ended) -> int:
    total: int = ended.value("test_data_report", "residue_total")
    return total


def test_the_main_job_is_green_and_leaves_no_trace(run_job: RunJob, world: BookingWorld, start_app: StartApp) -> None:
    customer, stale = world.customer(), world.book(age=TWO_DAYS)
    start_app()

    ended = run_job(JOB)

    assert ended.success
    assert red(ended) == set()
    assert residue(ended) == 0
    assert not world.has_appointment(stale)
    assert world.sql("SELECT count(*) AS n FROM users") == [{"n": 1}]
    assert world.has_user(customer)
    report = values(ended.materialized["test_data_report"])
    assert report["tests_passed"] >= TESTS  # each case of a parametrized test counts
    assert (report["tests_failed"], report["tests_skipped"]) == (0, 0)
    assert "### Residue" in report["report"]
    for asset in sorted(ended.materialized.keys() - {"test_data_report"}):
        assert "data:image/png;base64," in ended.value(asset, "picture")
        assert ended.value(asset, "next")
    assert values(ended.materialized["booking_flow_results"])["run"] == "passed"


def test_a_row_that_was_not_marked_turns_its_check_red_although_it_is_gone(
    run_job: RunJob, world: BookingWorld, start_app: StartApp
) -> None:
    start_app("forget-mark")

    ended = run_job(JOB)

    assert "no_unmarked_test_rows" in red(ended)
    assert residue(ended) == 0
    assert world.sql("SELECT 1 FROM appointments") == []


def test_a_failed_test_turns_the_run_red_at_its_end_after_cleanup(
    run_job: RunJob, world: BookingWorld, start_app: StartApp
) -> None:
    stale = world.book(age=TWO_DAYS)
    start_app("wrong-time")

    ended = run_job(JOB)

    assert not ended.success
    assert {"test_appointment_data_accuracy", "every_production_test_passed"} <= red(ended)
    assert list(ended.failures) == ["test_data_report_every_production_test_passed"]
    assert not world.has_appointment(stale)
    assert residue(ended) == 0


def test_no_caller_is_named_in_what_dagster_keeps(
    run_job: RunJob, world: BookingWorld, start_app: StartApp, instance: dg.DagsterInstance
) -> None:
    start_app("wrong-number")

    ended = run_job(JOB)

    kept = "".join(serialize_value(entry) for entry in instance.all_logs(ended.run_id))
    for call in world.sql("SELECT caller_name, caller_number FROM prodtest.test_call"):
        assert call["caller_name"].split()[1].lower() not in kept.lower()
        assert call["caller_number"].removeprefix("+1") not in kept


def test_a_run_in_which_every_test_was_skipped_is_red(run_job: RunJob, world: BookingWorld) -> None:
    stale = world.book(age=TWO_DAYS)

    ended = run_job(JOB)

    assert not ended.success
    assert "every_production_test_passed" in red(ended)
    assert "PRODUCTION_TEST_URL not configured" in str(
        ended.check("test_complete_booking_saves_to_database").description
    )
    assert not world.has_appointment(stale)
