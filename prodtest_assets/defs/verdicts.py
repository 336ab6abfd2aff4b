"""From what the suite's process reports to exactly one verdict for each declared test.

Messages come in while the tests run. Parameters are folded: one that failed fails the test, one that was skipped
keeps it from having passed. A test of which nothing came in did not run, and the process's end says why.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a test ended, the worst first."""

    FAILED = "failed"
    DID_NOT_RUN = "did not run"
    SKIPPED = "skipped"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Case:
    """One run of one test function.

    Attributes:
        name: as pytest shows it, with its parameters.
        message: why it failed or was skipped.
        traceback: the lines of the suite that led there.
        seconds: with its fixtures.
        calls: ids of the calls it placed.
    """

    name: str
    outcome: Outcome
    message: str = ""
    traceback: str = ""
    seconds: float = 0.0
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a declared test ended, and each case of it that did."""

    check_name: str
    outcome: Outcome
    reason: str
    cases: tuple[Case, ...] = ()

    @property
    def seconds(self) -> float:
        """How long all its cases took."""
        return sum(case.seconds for case in self.cases)

    @property
    def calls(self) -> tuple[str, ...]:
        """The ids of the calls that all its cases placed."""
        return tuple(call for case in self.cases for call in case.calls)


@dataclass(slots=True)
class Bench:
    """Collects cases and gives each verdict once.

    Attributes:
        declared: check names that need a verdict.
        has_begun: whether pytest came as far as to know which tests it runs.
        problems: what kept pytest from running as it should (a file that cannot be imported).
        undeclared: cases of tests that nobody declared; the definitions were loaded from an older suite.
    """

    declared: tuple[str, ...]
    has_begun: bool = False
    problems: list[str] = field(default_factory=list)
    undeclared: list[Case] = field(default_factory=list)
    _cases: dict[str, list[Case]] = field(default_factory=dict)
    _expected: dict[str, int] = field(default_factory=dict)
    _deselected: set[str] = field(default_factory=set)
    _given: set[str] = field(default_factory=set)
    _calls: list[str] = field(default_factory=list)

    def take(self, message: Mapping[str, Any]) -> Iterator[Verdict]:
        """Take in one message of the reporter, and give the verdict that it completes, if any."""
        match message.get("kind"):
            case "collected":
                self.has_begun = True
                self._expected = dict(message["cases"])
                self._deselected = set(message["deselected"])
            case "problem":
                self.problems.append(str(message["message"]))
            case "calls":
                self._calls += message["calls"]
            case "case":
                yield from self._take_case(message)

    def rest(self, reason: str) -> Iterator[Verdict]:
        """The verdicts that are still owed when the process has ended.

        Args:
            reason: why a test that should have run did not.
        """
        for name in self.declared:
            if name not in self._given:
                yield self._give(name, self._incomplete(name, reason))

    def counts(self) -> dict[Outcome, int]:
        """How many cases of declared and other tests ended each way, as pytest counts them."""
        cases = [*self.undeclared, *(case for cases in self._cases.values() for case in cases)]
        return {outcome: sum(1 for case in cases if case.outcome is outcome) for outcome in Outcome}

    def _take_case(self, message: Mapping[str, Any]) -> Iterator[Verdict]:
        case = Case(
            name=str(message["name"]),
            outcome=Outcome(message["outcome"]),
            message=str(message.get("message", "")),
            traceback=str(message.get("traceback", "")),
            seconds=float(message.get("seconds", 0.0)),
            calls=tuple(self._calls),
        )
        self._calls.clear()
        name = message.get("check")
        if name not in self.declared:
            self.undeclared.append(case)
            return
        cases = self._cases.setdefault(str(name), [])
        cases.append(case)
        if len(cases) >= self._expected.get(str(name), 1) and name not in self._given:
            yield self._give(str(name), None)

    def _give(self, name: str, missing: Case | None) -> Verdict:
        self._given.add(name)
        cases = tuple(self._cases.get(name, ()))
        decisive = _worst([*cases, *([missing] if missing else [])])
        return Verdict(name, decisive.outcome, decisive.message, cases)

    def _incomplete(self, name: str, reason: str) -> Case:
        if name in self._deselected:
            return Case(name, Outcome.DID_NOT_RUN, "it was deselected")
        return Case(name, Outcome.DID_NOT_RUN, "; ".join(self.problems) or reason)


def _worst(cases: Iterable[Case]) -> Case:
    order = list(Outcome)
    return min(cases, key=lambda case: order.index(case.outcome))
