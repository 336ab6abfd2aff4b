"""A pytest plugin that tells Dagster how each test ended, while the suite runs.

It is loaded in the suite's process only (`-p prodtest_assets.defs.pipes_reporter`). It folds and judges nothing: the
process may be killed at any moment, so what is known is sent at once and put together on the other side.
"""

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from dagster_pipes import PipesContext, open_dagster_pipes

from prodtest_assets.pytest_plugin.endings import reason_of
from prodtest_assets.pytest_plugin.fixtures import CALL_PROPERTY
from prodtest_assets.pytest_plugin.selection import node_id_of, problem_of

# The reader on the other side takes a line to be whole, so a line must fit into one write.
_LONGEST_LINE = 7_000
_LONGEST_MESSAGE = 1_500
_MOST_FRAMES = 12
_CALLS_IN_A_LINE = 100


def pytest_configure(config: pytest.Config) -> None:
    """Open Dagster Pipes; its context says which test belongs to which check."""
    pipes = open_dagster_pipes()
    config.pluginmanager.register(_Reporter(pipes, Path(pipes.get_extra("root")), pipes.get_extra("checks")))


class _Reporter:
    def __init__(self, pipes: PipesContext, root: Path, checks: Mapping[str, str]) -> None:
        self._pipes, self._root, self._checks = pipes, root, checks
        self._deselected: list[pytest.Item] = []
        self._phases: dict[str, dict[str, Any]] = {}

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self._deselected.extend(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        cases = Counter(filter(None, map(self._check_of, session.items)))
        deselected = {name for name in map(self._check_of, self._deselected) if name and name not in cases}
        self._send({"kind": "collected", "cases": dict(cases), "deselected": sorted(deselected)})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._send({"kind": "problem", "message": problem_of(report)})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        case = self._phases.setdefault(item.nodeid, {"outcome": "passed", "seconds": 0.0})
        case["seconds"] += report.duration
        if report.outcome != "passed" and case["outcome"] != "failed":
            case |= {"outcome": report.outcome, "message": reason_of(report)[:_LONGEST_MESSAGE]}
            if report.failed and call.excinfo:
                case["traceback"] = self._traceback(call.excinfo)
        if report.when == "teardown":
            self._send_calls([str(value) for name, value in report.user_properties if name == CALL_PROPERTY])
            self._send(
                {"kind": "case", "check": self._check_of(item), "name": item.name, **self._phases.pop(item.nodeid)}
            )
        return report

    def pytest_unconfigure(self) -> None:
        self._pipes.close()

    def _check_of(self, item: pytest.Item) -> str | None:
        """The check of an item, whatever its parameters."""
        return self._checks.get(node_id_of(item, self._root) or "")

    def _traceback(self, found: pytest.ExceptionInfo[BaseException]) -> str:
        """The frames within the suite, one line each: a place and the statement there."""
        lines = [
            f"{Path(entry.path).relative_to(self._root)}:{entry.lineno + 1} in {entry.name}: "
            + str(entry.statement).strip()
            for entry in found.traceback
            if Path(entry.path).is_relative_to(self._root)
        ]
        return "\n".join(lines[-_MOST_FRAMES:])

    def _send_calls(self, calls: Sequence[str]) -> None:
        """The calls of the case that is sent next."""
        for begin in range(0, len(calls), _CALLS_IN_A_LINE):
            self._send({"kind": "calls", "calls": calls[begin : begin + _CALLS_IN_A_LINE]})

    def _send(self, message: dict[str, Any]) -> None:
        for part in ("traceback", "message"):
            surplus = len(json.dumps(message)) - _LONGEST_LINE
            if surplus > 0 and part in message:
                message[part] = message[part][: max(len(message[part]) - surplus, 0)]
        self._pipes.report_custom_message(message)
