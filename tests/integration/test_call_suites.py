"""The call scenarios and the provider's webhooks: green on healthy applications, red on each fault."""

import secrets
import time
from pathlib import Path

import pytest

from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.sandbox.seed import seed_customers
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.testdata.connection import open_database
from tests.suites import (
    CALL_SCENARIOS,
    PRODUCTION,
    TWILIO_SIMULATION,
    SuiteResult,
    nothing_left_behind,
    run_suite,
    settings_for,
)

_SECRETS = {"TWILIO_AUTH_TOKEN": "the sandbox's token", "PRODUCTION_API_KEY": "the sandbox's key"}
ONE_BY_ONE = {
    "test_quick_booking",
    "test_detailed_booking",
    "test_unclear_speech",
    "test_international_caller",
    "test_reschedule_request",
    "test_elderly_caller",
}
MANY = {"test_all_scenarios_at_once", "test_peak_hour", "test_daily_pattern"}
EDGES = {
    f"test_edge_case_in_the_first_answer[{words}]"
    for words in ("empty", "very_long", "special_characters", "digits_only")
}
FLOW = {"test_extraction_accuracy", "test_state_progression"}
SCENARIOS = ONE_BY_ONE | MANY | EDGES | FLOW


@pytest.fixture
def sandbox_url(booking_url: str) -> str:
    """A sandbox's database with customers in it."""
    seed_customers(booking_url)
    return booking_url


def run(suite: Path, url: str, folder: Path, *arguments: str, faults: tuple[str, ...] = ()) -> SuiteResult:
    """Run a suite against the sandbox; whatever happens, nothing may be left behind."""
    token, key = _SECRETS.values()
    with running_app(url, faults=faults, auth_token=token, api_key=key) as app, nothing_left_behind(url):
        return run_suite(suite, folder, settings_for(url, app) | _SECRETS, *arguments)


def test_every_scenario_passes_and_every_call_is_ledgered_with_its_persona(sandbox_url: str, tmp_path: Path) -> None:
    result = run(CALL_SCENARIOS, sandbox_url, tmp_path)

    assert result.named("passed") == SCENARIOS, result.output
    with open_database(sandbox_url) as database:
        calls = database.rows("calls_of_run", run_id=result.run_id)
    compared = [each for call in calls for each in call["comparison"] or ()]
    assert [each for each in compared if not each["equal"]] == []
    assert {each["field"] for each in compared} == {"name", "number", "start", "duration", "status"}
    assert {call["outcome"] for call in calls} == {"booked", "failed"}
    assert [call["outcome"] for call in calls].count("failed") == 1


def test_the_provider_s_side_passes_on_a_healthy_application(sandbox_url: str, tmp_path: Path) -> None:
    result = run(TWILIO_SIMULATION, sandbox_url, tmp_path)

    assert set(result.outcomes.values()) == {"passed"}, result.output
    assert len(result.outcomes) == 10


def test_an_application_that_checks_no_signature_fails_the_tests_of_it(sandbox_url: str, tmp_path: Path) -> None:
    with running_app(sandbox_url) as app, nothing_left_behind(sandbox_url):
        result = run_suite(TWILIO_SIMULATION, tmp_path, settings_for(sandbox_url, app) | _SECRETS, "-k", "Security")

    assert result.named("failed") == {"test_unsigned_request_is_refused", "test_wrongly_signed_request_is_refused"}
    assert "expected one of [400, 401, 403], answered [200]" in result.messages["test_unsigned_request_is_refused"]


def test_without_a_token_the_tests_of_signatures_are_skipped(sandbox_url: str, tmp_path: Path) -> None:
    with running_app(sandbox_url) as app, nothing_left_behind(sandbox_url):
        result = run_suite(TWILIO_SIMULATION, tmp_path, settings_for(sandbox_url, app), "-k", "signed")

    assert result.named("skipped") == {"test_unsigned_request_is_refused", "test_wrongly_signed_request_is_refused"}
    assert "TWILIO_AUTH_TOKEN not configured" in result.messages["test_unsigned_request_is_refused"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("wrong-time", "start: expected 20"),
        ("wrong-number", "number: expected +1"),
        ("forget-mark", "mark: expected is_test_data = true, stored is_test_data = false"),
        ("leave-orphans", "no appointment of this call is in the database"),
    ],
)
def test_each_fault_turns_the_scenarios_red_and_names_field_and_values(
    sandbox_url: str, tmp_path: Path, fault: str, said: str
) -> None:
    result = run(CALL_SCENARIOS, sandbox_url, tmp_path, "-k", "quick_booking or peak or accuracy", faults=(fault,))

    red = {"test_quick_booking", "test_peak_hour", "test_extraction_accuracy"}
    assert result.named("failed", "error") == red, result.output
    assert all(said in result.messages[name] for name in red), result.messages


