"""Runs the suite's process under Dagster Pipes and gives each verdict as soon as it is known."""

import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import dagster as dg

from prodtest_assets.booking_flow import SuiteTest, start_suite, stop_suite
from prodtest_assets.defs.verdicts import Bench, Verdict

_POLL_SECONDS = 0.1
_REPORTER = "prodtest_assets.defs.pipes_reporter"
# Messages reach Dagster through the reporter, masked; the process's own output shows only which tests ran.
_ARGUMENTS = ("-v", "--tb=no", "-rN", "--show-capture=no", "--disable-warnings")
_EXITS = {
    0: "it was not among the tests that ran",
    1: "it was not among the tests that ran",
    2: "the suite was interrupted",
    3: "pytest met an error of its own; the step's output has it",
    4: "pytest could not start; the step's output says why",
    5: "pytest found no test",
}


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """What is run.

    Attributes:
        suite: its folder or its only file.
        run_id: under which the ledger knows the run.
        tests: those that are declared.
        only: node ids to which the run is limited; all tests, declared or not, if empty.
    """

    suite: Path
    run_id: UUID
    tests: Sequence[SuiteTest]
    only: Sequence[str] = ()


def verdicts(context: dg.AssetExecutionContext, run: SuiteRun, bench: Bench) -> Iterator[Verdict]:
    """Run the suite to its end, whatever that is, with exactly one verdict for each test that `bench` declares.

    When the step is interrupted meanwhile, the process is stopped before the interruption goes on.

    Args:
        context: of the step that runs it.
        bench: collects the cases; it also has the counts afterwards.
    """
    extras = {
        "root": str(run.suite if run.suite.is_dir() else run.suite.parent),
        "checks": {test.node_id: test.check_name for test in run.tests},
    }
    read = 0
    with dg.open_pipes_session(
        context=context,
        context_injector=dg.PipesEnvContextInjector(),
        message_reader=dg.PipesTempFileMessageReader(),
        extras=extras,
    ) as session:
        process = start_suite(
            run.suite,
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
    yield from bench.rest(_ending(process.returncode))


def _ending(code: int) -> str:
    if code < 0:
        return f"the suite's process was killed ({signal.Signals(-code).name})"
    return _EXITS.get(code, f"pytest ended with code {code}")
