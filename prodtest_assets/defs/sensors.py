"""The sensor that asks for a cleanup when there is something to clean."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from prodtest_assets.defs.cleanup_config import LIVE_JOBS
from prodtest_assets.defs.environment import starts_by_itself
from prodtest_assets.defs.jobs import cleanup_stale_test_data
from prodtest_assets.defs.resources import readable_database, retention, write_rules
from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.settings import load_settings
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.models import Policy

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_INTERVAL_SECONDS = 60
_REST = timedelta(minutes=10)
_CAME_TO_NOTHING = frozenset({"held", "locked", "failed", "refused"})


@dg.sensor(
    job=cleanup_stale_test_data,
    minimum_interval_seconds=_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING if starts_by_itself() else dg.DefaultSensorStatus.STOPPED,
    description="Requests a cleanup when rows may go and no cleanup is on its way.",
)
def stale_test_data_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One question to the database per tick, asked only when no cleanup is on its way."""
    for job in sorted(LIVE_JOBS):
        if context.instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=_UNFINISHED)):
            return dg.SkipReason(f"a run of {job} is on its way; it cleans")
    try:
        return _request()
    except (ConfigurationError, RefusedForSafety) as error:
        return dg.SkipReason(f"a cleanup would fail: {error}")


def _request() -> dg.RunRequest | dg.SkipReason:
    settings = load_settings()
    with readable_database(settings) as database:
        authorize_writes(database, write_rules(settings))
        plan = plan_cleanup(database, Policy(retention=retention(settings)))
        last = _last_cleanup(database)
    if plan.total == 0:
        return dg.SkipReason("nothing may go: no test row is stale, no test user is orphaned")
    now = plan.cutoff + retention(settings)
    if last and last["stop_reason"] in _CAME_TO_NOTHING and now - last["finished_at"] < _REST:
        return dg.SkipReason(
            f"{plan.total} rows may go, but the last cleanup ended {last['stop_reason']} less than "
            f"{_REST.seconds // 60} minutes ago"
        )
    return dg.RunRequest(run_key=_run_key(last, now), tags={"prodtest/rows": str(plan.total)})


def _run_key(last: Mapping[str, Any] | None, now: datetime) -> str:
    """One request after each cleanup; a request that led to none is repeated in the next hour."""
    return f"after {last['id'] if last else 'no cleanup'}, {now:%Y-%m-%dT%H}"


def _last_cleanup(database: Database) -> Mapping[str, Any] | None:
    rows = database.rows("latest_cleanup") if database.has_schema else []
    return rows[0] if rows else None
