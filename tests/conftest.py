"""No test may see the settings of the person who runs it: neither the environment nor a `.env` file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.databases", "tests.left_out"]

_PREFIXES = ("PRODUCTION_", "PRODTEST_", "TWILIO_", "GOOGLE_", "TEST_DATA_", "FUNCTION_URL", "PG")

# At import, before any test module is: what a module might read while it is imported must be gone as well.
for _name in [name for name in os.environ if name.startswith(_PREFIXES)]:
    del os.environ[_name]


@pytest.fixture(scope="session", autouse=True)
def _away_from_any_env_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`.env` is looked for in the current directory, so the tests run in an empty one."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("nowhere"))
    yield
    os.chdir(before)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also run the long forms: more kills, races, faults and rows")
    parser.addoption("--pictures", action="store_true", help="let the browser tests renew docs/pictures")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: takes minutes; runs only with --soak (`make soak`)")
    # The gate draws the same examples each time, so that it says something of the change; new ones are for the soak.
    # A busy machine is no fault, so no example has a deadline.
    settings.register_profile("ours", deadline=None, derandomize=not config.getoption("--soak"))
    settings.load_profile("ours")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]
