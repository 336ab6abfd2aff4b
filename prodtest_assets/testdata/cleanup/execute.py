"""Clean up under the lease: plan, refuse or remove, expire what is too old to be restored."""

import time
from collections.abc import Callable
from uuid import UUID, uuid4

from prodtest_assets.errors import PlanDrifted, RefusedForSafety
from prodtest_assets.testdata.cleanup.archive import expire_archive
from prodtest_assets.testdata.cleanup.lease import LeaseTaken, actor, cleanup_lease
from prodtest_assets.testdata.cleanup.models import CleanupPlan, CleanupReport, Policy, Scope, StopReason
from prodtest_assets.testdata.cleanup.plan import load_plan, plan_cleanup
from prodtest_assets.testdata.cleanup.removal import OnProgress, Removal
from prodtest_assets.testdata.cleanup.settle import settle_dead_runs
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit


def cleanup_now(
    database: Database,
    permit: WritePermit,
    policy: Policy,
    *,
    scope: Scope = Scope.STALE,
    run_id: UUID | None = None,
    named: tuple[int, ...] = (),
    named_users: tuple[int, ...] = (),
    on_progress: OnProgress | None = None,
) -> CleanupReport:
    """Plan and execute at once. For the parameters see `plan_cleanup`.

    Raises:
        Unreachable: the connection was lost; what was committed stays archived, the next cleanup goes on.
    """

    def make_plan(holder: UUID | None) -> CleanupPlan:
        return plan_cleanup(
            database,
            policy,
            scope=scope,
            run_id=run_id,
            named=named,
            named_users=named_users,
            permit=permit,
            holder=holder,
        )

    return _under_lease(database, permit, policy, uuid4(), make_plan, on_progress)


def execute_plan(
    database: Database,
    permit: WritePermit,
    plan_id: UUID,
    policy: Policy,
    *,
    on_progress: OnProgress | None = None,
) -> CleanupReport:
    """Remove what a stored plan holds and what is still eligible.

    Args:
        permit: proof that this database may be written to.
        plan_id: of a plan that `plan_cleanup` stored.
        policy: the limits; the plan's own cutoff holds.
        on_progress: told after every batch.

    Raises:
        ConfigurationError: there is no such plan.
        PlanDrifted: rows are within reach now that the plan does not hold.
        Unreachable: the connection was lost.
    """
    plan = load_plan(database, plan_id)
    settle_dead_runs(database, permit, run_id=plan.run_id)

    def checked_plan(holder: UUID | None) -> CleanupPlan:
        if holder is None:
            return plan
        with database.transaction():
            drift = database.call("drift", plan_id)
        if drift:
            raise PlanDrifted(f"rows came within reach since the plan was made ({drift}): make a new plan")
        return plan

    return _under_lease(database, permit, policy, plan_id, checked_plan, on_progress)


def _under_lease(
    database: Database,
    permit: WritePermit,
    policy: Policy,
    plan_id: UUID,
    make_plan: Callable[[UUID | None], CleanupPlan],
    on_progress: OnProgress | None,
) -> CleanupReport:
    """Plan and remove while no other cleanup does.

    Args:
        plan_id: under which a refusal is noted that comes before there is a plan.
        make_plan: told who holds the lease; None when another cleanup does and the plan is only to be shown.
    """
    cleanup_id, started = uuid4(), time.monotonic()
    try:
        with cleanup_lease(database, cleanup_id, wait=policy.lease_wait):
            try:
                plan = make_plan(cleanup_id)
                plan_id = plan.id or plan_id
                if plan.total_in_all_tables > policy.max_delete and not policy.accept_partial and plan.limit is None:
                    return _unstarted(database, cleanup_id, plan, StopReason.REFUSED, started)
                if refusal := trigger_refusal(database, plan_id, policy):
                    raise RefusedForSafety(refusal)
                report = Removal(database, cleanup_id, plan, policy, started, on_progress).run()
            except RefusedForSafety:
                database.call("note_unstarted_cleanup", cleanup_id, plan_id, StopReason.REFUSED.value, actor())
                raise
            expire_archive(database, permit, cleanup_id, keep_for=policy.keep_archive)
            return report
    except LeaseTaken:
        return _unstarted(database, cleanup_id, make_plan(None), StopReason.LOCKED, started)


def trigger_refusal(database: Database, plan_id: UUID | None, policy: Policy) -> str | None:
    """Why triggers or rules forbid to execute a plan; None when they do not.

    A trigger or rule of the application could change other rows when a test row is marked or goes.

    Args:
        plan_id: of a stored plan; None for one that is only shown, of which no row is marked.
        policy: names those that a person knows to be harmless.
    """
    allowed = list(policy.allow_triggers)
    if plan_id is None:
        found: object = [row["name"] for row in database.rows("triggers_on_delete", allowed=allowed)]
    else:
        found = database.call("triggers_in_the_way", plan_id, allowed)
    if not found or not isinstance(found, list):
        return None
    return (
        f"the tables have triggers or rules that would run ({', '.join(found)}): read them, and give "
        f"--allow-trigger {found[0]} if it touches no other rows"
    )


def _unstarted(
    database: Database, cleanup_id: UUID, plan: CleanupPlan, reason: StopReason, started: float
) -> CleanupReport:
    """A cleanup that ended before it took a row."""
    database.call("note_unstarted_cleanup", cleanup_id, plan.id, reason.value, actor())
    return CleanupReport(
        id=cleanup_id,
        plan=plan,
        stop_reason=reason,
        deleted={},
        adopted=0,
        missed=0,
        eligible_left=plan.total,
        proof=None,
        seconds=time.monotonic() - started,
    )
