"""Remove finished runs and their events from the storage that DAGSTER_HOME names: Dagster keeps them for ever.

    python forget_old_runs.py DAYS

What was materialized and which checks were red stays in the assets' history as long as its run does. Everything that
this project needs to clean up is in the booking database, and is not touched.
"""

import sys
from datetime import UTC, datetime, timedelta

import dagster as dg

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_AT_ONCE = 100


def main(days: float) -> None:
    """Remove the runs that were created more than `days` ago and are over."""
    old = dg.RunsFilter(statuses=_FINISHED, created_before=datetime.now(UTC) - timedelta(days=days))
    removed = 0
    with dg.DagsterInstance.get() as instance:
        while runs := instance.get_runs(old, limit=_AT_ONCE):
            for run in runs:
                instance.delete_run(run.run_id)
            removed += len(runs)
    sys.stdout.write(f"{removed} runs removed\n")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].replace(".", "", 1).isdigit():
        sys.exit("usage: python forget_old_runs.py DAYS")
    main(float(sys.argv[1]))
