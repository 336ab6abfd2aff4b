"""The booking-flow suite as an asset: each of its tests is an asset check.

The asset never fails for a test's sake, since cleanup comes after it and must run. What turns a run red is the
check `every_production_test_passed` at its end.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import dagster as dg

from prodtest_assets.booking_flow.discovery import SuiteTest, run_again, suite_folder
from prodtest_assets.defs import columns
from prodtest_assets.defs.booking_tables import BOOKING_FLOW_RESULTS
from prodtest_assets.defs.lineage import OUR_TEAM, Writes, runbook
from prodtest_assets.defs.metadata import NOT_MEASURED, markdown_table, next_steps, repair
from prodtest_assets.defs.pictures import Bar, Colour, bars
from prodtest_assets.defs.resources import BookingDatabase, readable_database, writable_database
from prodtest_assets.defs.said_and_stored import accuracy_metadata
from prodtest_assets.defs.suite_process import SuiteRun, run_suite
from prodtest_assets.defs.verdicts import Bench, Outcome, Verdict
from prodtest_assets.errors import ProdtestError
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.cleanup.settle import abandon_run
from prodtest_assets.testdata.masking import masked
from prodtest_assets.what_to_hide import caller_names, secrets_of

_SECTION = "a-test-failed"
_SHOWN = 20
# The schedule runs it each morning; one missed morning is to be seen within the hour.
_FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=25), fail_window=timedelta(hours=49))
_COLOURS = {
    Outcome.PASSED: Colour.FINE,
    Outcome.SKIPPED: Colour.DOUBTFUL,
    Outcome.FAILED: Colour.BAD,
    Outcome.DID_NOT_RUN: Colour.QUIET,
}
_DESCRIPTION = """\
Phones the application like a caller, and compares **what was stored with what was said**, field by field.

