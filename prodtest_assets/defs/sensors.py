"""The sensor that asks for a cleanup when there is something to clean."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import dagster as dg

from prodtest_assets.defs.cleanup_config import CLEANUP_STALE_TEST_DATA, LIVE_JOBS
from prodtest_assets.defs.environment import starts_by_itself, target_tags
from prodtest_assets.defs.jobs import cleanup_stale_test_data
from prodtest_assets.defs.locations import is_of_this_location
from prodtest_assets.defs.resources import readable_database, retention, write_rules
from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.settings import Settings, load_settings
from prodtest_assets.testdata.cleanup.due import CleanupDue, cleanup_due, rest_after, unexplained
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.heartbeats import beat

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_INTERVAL_SECONDS = 60
_AFTER, _ATTEMPT = "prodtest/after", "prodtest/attempt"
_MOST_ATTEMPTS = 50


@dg.sensor(
    job=cleanup_stale_test_data,
    minimum_interval_seconds=_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING if starts_by_itself() else dg.DefaultSensorStatus.STOPPED,
    description="Requests a cleanup when rows may go and no cleanup is on its way.",
)
def stale_test_data_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One question to the database per tick, asked only when no cleanup is on its way."""
    try:
        settings = load_settings()
        with readable_database(settings) as database:
            permit = authorize_writes(database, write_rules(settings))
            answer = _answer(context, database, settings)
            # Last, so that a sensor which fails at every tick counts as dead.
            if database.has_schema:
                with suppress(ConfigurationError):  # an older schema knows no heartbeat; the cleanup renews it
                    beat(database, permit, "stale_test_data_sensor")
            return answer
    except (ConfigurationError, RefusedForSafety) as error:
        return dg.SkipReason(f"a cleanup would fail: {error}")


def _answer(
    context: dg.SensorEvaluationContext, database: Database, settings: Settings
) -> dg.RunRequest | dg.SkipReason:
    job = _on_its_way(context)
    if job:
        return dg.SkipReason(f"a run of {job} is on its way; it cleans")
    due = cleanup_due(database, retention(settings))
    if due.rows and (reason := unexplained(database)):
        return dg.SkipReason(f"{due.rows} rows may go, but {reason}")
    return decide(context, due)


def _on_its_way(context: dg.SensorEvaluationContext) -> str | None:
    """The job of an unfinished run that cleans this database, if there is one."""
    for job in sorted(LIVE_JOBS):
        runs = context.instance.get_runs(dg.RunsFilter(job_name=job, statuses=_UNFINISHED))
        if any(is_of_this_location(context, run) for run in runs):
            return job
    return None


def decide(context: dg.SensorEvaluationContext, due: CleanupDue) -> dg.RunRequest | dg.SkipReason:
    """The same key for the same attempt: whoever asks, and however often, it is made once."""
    if due.rows == 0:
        return dg.SkipReason("nothing may go: no test row is stale, no test user is orphaned")
    after = str(due.last_id or "no cleanup")
    attempts = _attempts(context, after)
    number = max((_number(attempt) for attempt in attempts), default=0) + 1
    failed = [attempt for attempt in attempts if not attempt.dagster_run.is_success]
    failures = due.fruitless + len(failed)
    ends = [_end_of(attempt) for attempt in failed] + ([due.last_ended] if due.fruitless and due.last_ended else [])
    if failures:
        again = max(ends) + rest_after(failures)
        if due.clock < again:
            return dg.SkipReason(
                f"{due.rows} rows may go, but {_how_it_ended(due, failed)}; the next attempt comes "
                f"after {again.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            )
    return dg.RunRequest(
        run_key=f"after {after}, attempt {number}",
        tags={_AFTER: after, _ATTEMPT: str(number), "prodtest/rows": str(due.rows)},
    )


def _attempts(context: dg.SensorEvaluationContext, after: str) -> Sequence[dg.RunRecord]:
    """The newest runs that were requested since the same cleanup, the newest first."""
    records = context.instance.get_run_records(
        dg.RunsFilter(job_name=CLEANUP_STALE_TEST_DATA, tags={_AFTER: after} | target_tags()), limit=_MOST_ATTEMPTS
    )
    return [record for record in records if is_of_this_location(context, record.dagster_run)]


def _number(attempt: dg.RunRecord) -> int:
    """Which attempt it was; there may be more of them than are looked at."""
    number = attempt.dagster_run.tags.get(_ATTEMPT, "")
    return int(number) if number.isdecimal() else 0


def _how_it_ended(due: CleanupDue, failed: Sequence[dg.RunRecord]) -> str:
    if failed:
        return f"the last {'run' if len(failed) == 1 else f'{len(failed)} runs'} failed before cleaning"
    if due.fruitless == 1:
        return f"the last cleanup ended {due.stop_reason}"
    return f"the last {due.fruitless} cleanups came to nothing and ended {due.stop_reason}"


def _end_of(attempt: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(attempt.end_time, UTC) if attempt.end_time else attempt.update_timestamp
