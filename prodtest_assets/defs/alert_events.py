"""What the events of one run say: which checks are red, which crashed, which never answered, which steps failed.

Red is what Dagster shows in red: a check that failed as an ERROR, crashed, or was planned and never evaluated. A
warning is no reason to wake anybody, and ends a failure. A result with `measured: false` in its metadata says neither
that something fails nor that it is over.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from prodtest_assets.booking_flow.discovery import run_again
from prodtest_assets.defs.environment import asset_key
from prodtest_assets.testdata.alert_ledger import Finding, due_for_reminder
from prodtest_assets.testdata.connection import Database

Mask = Callable[[str], str]

_OF_INTEREST = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SKIPPED,
    dg.DagsterEventType.STEP_SUCCESS,
}
_BLOCKED = "DagsterAssetCheckFailedError"
_RETRIED_BY = "dagster/auto_retry_run_id"
_COMMANDS = {
    "cleanup_is_effective": "prodtest cleanup",
    "customer_rows_untouched": "prodtest cleanups",
    "every_production_test_passed": "prodtest run",
    "test_data_volume_is_normal": "prodtest count",
}


def findings_of(instance: dg.DagsterInstance, record: dg.RunRecord, mask: Mask) -> list[Finding]:
    """Everything that one run has to say.

    A step that failed since a blocking check was red says nothing of its own: that check is the cause. What did not run
    because a step before it failed is named with that, and is no cause either. A red check that blocks nothing keeps
    nothing from running: where no step failed, what did not answer is a cause of its own. Where Dagster has started
    another run in place of one that crashed, that one answers for what was left open.

    Args:
        instance: where the run's events are.
        record: a run; of one that goes on, only the evaluated checks count.
        mask: takes secrets and callers' numbers out of a text.
    """
    history = _History(instance, record.dagster_run, mask)
    if not record.dagster_run.is_finished:
        return history.evaluated
    if _RETRIED_BY in record.dagster_run.tags:
        return [*history.evaluated, *history.successful_steps]
    ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
    failed = history.failed_steps()
    found = [*history.evaluated, *failed]
    if history.has_failed_steps and any(finding.failed for finding in found):
        return [*_with_victims(found, failed or found, history.never_ran()), *history.successful_steps]
    return [*found, *history.unanswered(ended), *history.successful_steps, *history.whole_run(ended)]


def only_standing(findings: Iterable[Finding]) -> list[Finding]:
    """Of each cause the last word, if it is that it fails: for a sensor that looks back for the first time."""
    last: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda finding: finding.at):
        last[finding.cause] = finding
    return [finding for finding in last.values() if finding.failed]


def undeclared(database: Database, repository: dg.RepositoryDefinition | None, now: datetime) -> list[Finding]:
    """The end of what nobody would ever see recover, when it is time to remind of it: its check, step or job is gone.

    A day passes first, so that a suite which cannot be read for an hour ends nothing.

    Args:
        repository: what this code location declares; None where that is not known.
        now: timezone-aware.
    """
    due = due_for_reminder(database, now) if repository else {}
    if not due or not repository:
        return []
    jobs = repository.get_all_jobs()
    known = {_cause(key) for key in repository.asset_graph.asset_check_keys}
    known |= {f"job {job.name}" for job in jobs}
    known |= {f"step {handle}" for job in jobs for handle in job.graph.iterate_node_handles()}
    return [
        Finding(cause, now, False, {"what": details.get("what", cause), "said": "no longer declared"})
        for cause, details in due.items()
        # A step that is made at run time has its own name in brackets behind that of its place.
        if cause.startswith(("check ", "job ", "step ")) and cause.partition("[")[0] not in known
    ]


def evaluation_finding(evaluation: dg.AssetCheckEvaluation, at: datetime, mask: Mask) -> Finding | None:
    """What one evaluation of a check says; None when it has measured nothing."""
    measured = evaluation.metadata.get("measured")
    if measured is not None and measured.value is False:
        return None
    is_red = not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
    description = evaluation.description or ("" if evaluation.passed else "it gives no reason")
    said = description if evaluation.passed or is_red else f"a warning now: {description}"
    details = {
        "what": _name(evaluation.asset_check_key),
        "said": mask(said),
        "sample": mask(_text(evaluation.metadata, "sample")),
        "do": _text(evaluation.metadata, "repair").strip("`") or _command(evaluation.asset_check_key),
    }
    return Finding(_cause(evaluation.asset_check_key), at, is_red, {key: text for key, text in details.items() if text})


class _History:
    """The events of one run, sorted by what they are about."""

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun, mask: Mask) -> None:
        self.run, self.mask = run, mask
        self.evaluated: list[Finding] = []
        self.successful_steps: list[Finding] = []
        self._failures: dict[str, tuple[dg.DagsterEvent, datetime]] = {}
        self._planned: dict[dg.AssetCheckKey, str | None] = {}
        self._asset_steps: set[str | None] = set()
        self._answered: set[dg.AssetCheckKey] = set()
        self._crashed: set[dg.AssetCheckKey] = set()
        self._skipped: set[str | None] = set()
        for record in instance.get_records_for_run(run.run_id, of_type=_OF_INTEREST).records:
            event = record.event_log_entry.dagster_event
            if event:
                self._take(event, datetime.fromtimestamp(record.event_log_entry.timestamp, UTC))

    def _take(self, event: dg.DagsterEvent, at: datetime) -> None:
        match event.event_type:
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluation = event.asset_check_evaluation_data
                self._answered.add(evaluation.asset_check_key)
                if finding := evaluation_finding(evaluation, at, self.mask):
                    self.evaluated.append(finding)
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                self._planned[event.asset_check_planned_data.asset_check_key] = event.step_key
            case dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                self._asset_steps.add(event.step_key)
            case dg.DagsterEventType.STEP_FAILURE if event.step_key:
                self._failures[event.step_key] = (event, at)
            case dg.DagsterEventType.STEP_SKIPPED:
                self._skipped.add(event.step_key)
            case dg.DagsterEventType.STEP_SUCCESS:
                self.successful_steps.append(Finding(f"step {event.step_key}", at, False, self._step(event.step_key)))

    @property
    def has_failed_steps(self) -> bool:
        return bool(self._failures)

    def failed_steps(self) -> list[Finding]:
        """Each step that failed for a reason of its own; the check in its place where the step is nothing else."""
        found = []
        for step, (event, at) in self._failures.items():
            data = event.step_failure_data
            if data.error and data.error.cls_name == _BLOCKED:
                continue
            told = data.user_failure_data.description if data.user_failure_data else None
            said = {"said": self.mask(told or _reason(data.error))}
            checks = [] if step in self._asset_steps else [key for key in self.silent() if self._planned[key] == step]
            self._crashed.update(checks)
            found += [
                Finding(_cause(key), at, True, {"what": _name(key), "do": "prodtest preflight"} | _crashed(said))
                for key in checks
            ] or [Finding(f"step {step}", at, True, self._step(step) | said)]
        return found

    def silent(self) -> list[dg.AssetCheckKey]:
        """Checks that were planned and not evaluated, but for those of steps that had nothing to do."""
        return [key for key, step in self._planned.items() if key not in self._answered and step not in self._skipped]

    def never_ran(self) -> list[str]:
        """The names of the checks that could not run because something else failed."""
        return [key.name for key in self.silent() if key not in self._crashed]

    def unanswered(self, ended: datetime) -> list[Finding]:
        """Checks that stay planned although nothing in the run failed: its process died, or a person ended it."""
        said = f"the run ended {self.run.status.value} before this check had answered"
        return [
            Finding(_cause(key), ended, True, {"what": _name(key), "said": said, "do": _command(key)})
            for key in self.silent()
        ]

    def whole_run(self, ended: datetime) -> list[Finding]:
        """A run that failed as a whole, before any of its steps or checks could, or one that is well."""
        if self.run.status is dg.DagsterRunStatus.CANCELED or (self.run.is_failure and self.silent()):
            return []
        details = {"what": f"the job {self.run.job_name}", "do": "prodtest preflight"}
        if self.run.is_failure:
            details["said"] = "the run failed before any of its steps had begun, or with its process"
        return [Finding(f"job {self.run.job_name}", ended, self.run.is_failure, details)]

    def _step(self, step: str | None) -> dict[str, Any]:
        return {"what": f"step {step} of {self.run.job_name}", "do": "prodtest preflight"}


def _with_victims(found: list[Finding], reasons: list[Finding], victims: list[str]) -> list[Finding]:
    """Name what did not run with the first of the reasons that failed."""
    if not victims:
        return found
    first = min((reason for reason in reasons if reason.failed), key=lambda reason: reason.at)
    named = Finding(first.cause, first.at, True, {**first.details, "also": victims})
    return [named if finding is first else finding for finding in found]


def _crashed(said: Mapping[str, str]) -> dict[str, str]:
    return {"said": f"it crashed: {said['said']}"}


def _reason(error: SerializableErrorInfo | None) -> str:
    """What raised first, without its traceback."""
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else "it gives no reason"


def _cause(key: dg.AssetCheckKey) -> str:
    return f"check {key.asset_key.to_user_string()}:{key.name}"


def _name(key: dg.AssetCheckKey) -> str:
    return f"{key.name} on {key.asset_key.to_user_string()}"


def _command(key: dg.AssetCheckKey) -> str:
    if key.asset_key == asset_key("booking_flow_results"):
        return run_again(key.name)
    return _COMMANDS.get(key.name, "prodtest verify")


def _text(metadata: Mapping[str, Any], name: str) -> str:
    value = metadata.get(name)
    return str(value.value) if value is not None and value.value is not None else ""
