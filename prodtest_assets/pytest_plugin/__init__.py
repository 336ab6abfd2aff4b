"""The fixtures of the production suites, for anyone's own suite too.

How a team uses it in its own repository:

1. `pip install prodtest-assets`, and `pytest_plugins = ["prodtest_assets.pytest_plugin"]` in the top `conftest.py`;
2. write tests: `def test_a_booking_is_stored(caller): assert not caller.differences(caller.book())`;
3. set PRODUCTION_DB_URL, PRODUCTION_DB_TEST_MODE=true and PRODUCTION_TEST_URL, in the environment or `.env`;
4. run `pytest`: what each test booked is archived and removed when the test ends, whatever happened;
5. select with `-m essential` or `-m "not prod_db_write"`; without those settings the tests are skipped.

Fixtures: caller, prod_db, prod_db_with_rollback, calendar, test_call_context, production_test_url,
production_api_key. A refusal or a problem of the environment fails the test with one line, never skips it.
"""

from collections.abc import Generator
from typing import Any
from uuid import UUID, uuid4

import pytest

from prodtest_assets.errors import ProdtestError
from prodtest_assets.lifetime import die_with_parent
from prodtest_assets.pytest_plugin.accuracy import Difference, ending_of, explain
from prodtest_assets.pytest_plugin.callers import Caller
from prodtest_assets.pytest_plugin.context import CallContext
from prodtest_assets.pytest_plugin.fixtures import (
    calendar,
    caller,
    prod_db,
    prod_db_with_rollback,
    production_api_key,
    production_test_url,
    test_call_context,
)
from prodtest_assets.pytest_plugin.run import SuiteRun

__all__ = [
    "CallContext",
    "Caller",
    "Difference",
    "SuiteRun",
    "calendar",
    "caller",
    "ending_of",
    "explain",
    "prod_db",
    "prod_db_with_rollback",
    "production_api_key",
    "production_test_url",
    "test_call_context",
]

_MARKERS = (
    "production: runs against a deployment, not against code in this process",
    "prod_db: reads the booking database",
    "prod_db_write: leaves rows in the booking database until it ends",
    "prod_e2e: phones the application",
    "essential: belongs to the shortest run that still means something",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options by which a parent process leads the suite."""
    group = parser.getgroup("prodtest", "production booking tests")
    group.addoption(
        "--prodtest-run-id", type=UUID, metavar="UUID", help="the run's id in the ledger (default: a new one)"
    )
    group.addoption("--prodtest-parent-pid", type=int, metavar="PID", help="end at once when this parent is gone")


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers, tie the process to its parent, and prepare the run."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    parent = config.getoption("--prodtest-parent-pid")
    if parent is not None:
        die_with_parent(parent)
    run = SuiteRun(config.getoption("--prodtest-run-id") or uuid4())
    config.pluginmanager.register(run, SuiteRun.PLUGIN_NAME)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show an error that says what to do as that one line; a traceback would bury it."""
    report = yield
    if report.failed and call.excinfo is not None and isinstance(call.excinfo.value, ProdtestError):
        report.longrepr = call.excinfo.getrepr(style="value", chain=False)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_keyboard_interrupt(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Leave out where Ctrl-C met an instruction without a line, which CPython has; pytest's own report would fail."""
    excinfo.traceback = excinfo.traceback.filter(_has_line)


def _has_line(entry: Any) -> bool:  # pytest does not export the type
    try:
        return isinstance(entry.lineno, int)
    except TypeError:
        return False
