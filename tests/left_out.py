"""Tests that need what this machine lacks are left out, and the end of the run says which, why, and what helps.

The end of the run also says how often the tests that try something many times have tried it.
"""

import os
import shutil
from typing import Any

import pytest

_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")
_LEFT_OUT = pytest.StashKey[dict[str, str]]()
_TO_CONTROLLER = "left_out"


def needs(is_there: bool, otherwise: str) -> pytest.MarkDecorator:
    """Leave the test out unless `is_there`, and list it with the sentence `otherwise`."""
    return pytest.mark.needs(is_there, otherwise)


def needs_debian_package(package: str, program: str | None = None) -> pytest.MarkDecorator:
    """Leave the test out where a program of the system is missing.

    Args:
        package: its package on Debian and Ubuntu.
        program: its name, if that is another one.
    """
    return needs(
        program_path(program or package) is not None,
        f"{program or package} is not installed: apt-get install -y {package}",
    )


def program_path(program: str) -> str | None:
    """Where a program lies, also in the folders that an ordinary user's PATH leaves out."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS]))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(is_there, otherwise): is left out, and listed, unless is_there")
    config.stash[_LEFT_OUT] = {}
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_FromWorkers(config))


class _FromWorkers:
    """Collects what was left out where the tests run in processes of their own."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_testnodedown(self, node: Any) -> None:
        """Hook of pytest-xdist: a worker has ended."""
        self._config.stash[_LEFT_OUT] |= getattr(node, "workeroutput", {}).get(_TO_CONTROLLER, {})


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_TO_CONTROLLER] = session.config.stash[_LEFT_OUT]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = {item: _what_is_missing(item) for item in items}
    left_out = [item for item in items if missing[item]]
    config.stash[_LEFT_OUT] |= {item.nodeid: missing[item] for item in left_out}
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not missing[item]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = [
        (report.nodeid.rpartition("::")[2], name, value)
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
    ]
    if figures:
        terminalreporter.section("tried")
        for test, name, value in figures:
            terminalreporter.write_line(f"{test}: {name} {value}")
    if config.stash[_LEFT_OUT]:
        terminalreporter.section("left out")
        for test, reason in sorted(config.stash[_LEFT_OUT].items()):
            terminalreporter.write_line(f"{test}: {reason}")


def _what_is_missing(item: pytest.Item) -> str:
    reasons = [mark.args[1] for mark in item.iter_markers("needs") if not mark.args[0]]
    return "; ".join(reasons)
