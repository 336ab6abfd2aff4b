"""How each test of a session ended, and why in words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import pytest

from prodtest_assets.testdata.masking import one_line

Outcome = Literal["passed", "failed", "skipped"]
_LONGEST_REASON = 300


@dataclass(slots=True)
class _Ending:
    outcome: Outcome | None = None
    seconds: float = 0.0
    reason: str = ""


class Endings:
    """The endings of all tests, by the reports of their phases.

    A test that passed and could not clean up has failed; one that was interrupted has not ended.
    """

    def __init__(self) -> None:
        self._endings: dict[str, _Ending] = {}

    def note(self, report: pytest.TestReport) -> None:
        """Take one report; a test has one for its setup, one for itself, one for its teardown."""
        ending = self._endings.setdefault(report.nodeid, _Ending())
        ending.seconds += report.duration
        if report.outcome != "passed" and ending.outcome != "failed":
            ending.outcome, ending.reason = report.outcome, reason_of(report)
        elif report.when == "call":
            ending.outcome = ending.outcome or report.outcome

    def count(self, outcome: Outcome) -> int:
        """How many tests ended so."""
        return sum(1 for ending in self._endings.values() if ending.outcome == outcome)

    def for_ledger(self, mask: Callable[[str], str]) -> Iterator[dict[str, object]]:
        """What the ledger keeps of each test, in the order in which they ran.

        Args:
            mask: hides what must not be kept; it is asked before a reason is cut.
        """
        ended = {node_id: ending for node_id, ending in self._endings.items() if ending.outcome}
        for node_id, ending in ended.items():
            file, _, test = node_id.partition("::")
            yield {
                "file": one_line(PurePosixPath(file).name),
                "test": one_line(mask(test)),
                "outcome": ending.outcome,
                "seconds": round(ending.seconds, 2),
                "reason": _short(one_line(mask(_gist(ending.reason)))),
            }


def reason_of(report: pytest.TestReport) -> str:
    """Why a test did not pass, as pytest's own summary would say it."""
    if report.skipped:
        expected = getattr(report, "wasxfail", None)
        if expected is not None:
            return f"it failed as expected: {expected}"
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return text.removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    where = "" if report.when == "call" else f"in {report.when}: "
    return f"{where}{crash.message if crash else report.longrepr}"


def _gist(reason: str) -> str:
    """The first line: pytest explains the assertion in those that follow."""
    return next((line for line in reason.splitlines() if line.strip()), "")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 3]}..."
