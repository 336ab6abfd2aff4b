"""A pytest plugin that tells which tests were selected. With `--collect-only`, none of them runs.

It is loaded in a process of its own only (`-p prodtest_assets.pytest_plugin.selection`).
"""

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add where to write, and from where node ids count."""
    group = parser.getgroup("prodtest", "production booking tests")
    group.addoption("--prodtest-selection", type=Path, metavar="FILE", help="write what is selected there, as JSON")
    group.addoption("--prodtest-root", type=Path, metavar="FOLDER", help="the folder from which node ids count")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with what cannot be collected."""
    selection = _Selection(config.getoption("--prodtest-selection"), config.getoption("--prodtest-root"))
    config.pluginmanager.register(selection)


def node_id_of(item: pytest.Item, root: Path) -> str | None:
    """A test by its file, classes and function, without its parameters; None when it lies elsewhere.

    Args:
        item: as pytest has collected it.
        root: the folder from which its file counts.
    """
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    function = getattr(item, "originalname", None) or item.name
    if not item.path.is_relative_to(root):
        return None
    return "::".join((item.path.relative_to(root).as_posix(), *classes, function))


def problem_of(report: pytest.CollectReport) -> str:
    """Why a file could not be collected, in one line."""
    lines = str(report.longrepr).strip().splitlines()
    # Pytest marks the lines of an error.
    return f"{report.nodeid}: {lines[-1].removeprefix('E ').strip() if lines else 'broken'}"


class _Selection:
    def __init__(self, file: Path, root: Path) -> None:
        self._file, self._root = file, root
        self._problems: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._problems.append(problem_of(report))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        selected = dict.fromkeys(filter(None, (node_id_of(item, self._root) for item in session.items)))
        self._file.write_text(json.dumps({"selected": list(selected), "problems": self._problems}))
