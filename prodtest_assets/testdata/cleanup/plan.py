"""What may go, and what must stay for which reason."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.cleanup.lease import actor
from prodtest_assets.testdata.cleanup.models import BlockedRow, CleanupPlan, Policy, Scope
from prodtest_assets.testdata.cleanup.settle import settle_dead_runs
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit

VERDICTS: Mapping[Scope, tuple[str, ...]] = {
    Scope.STALE: ("stale", "call"),
    Scope.CALL: ("call",),
    Scope.NAMED: ("named",),
}

_NAMED = 20  # rows of which the ids are shown


def plan_cleanup(
    database: Database,
    policy: Policy,
    *,
    scope: Scope = Scope.STALE,
    run_id: UUID | None = None,
    named: Sequence[int] = (),
    named_users: Sequence[int] = (),
    permit: WritePermit | None = None,
    holder: UUID | None = None,
) -> CleanupPlan:
    """Find the rows that a cleanup may take.

    Args:
        database: with or without schema `prodtest`.
        policy: retention, limits, and whether cancelled rows stay; a stored plan remembers that.
        scope: what may be taken.
        run_id: the run that asks; what its own calls left is in reach.
        named: ids of appointments given by a person, for scope `named`.
        named_users: ids of users given by a person, for scope `named`.
        permit: with it dead runs are settled, and the plan is stored and gets an id; without it nothing is written.
        holder: the cleanup that has the lease and keeps it while this goes on, if any.

    Raises:
        ConfigurationError: the application's tables lack a migration, or a plan with a permit has no schema
            `prodtest` to be stored in.
    """
    question: dict[str, object] = {
        "cutoff": None,
        "retention": policy.retention,
        "run_id": run_id,
        "named": list(named),
        "named_users": list(named_users),
        "active_only": policy.active_only,
    }
    if permit:
        settle_dead_runs(database, permit, run_id=run_id)
    with database.transaction():
        cutoff = database.row("cutoff", **question)["cutoff"]
        if permit is None:
            scopes = list(VERDICTS[scope])
            effects, blocked = _foreseen(database, scopes, question)
            question |= {
                "blocked": [row.id for row in blocked if row.table == "appointments"],
                "blocked_users": [row.id for row in blocked if row.table == "users"],
            }
            counts = database.rows("judged_counts", scopes=scopes, **question)
            return replace(_unstored(scope, cutoff, run_id, counts, effects, policy), blocked=tuple(blocked[:_NAMED]))
    limit = policy.max_delete if policy.accept_partial else None
    ids = (list(named), list(named_users))
    question_stored = (scope.value, cutoff, run_id, *ids, limit, policy.batch_size, actor(), policy.active_only)
    return _stored(database, holder, *question_stored)


def _stored(database: Database, holder: UUID | None, *question: object) -> CleanupPlan:
    """Store a plan part by part, each in a transaction of its own. Until the last one it cannot be executed."""
    plan_id = uuid4()
    with database.transaction():
        parts = database.call("open_plan", plan_id, *question)
    for place in range(1, parts + 1 if isinstance(parts, int) else 1):
        with database.transaction():
            if holder:
                database.call("hold_lease", holder)
            database.call("fill_plan", plan_id, place)
    with database.transaction():
        database.call("close_plan", plan_id)
    return load_plan(database, plan_id)


def load_plan(database: Database, plan_id: UUID) -> CleanupPlan:
    """A stored plan. Raises `ConfigurationError` when there is none with that id."""
    found = database.rows("plan", plan_id=plan_id) if database.has_schema else []
    if not found:
        raise ConfigurationError(f"no plan {plan_id}: make one with `prodtest cleanup`")
    row: Mapping[str, Any] = found[0]
    adopts = database.rows("plan_adopts", plan_id=plan_id, limit=_NAMED)
    return CleanupPlan(
        id=plan_id,
        scope=Scope(row["scope"]),
        cutoff=row["cutoff"],
        run_id=row["run_id"],
        rows=row["counts"],
        kept=row["kept"],
        truncated=row["in_reach"] - sum(row["counts"].values()),
        effects=row["effects"],
        limit=row["row_limit"],
        along=row["along"],
        sample=row["sample"],
        blocked=tuple(
            BlockedRow(entry["table_name"], entry["id"], entry["reason"])
            for entry in database.rows("plan_blocked", plan_id=plan_id, limit=_NAMED)
        ),
        adopts=(adopts[0]["total"] if adopts else 0, tuple(entry["id"] for entry in adopts)),
    )


def _unstored(
    scope: Scope,
    cutoff: datetime,
    run_id: UUID | None,
    counts: Sequence[Mapping[str, Any]],
    effects: Mapping[str, int | None],
    policy: Policy,
) -> CleanupPlan:
    in_reach: dict[str, int] = defaultdict(int)
    kept: dict[str, dict[str, int]] = defaultdict(dict)
    sample: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for entry in counts:
        if entry["verdict"] in VERDICTS[scope]:
            in_reach[entry["table_name"]] += entry["count"]
        else:
            kept[entry["table_name"]][entry["verdict"]] = entry["count"]
            sample[entry["table_name"]][entry["verdict"]] = entry["sample"]
    room = policy.max_delete if policy.accept_partial else sum(in_reach.values())
    rows: dict[str, int] = {}
    for table in sorted(in_reach):  # as a stored plan does it: appointments first, then users
        rows[table] = min(in_reach[table], room - sum(rows.values()))
    return CleanupPlan(
        id=None,
        scope=scope,
        cutoff=cutoff,
        run_id=run_id,
        rows={table: count for table, count in rows.items() if count},
        kept=dict(kept),
        truncated=sum(in_reach.values()) - sum(rows.values()),
        effects=effects,
        sample=dict(sample),
    )


def _foreseen(
    database: Database, scopes: list[str], question: Mapping[str, object]
) -> tuple[dict[str, int | None], list[BlockedRow]]:
    """The effects of a plan that is not stored, and what cannot go because of rows that refer to it directly.

    Asked without functions of ours, which may not stand here.
    """
    effects: dict[str, int | None] = {}
    blocked: dict[tuple[str, int], str] = {}
    for key in database.rows("foreseen_effects", scopes=scopes, **question):
        found = database.made(key["statement"])[0] if key["statement"] else None
        if found is None:
            effects[key["effect"]] = None
        elif found["rows"]:  # a table may have several foreign keys
            effects[key["effect"]] = (effects.get(key["effect"]) or 0) + found["rows"]
            if key["keeps"]:
                blocked |= {(key["parent"], parent): key["reason"] for parent in found["parents"]}
    return effects, [BlockedRow(table, row, reason) for (table, row), reason in sorted(blocked.items())]
