"""Runs the suite's process under Dagster Pipes and gives each verdict as soon as it is known."""

import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import dagster as dg

from prodtest_assets.booking_flow.discovery import SuiteTest
from prodtest_assets.booking_flow.process import start_suite, stop_suite
from prodtest_assets.defs.verdicts import Bench, Verdict

_POLL_SECONDS = 0.1
_REPORTER = "prodtest_assets.defs.pipes_reporter"
# Messages reach Dagster through the reporter, masked; the process's own output shows only which tests ran.
_ARGUMENTS = ("-v", "--tb=no", "-rN", "--show-capture=no", "--disable-warnings")
_EXITS = {
    2: "the suite was interrupted",
    3: "pytest met an error of its own; the step's output has it",
    5: "pytest found no test",
}


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """What is run.

    Attributes:
        run_id: under which the ledger knows the run.
        tests: those that are declared.
        only: node ids to which the run is limited; all tests, declared or not, if empty.
    """

    run_id: UUID
    tests: Sequence[SuiteTest]
    only: Sequence[str] = ()


class _Messages(dg.PipesTempFileMessageReader):
    """Reads what one process reports. Without this, each run would warn that Dagster's own property is a preview."""

    @property
    def expected_writer_count(self) -> int:
        return 1


def run_suite(context: dg.AssetExecutionContext, suite: Path, run: SuiteRun, bench: Bench) -> Iterator[Verdict]:
    """Run the suite to its end, whatever that is, with exactly one verdict for each test that `bench` declares.

    When the step is interrupted meanwhile, the process is stopped before the interruption goes on.

    Args:
        context: of the step that runs it.
        suite: its folder or its only file.
        run: what is run.
        bench: collects the cases; it also has the counts afterwards.
    """
    extras = {
        "root": str(suite if suite.is_dir() else suite.parent),
        "checks": {test.node_id: test.check_name for test in run.tests},
    }
    read = 0
    with dg.open_pipes_session(
        context=context,
        context_injector=dg.PipesEnvContextInjector(),
        message_reader=_Messages(),
        extras=extras,
    ) as session:
        process = start_suite(
            suite,
            run_id=run.run_id,
            node_ids=run.only,
            plugins=[_REPORTER],
            arguments=_ARGUMENTS,
            environment=session.get_bootstrap_env_vars(),
        )
        try:
            while process.poll() is None:
                for message in session.get_custom_messages()[read:]:
                    read += 1
                    yield from bench.take(message)
                time.sleep(_POLL_SECONDS)
        finally:
            stop_suite(process)
    # Closing the session has read what was still on its way.
    for message in session.get_custom_messages()[read:]:
        yield from bench.take(message)
    yield from bench.rest(_ending(process.returncode, has_begun=bench.has_begun))


def _ending(code: int, *, has_begun: bool) -> str:
    """Why a test that should have run did not."""
    if code < 0:
        return f"the suite's process was killed ({signal.Signals(-code).name})"
    if not has_begun:
        return "pytest could not start; the step's output says why"
    return _EXITS.get(code, "it was not among the tests that ran")
