"""What a person may say about a cleanup in the launchpad, and what it means. A wrong value ends the run in one line."""

import math
from datetime import timedelta
from uuid import UUID

import dagster as dg
from pydantic import Field

from prodtest_assets.defs.resources import retention
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.cleanup.models import Policy

BOOKING_FLOW_AND_CLEANUP = "booking_flow_and_cleanup"
CLEANUP_STALE_TEST_DATA = "cleanup_stale_test_data"
LIVE_JOBS = frozenset({BOOKING_FLOW_AND_CLEANUP, CLEANUP_STALE_TEST_DATA})
_MOST_HOURS = 24 * 366 * 10
_MOST_ROWS = 2**31 - 1


class CleanupConfig(dg.Config):
    """How to clean. Left alone, it cleans in the jobs that exist for it, and everywhere else shows what would go.

    The limits are not pydantic's: Dagster would show its errors as a stack trace.
    """

    plan_id: str | None = Field(
        None,
        description="The stored plan to execute, as a dry run shows it. It makes this run delete; rows that came "
        "within reach since then stop it. A plan says already which rows go: leave the two limits out.",
    )
    dry_run: bool | None = Field(
        None,
        description="True: only show what would go, also in a job that cleans. False is refused where neither the "
        "job nor a plan says that this run deletes.",
    )
    older_than_hours: float | None = Field(
        None,
        description="Rows older than this are stale, 0 or more; TEST_DATA_RETENTION_HOURS if left out.",
    )
    max_delete: int | None = Field(
        None,
        description="Remove this many of the oldest rows, 0 or more, and leave the rest. If left out, a plan that "
        "needs more than PRODTEST_MAX_DELETE rows is refused whole.",
    )
    allow_triggers: list[str] = Field(
        [],
        description="Triggers and rules of the application, by name, that a person has read and that touch no other "
        "rows when a test row goes. A cleanup that meets any other is refused.",
    )

    def is_live(self, job: dg.JobDefinition) -> bool:
        """Whether this run deletes: a stored plan says so, or a job that exists for it and is run whole.

        Args:
            job: as the run executes it, with whatever a person has selected of it.

        Raises:
            dagster.Failure: it is told to delete where nothing says what.
        """
        if self.dry_run:
            return False
        live = self.plan_id is not None or (job.name in LIVE_JOBS and _is_whole(job))
        if self.dry_run is False and not live:
            raise wrong(
                "a materialization of its own deletes only what a plan holds: run it as it is, then again "
                f"with the plan_id that it shows, or start the job {CLEANUP_STALE_TEST_DATA}"
            )
        return live

    def plan(self) -> UUID | None:
        """The plan to execute. Raises `dagster.Failure` where it is not an id."""
        if self.plan_id is None:
            return None
        try:
            return UUID(self.plan_id)
        except ValueError as error:
            raise wrong(f"plan_id: {self.plan_id!r} is not the id of a plan") from error

    def policy(self, settings: Settings) -> Policy:
        """What may be cleaned; what is left out comes from the settings.

        Raises:
            dagster.Failure: a value is out of bounds, or contradicts the plan.
        """
        hours, limit = self.older_than_hours, self.max_delete
        if self.plan_id is not None and (hours is not None or limit is not None):
            raise wrong("plan_id says already which rows go: leave out older_than_hours and max_delete")
        if hours is not None and not (math.isfinite(hours) and 0 <= hours <= _MOST_HOURS):
            raise wrong(f"older_than_hours: {hours:g} is not between 0 and {_MOST_HOURS}")
        if limit is not None and not 0 <= limit <= _MOST_ROWS:
            raise wrong(f"max_delete: {limit} is not between 0 and {_MOST_ROWS}")
        return Policy(
            retention=retention(settings) if hours is None else timedelta(hours=hours),
            max_delete=settings.max_delete if limit is None else limit,
            accept_partial=limit is not None,
            allow_triggers=tuple(self.allow_triggers),
            keep_archive=timedelta(days=settings.archive_days),
        )


def _is_whole(job: dg.JobDefinition) -> bool:
    """Whether all assets of a job are run: on its page in the web UI, each of them can be materialized alone."""
    selected = job.asset_selection_data
    return selected is None or selected.asset_selection >= selected.parent_job_def.asset_layer.selected_asset_keys


def wrong(sentence: str) -> dg.Failure:
    """The end of a run whose configuration cannot be followed; trying again would not help."""
    return dg.Failure(description=sentence, allow_retries=False)
