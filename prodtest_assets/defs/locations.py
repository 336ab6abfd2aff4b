"""Several targets may share one Dagster: each sensor looks at the runs of its own code location alone."""

import dagster as dg
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from prodtest_assets.defs.environment import TARGET_TAG, target


def location_label(context: dg.SensorEvaluationContext) -> str | None:
    """The label that Dagster gives the runs of this sensor's code location; None outside of a daemon."""
    if not context.repository_name or not context.code_location_origin:
        return None
    return f"{context.repository_name}@{context.code_location_origin.location_name}"


def is_of_this_location(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Whether a run belongs to this sensor's code location. One that was started by hand may belong to any.

    The jobs of a target say its name. Other runs are known by the location that Dagster started them from.
    """
    named = run.tags.get(TARGET_TAG)
    if named is not None:
        return named == target()
    own = location_label(context)
    if own is None:
        return True
    label = run.remote_job_origin.repository_origin.get_label() if run.remote_job_origin else None
    return (label or run.tags.get(REPOSITORY_LABEL_TAG) or own) == own
