"""What may go, and what must stay for which reason."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.cleanup.lease import actor
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit
from prodtest_assets.testdata.models import CleanupPlan, Policy, Scope

VERDICTS: Mapping[Scope, tuple[str, ...]] = {
    Scope.STALE: ("stale", "call"),
    Scope.CALL: ("call",),
    Scope.NAMED: ("named",),
}


def plan_cleanup(
    database: Database,
    policy: Policy,
    *,
    scope: Scope = Scope.STALE,
    run_id: UUID | None = None,
    named: Sequence[int] = (),
    named_users: Sequence[int] = (),
    permit: WritePermit | None = None,
) -> CleanupPlan:
    """Find the rows that a cleanup may take.

    Args:
        database: with or without schema `prodtest`.
        policy: retention and limits.
        scope: what may be taken.
        run_id: the run that asks; what its own calls left is in reach.
        named: ids of appointments given by a person, for scope `named`.
        named_users: ids of users given by a person, for scope `named`.
        permit: with it the plan is stored and gets an id; without it nothing is written.

    Raises:
        ConfigurationError: the application's tables lack a migration, or a plan with a permit has no schema
            `prodtest` to be stored in.
    """
    question = {
        "cutoff": None,
        "retention": policy.retention,
        "run_id": run_id,
        "named": list(named),
        "named_users": list(named_users),
    }
    with database.transaction():
        cutoff = database.row("cutoff", **question)["cutoff"]
        if permit is None:
            counts = database.rows("judged_counts", scopes=list(VERDICTS[scope]), **question)
            return _unstored(scope, cutoff, run_id, counts, policy)
        plan_id = uuid4()
        limit = policy.max_delete if policy.accept_partial else None
        ids = (list(named), list(named_users))
        database.call("make_plan", plan_id, scope.value, cutoff, run_id, *ids, limit, policy.batch_size, actor())
        return load_plan(database, plan_id)


def load_plan(database: Database, plan_id: UUID) -> CleanupPlan:
    """A stored plan. Raises `ConfigurationError` when there is none with that id."""
    found = database.rows("plan", plan_id=plan_id) if database.has_schema else []
    if not found:
        raise ConfigurationError(f"no plan {plan_id}: make one with `prodtest cleanup`")
    row: Mapping[str, Any] = found[0]
    return CleanupPlan(
        id=plan_id,
        scope=Scope(row["scope"]),
        cutoff=row["cutoff"],
        run_id=row["run_id"],
        rows=row["counts"],
        kept=row["kept"],
        truncated=row["in_reach"] - sum(row["counts"].values()),
        effects=row["effects"],
    )


def _unstored(
    scope: Scope, cutoff: datetime, run_id: UUID | None, counts: Sequence[Mapping[str, Any]], policy: Policy
) -> CleanupPlan:
    rows: dict[str, int] = defaultdict(int)
    kept: dict[str, dict[str, int]] = defaultdict(dict)
    for entry in counts:
        if entry["verdict"] in VERDICTS[scope]:
            rows[entry["table_name"]] += entry["count"]
        else:
            kept[entry["table_name"]][entry["verdict"]] = entry["count"]
    excess = max(sum(rows.values()) - policy.max_delete, 0) if policy.accept_partial else 0
    return CleanupPlan(None, scope, cutoff, run_id, dict(rows), dict(kept), truncated=excess)
