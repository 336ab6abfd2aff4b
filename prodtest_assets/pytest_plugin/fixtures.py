"""The fixtures. What is not configured skips a test, what is refused or broken fails it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

import pytest

from prodtest_assets.google_calendar import Calendar
from prodtest_assets.pytest_plugin.callers import Caller
from prodtest_assets.pytest_plugin.context import CallContext
from prodtest_assets.pytest_plugin.run import run_of
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import authorize_writes

CALL_PROPERTY = "prodtest_call"
"""Under this name a test's report, and a JUnit file made of it, lists the test's calls."""

_Value = TypeVar("_Value")


@pytest.fixture
def prod_db(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A connection to the booking database, for reading: what is to be written there, the application writes."""
    deployment = run_of(request.config).deployment
    _need("PRODUCTION_DB_URL", deployment.database_url)
    if "caller" in request.fixturenames:
        # The caller creates schema prodtest; a connection opened before would not know of it.
        request.getfixturevalue("caller")
    with deployment.database() as database:
        yield database


@pytest.fixture
def prod_db_with_rollback(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A connection in a transaction that is rolled back when the test ends; other sessions never see its writes."""
    deployment = run_of(request.config).deployment
    _need("PRODUCTION_DB_URL", deployment.database_url)
    with deployment.database() as database:
        authorize_writes(database, deployment.rules)
        with database.connection.transaction(force_rollback=True):
            yield database


@pytest.fixture(scope="session")
def production_test_url(request: pytest.FixtureRequest) -> str:
    """The base URL of the deployment under test, without a slash at its end."""
    return _need("PRODUCTION_TEST_URL", run_of(request.config).deployment.settings.test_url)


@pytest.fixture(scope="session")
def production_api_key(request: pytest.FixtureRequest) -> str | None:
    """What the application expects as `X-API-Key`; None when it expects nothing."""
    key = run_of(request.config).deployment.settings.api_key
    return key.get_secret_value() if key else None


@pytest.fixture
def test_call_context(request: pytest.FixtureRequest) -> CallContext:
    """The run, the zone, the retention, and starts for new callers."""
    run = run_of(request.config)
    return CallContext(
        run_id=run.calls.run_id,
        test=request.node.name,
        zone=run.deployment.settings.zone,
        retention=timedelta(hours=run.deployment.settings.retention_hours),
        slots=run.slots(),
    )


@pytest.fixture
def caller(request: pytest.FixtureRequest, test_call_context: CallContext) -> Iterator[Caller]:
    """Phones the application; what its calls left is archived and removed when the test ends, whatever happened."""
    run = run_of(request.config)
    _need("PRODUCTION_DB_URL", run.deployment.database_url)
    _need("PRODUCTION_TEST_URL", run.deployment.settings.test_url)
    caller = Caller(run.calls, test_call_context)
    yield caller
    request.node.user_properties.extend((CALL_PROPERTY, call_sid) for call_sid in caller.call_sids)
    if run.deployment.settings.auto_cleanup:
        caller.remove_all()


@pytest.fixture
def calendar(request: pytest.FixtureRequest) -> Calendar:
    """The calendar in which the application mirrors its appointments."""
    deployment = run_of(request.config).deployment
    _need("GOOGLE_CALENDAR_ENABLED", deployment.settings.calendar_enabled or None)
    return deployment.calendar


def _need(name: str, value: _Value | None) -> _Value:
    if value is None:
        pytest.skip(f"{name} not configured")
    return value