@pytest.mark.soak
def test_a_line_that_goes_dead_is_told_once_and_nobody_calls_again(sandbox_url: str, tmp_path: Path) -> None:
    result = run(CALL_SCENARIOS, sandbox_url, tmp_path, "-k", "quick_booking or peak", faults=("drop-call",))

    assert result.named("failed", "error") == {"test_quick_booking", "test_peak_hour"}
    assert "no appointment of this call is in the database" in result.messages["test_quick_booking"]
    assert "the first call of the run left no row in this database" in result.messages["test_peak_hour"]


@pytest.mark.soak
def test_a_slow_application_fails_the_rush_and_says_how_slow_it_was(sandbox_url: str, tmp_path: Path) -> None:
    result = run(CALL_SCENARIOS, sandbox_url, tmp_path, "-k", "peak", faults=("slow",))

    assert result.named("failed") == {"test_peak_hour"}
    assert "seconds: expected less than 3 a call on average, took 1" in result.messages["test_peak_hour"]


@pytest.mark.soak
@pytest.mark.parametrize(
    ("fault", "said"), [("server-error", "(provider error 11200)"), ("broken-twiml", "(provider error 12100)")]
)
def test_scenarios_of_an_application_that_answers_nonsense_fail_with_the_provider_s_number(
    sandbox_url: str, tmp_path: Path, fault: str, said: str
) -> None:
    result = run(CALL_SCENARIOS, sandbox_url, tmp_path, "-k", "quick_booking or peak or very_long", faults=(fault,))

    assert result.named("passed", "skipped") == set()
    assert len(result.outcomes) == 3
    assert said in result.messages["test_quick_booking"]
    assert "the first call of the run left no row in this database" in result.messages["test_peak_hour"]


@pytest.mark.soak
@pytest.mark.parametrize("fault", ["server-error", "broken-twiml"])
def test_an_application_that_answers_nonsense_fails_every_test_after_one_wait(
    sandbox_url: str, tmp_path: Path, fault: str
) -> None:
    began = time.monotonic()
    result = run(TWILIO_SIMULATION, sandbox_url, tmp_path, faults=(fault,))

    assert result.named("passed", "skipped") == set()
    assert time.monotonic() - began < 120  # the minute in which the first call's row may come, once


def test_no_caller_s_name_or_number_stands_in_the_report(sandbox_url: str, tmp_path: Path) -> None:
    result = run(CALL_SCENARIOS, sandbox_url, tmp_path, faults=("wrong-number",))

    with open_database(sandbox_url) as database:
        calls = database.connection.execute("SELECT caller_name, caller_number FROM prodtest.test_call").fetchall()
    assert len(calls) > 40
    assert result.named("failed") >= ONE_BY_ONE
    assert [
        call for call in calls if call["caller_name"] in result.output or call["caller_number"] in result.output
    ] == []


def test_no_test_passes_when_the_application_s_database_is_switched_off(
    postgres: PostgresServer, migrated_template: str, sandbox_url: str, tmp_path: Path
) -> None:
    name = f"booking_test_{secrets.token_hex(4)}"
    with running_app(postgres.create_database(name, template=migrated_template), auth_token="token") as app:
        postgres.drop_database(name)
        with nothing_left_behind(sandbox_url):
            settings = settings_for(sandbox_url, app) | {"TWILIO_AUTH_TOKEN": "token"}
            result = run_suite(PRODUCTION, tmp_path, settings)

    assert result.named("passed", "skipped") == set()
    assert len(result.outcomes) > 30
    assert "500" in result.messages["test_quick_booking"]
