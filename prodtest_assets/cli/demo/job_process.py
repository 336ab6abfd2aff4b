"""Runs the main job through Dagster and tells its parent what happens, one JSON object a line.

Started by `job.py` with the parent's id, the file descriptor to report to and the run's id. The environment
comes on stdin, once there is a world to work in.
"""

import importlib
import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prodtest_assets.lifetime import die_with_parent

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry, JobDefinition

JOB = "booking_flow_and_cleanup"
# What the definitions import, so that it is there when they are wanted.
_HEAVY = ("dagster", "dagster_postgres", "psycopg", "pandas", "matplotlib.figure")


def main(parent: int, report_to: int, run_id: UUID) -> None:
    """Prepare, wait for the environment, run the job."""
    die_with_parent(parent)
    for module in _HEAVY:
        importlib.import_module(module)
    told = sys.stdin.read()
    if not told:
        return  # the parent gave up
    environment: dict[str, str] = json.loads(told)
    os.environ.clear()
    os.environ.update(environment)
    # No setting may come from somebody's `.env`, which is looked for in the current directory.
    os.chdir(environment["DAGSTER_HOME"])
    _Reporter(report_to).run(run_id)


class _Reporter:
    """Runs the job and tells of its events.

    Args:
        report_to: a file descriptor.
    """

    def __init__(self, report_to: int) -> None:
        self._report_to = report_to

    def run(self, run_id: UUID) -> None:
        """Run the job in this process, with Dagster's storage as `DAGSTER_HOME` says."""
        from dagster import DagsterInstance

        from prodtest_assets.definitions import defs

        job = defs.resolve_job_def(JOB)
        self._tell(declared=_declared_checks(job))
        with DagsterInstance.get() as instance:
            _close_dead_runs(instance)
            instance.add_event_listener(str(run_id), self._tell_of)
            result = job.execute_in_process(instance=instance, run_id=str(run_id), raise_on_error=False)
        self._tell(succeeded=result.success)

    def _tell_of(self, entry: "EventLogEntry") -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.is_step_start:
            self._tell(step=event.step_key, state="started")
        elif event.is_step_failure:
            self._tell(step=event.step_key, state="failed")
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            evaluation = event.asset_check_evaluation_data
            self._tell(
                check=evaluation.check_name,
                asset=evaluation.asset_key.to_user_string(),
                passed=evaluation.passed,
                severity=evaluation.severity.value,
                outcome=_metadata(evaluation.metadata, "outcome"),
                description=evaluation.description,
            )

    def _tell(self, **message: object) -> None:
        os.write(self._report_to, json.dumps(message, default=str).encode() + b"\n")


def _metadata(metadata: Mapping[str, Any], name: str) -> object:
    return metadata[name].value if name in metadata else None


def _declared_checks(job: "JobDefinition") -> list[str]:
    return sorted(key.name for key in job.asset_layer.asset_graph.asset_check_keys)


def _close_dead_runs(instance: "DagsterInstance") -> None:
    """No other demonstration is at work, so that a run which seems to be was killed."""
    from dagster import DagsterRunStatus, RunsFilter

    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING])):
        instance.report_run_failed(run, "its process was killed")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), UUID(sys.argv[3]))