- Each test of the suite is a check of its own, with its own history. Any of them can be run alone.
- The asset does not fail for a test's sake, so that cleanup runs; `every_production_test_passed` turns the run red.
- Each call stands in the ledger before it is placed, and callers have reserved numbers only.
"""


def booking_flow_asset(tests: Sequence[SuiteTest]) -> dg.AssetsDefinition:
    """The asset `booking_flow_results` with a check for each of `tests`.

    Any check may be run alone; then only its test runs.
    """
    node_ids = {test.check_name: test.node_id for test in tests}

    @dg.multi_asset(
        name="booking_flow_results",
        specs=[
            dg.AssetSpec(
                BOOKING_FLOW_RESULTS,
                group_name="booking_flow",
                kinds={"pytest", "twilio"},
                owners=OUR_TEAM,
                tags=Writes.TEST_CALLS.tags,
                description=_DESCRIPTION,
                freshness_policy=_FRESH,
                metadata={"runbook": runbook(_SECTION)} | columns.ledger(),
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(test.check_name, asset=BOOKING_FLOW_RESULTS, description=test.description)
            for test in tests
        ],
        can_subset=True,
    )
    def booking_flow_results(
        context: dg.AssetExecutionContext, booking_database: BookingDatabase
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        settings = booking_database.settings()
        run_id = UUID(context.run.run_id)
        chosen = {key.name for key in context.selected_asset_check_keys}
        whole = bool(context.selected_asset_keys)
        names = tuple(name for name in node_ids if whole or name in chosen)
        only = () if whole else tuple(node_ids[name] for name in names)
        bench, outcomes = Bench(names), list[Verdict]()
        for verdict in _verdicts(context, settings, SuiteRun(run_id, tests, only), bench):
            outcomes.append(verdict)
            if verdict.check_name in chosen:
                said = accuracy_metadata(settings, run_id, verdict.calls) if verdict.calls else {}
                yield _check_result(verdict, _Mask(settings, run_id), said)
        ended = _close(context, settings, run_id)
        mask = _Mask(settings, run_id)
        for problem in bench.problems:
            context.log.error(mask(problem))
        if whole:
            figures = _metadata(outcomes, bench, mask) | ended | accuracy_metadata(settings, run_id)
            yield dg.MaterializeResult(
                asset_key=BOOKING_FLOW_RESULTS, metadata=figures | next_steps(*_advice(outcomes))
            )

    return booking_flow_results


def _verdicts(context: dg.AssetExecutionContext, settings: Settings, run: SuiteRun, bench: Bench) -> Iterator[Verdict]:
    try:
        suite = suite_folder(settings.suite)
    except ProdtestError as error:
        bench.problems.append(str(error))
        yield from bench.rest("there is no suite")
        return
    yield from run_suite(context, suite, run, bench)


def _close(context: dg.AssetExecutionContext, settings: Settings, run_id: UUID) -> dict[str, Any]:
    """Close the run in the ledger if its process died before it could. Returns how it ended, for the metadata."""
    if settings.db_url is None or not settings.test_mode:
        return {"run": "not in a ledger: PRODUCTION_DB_URL or PRODUCTION_DB_TEST_MODE is not set"}
    try:
        with writable_database(settings) as writing:
            if abandon_run(writing.database, writing.permit, run_id):
                context.log.warning("the suite's process left its run open; it has been closed, cleanup takes its rows")
            found = writing.database.rows("run", run_id=run_id)
    except ProdtestError as error:
        # The steps that follow meet it too, and fail with it.
        context.log.error(str(error))
        return {"run": "unknown: the database could not be asked"}
    return {"run": found[0]["outcome"] if found else "placed no call", "run_id": str(run_id)}


def _check_result(verdict: Verdict, mask: "_Mask", said: dict[str, Any]) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"outcome": verdict.outcome.value, "seconds": round(verdict.seconds, 2)}
    if verdict.outcome is not Outcome.PASSED:
        metadata["reason"] = mask(verdict.reason)
        metadata |= repair(run_again(verdict.check_name), _SECTION)
    if verdict.outcome is Outcome.SKIPPED:
        metadata |= NOT_MEASURED
    tracebacks = [case.traceback for case in verdict.cases if case.traceback]
    if tracebacks:
        metadata["traceback"] = dg.MetadataValue.md(f"```\n{mask(tracebacks[0])}\n```")
    if len(verdict.cases) > 1:
        rows = [{"case": case.name, "outcome": case.outcome.value, "why": case.message} for case in verdict.cases]
        metadata["cases"] = dg.MetadataValue.md(mask(markdown_table(rows).value))
    return dg.AssetCheckResult(
        asset_key=BOOKING_FLOW_RESULTS,
        check_name=verdict.check_name,
        passed=verdict.outcome is Outcome.PASSED,
        severity=_severity(verdict.outcome),
        description=mask(verdict.reason.splitlines()[0]) if verdict.reason else f"passed in {verdict.seconds:.1f} s",
        metadata=metadata | said,
    )


def _severity(outcome: Outcome) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.WARN if outcome is Outcome.SKIPPED else dg.AssetCheckSeverity.ERROR


def _metadata(outcomes: list[Verdict], bench: Bench, mask: "_Mask") -> dict[str, Any]:
    counts = bench.counts()
    rows: list[Mapping[str, Any]] = [
        {"test": verdict.check_name, "outcome": verdict.outcome.value, "seconds": round(verdict.seconds, 2)}
        for verdict in outcomes
    ]
    rows += [
        {"test": f"{case.name} (not declared)", "outcome": case.outcome.value, "seconds": round(case.seconds, 2)}
        for case in bench.undeclared
    ]
    figures: dict[str, Any] = {
        "passed": counts[Outcome.PASSED],
        "failed": counts[Outcome.FAILED],
        "skipped": counts[Outcome.SKIPPED],
        "did_not_run": sum(1 for verdict in outcomes if verdict.outcome is Outcome.DID_NOT_RUN),
        "seconds": round(sum(row["seconds"] for row in rows), 2),
        "tests": dg.MetadataValue.md(mask(markdown_table(rows).value)),
        "picture": _picture(outcomes),
    }
    if bench.problems:
        figures["problems"] = mask("; ".join(bench.problems))
    return figures


def _picture(outcomes: list[Verdict]) -> dg.MarkdownMetadataValue:
    """The tests that took longest, and before them those that did not pass."""
    order = list(Outcome)
    first = sorted(outcomes, key=lambda verdict: (order.index(verdict.outcome), -verdict.seconds))[:_SHOWN]
    drawn: list[Bar] = [(verdict.check_name, verdict.seconds, _COLOURS[verdict.outcome]) for verdict in first]
    labels = [f"{verdict.seconds:.1f} s, {verdict.outcome.value}" for verdict in first]
    return bars("How each test ended, and how long it took", drawn, unit="seconds", labels=labels)


def _advice(outcomes: list[Verdict]) -> list[str]:
    """The command that runs each test again that did not pass; the first of them, if they are many."""
    red = [verdict.check_name for verdict in outcomes if verdict.outcome in (Outcome.FAILED, Outcome.DID_NOT_RUN)]
    return [f"look at the check `{name}`; `{run_again(name)}` runs it again" for name in red[:_SHOWN]]


class _Mask:
    """Hides the secrets of the settings, and the callers of a run as the ledger knows them."""

    def __init__(self, settings: Settings, run_id: UUID) -> None:
        self._settings, self._run_id = settings, run_id
        self._secrets = secrets_of(settings)
        self._names: frozenset[str] | None = None

    def __call__(self, text: str) -> str:
        if not text:
            return text
        if self._names is None:
            self._names = self._callers()
        return masked(text, secrets=self._secrets, names=self._names)

    def _callers(self) -> frozenset[str]:
        settings = self._settings
        if settings.db_url is None:
            return frozenset()
        try:
            with readable_database(settings) as database:
                return caller_names(database, [self._run_id])
        except ProdtestError:
            return frozenset()
