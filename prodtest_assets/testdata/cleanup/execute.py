"""Remove what a plan holds: in small transactions, each of which archives what it deletes."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from prodtest_assets.errors import PlanDrifted, ProdtestError, RefusedForSafety
from prodtest_assets.testdata.cleanup.archive import expire_archive
from prodtest_assets.testdata.cleanup.lease import LeaseTaken, actor, cleanup_lease
from prodtest_assets.testdata.cleanup.pace import LONGEST_REST_SECONDS, Pace
from prodtest_assets.testdata.cleanup.plan import load_plan, plan_cleanup
from prodtest_assets.testdata.cleanup.settle import settle_dead_runs
from prodtest_assets.testdata.cleanup.storage import storage_change, table_sizes
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit
from prodtest_assets.testdata.models import CleanupPlan, CleanupReport, Policy, Scope, StopReason
from prodtest_assets.testdata.proof import prove_untouched, sample_customers

_STATEMENT_TIMEOUT = "60s"
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.05
_RETRIED = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a cleanup is: rows removed, rows planned, seconds since it began."""

    removed: int
    planned: int
    seconds: float


OnProgress = Callable[[Progress], None]


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
                _refuse_triggers(database, plan_id, policy)
                report = _Removal(database, cleanup_id, plan, policy, started, on_progress).run()
            except RefusedForSafety:
                database.call("note_unstarted_cleanup", cleanup_id, plan_id, StopReason.REFUSED.value, actor())
                raise
            expire_archive(database, permit, cleanup_id, keep_for=policy.keep_archive)
            return report
    except LeaseTaken:
        return _unstarted(database, cleanup_id, make_plan(None), StopReason.LOCKED, started)


def _refuse_triggers(database: Database, plan_id: UUID, policy: Policy) -> None:
    """A trigger or rule of the application could change other rows when a test row is marked or goes."""
    found = database.call("triggers_in_the_way", plan_id, list(policy.allow_triggers))
    if found and isinstance(found, list):
        raise RefusedForSafety(
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


@dataclass(slots=True)
class _Removal:
    """One execution of one plan, under the lease."""

    database: Database
    cleanup_id: UUID
    plan: CleanupPlan
    policy: Policy
    started: float
    on_progress: OnProgress | None
    removed: int = 0
    pace: Pace = field(default_factory=Pace)

    def run(self) -> CleanupReport:
        self.database.call("open_cleanup", self.cleanup_id, self.plan.id, actor())
        sample = sample_customers(self.database)
        sizes = table_sizes(self.database)
        try:
            finished = self._remove_all_batches()
        except BaseException:
            self._note_failure()
            raise
        self.database.call("hold_lease", self.cleanup_id)
        left, oldest = self._left_over()
        reason = self._stop_reason(finished, left)
        proof = prove_untouched(self.database, sample, self.cleanup_id)
        done = self.database.row("cleanup_run", cleanup_id=self.cleanup_id)
        storage = storage_change(self.database, sizes, done["removed_bytes"])
        facts = (Jsonb(asdict(proof)), Jsonb(asdict(storage)), oldest)
        self.database.call("finish_cleanup", self.cleanup_id, reason.value, *facts)
        return CleanupReport(
            id=self.cleanup_id,
            plan=self.plan,
            stop_reason=reason,
            deleted=done["deleted"],
            adopted=self.database.row("adopted_count", cleanup_id=self.cleanup_id)["count"],
            missed=self.plan.total - self.removed,
            eligible_left=left,
            proof=proof,
            seconds=time.monotonic() - self.started,
            storage=storage,
        )

    def _left_over(self) -> tuple[int, str | None]:
        """How many rows could still go, and since when the oldest of them counts its age.

        Asked only when rows are left: the cutoff stands, so a plan that went as a whole leaves none.
        """
        if self.removed == self.plan.total and not self.plan.truncated:
            return 0, None
        with self.database.transaction():
            left = self.database.call("reachable", self.plan.id)
        return (left["rows"], left["oldest"]) if isinstance(left, dict) else (0, None)

    def _remove_all_batches(self) -> bool:
        """Whether there was time for all of them. What is locked is passed by first and waited for last."""
        batches = self.database.rows("plan_batches", plan_id=self.plan.id)
        users = [batch for batch in batches if batch["table_name"].endswith("users")]
        children = [batch for batch in batches if batch not in users]
        return self._remove(children) and self._remove(users)

    def _remove(self, batches: list[Any]) -> bool:
        short = []
        for batch in batches:
            if self._is_out_of_time():
                return False
            if self._remove_batch(batch, wait=False) < batch["rows"]:
                short.append(batch)
        for batch in short:
            if self._is_out_of_time():
                return False
            self._remove_batch(batch, wait=True)
        return not (short and self._is_out_of_time())

    def _remove_batch(self, batch: Any, *, wait: bool) -> int:
        """Remove a batch in steps of as many rows as the pace allows; the number of rows that went."""
        removed, first = 0, 1
        while first <= batch["rows"] and not self._is_out_of_time():
            rows = self.pace.rows_of_a_step(batch["rows"])
            removed += self._remove_step(batch["place"], first, rows, wait=wait)
            first += rows
        return removed

    def _remove_step(self, place: int, first: int, rows: int, *, wait: bool) -> int:
        for attempt in range(1, _ATTEMPTS + 1):
            started = time.monotonic()
            try:
                row = self._remove_once(place, first, rows, wait=wait)
            except ProdtestError as error:
                if not isinstance(error.__cause__, _RETRIED):
                    raise
                if attempt == _ATTEMPTS:
                    return 0
                time.sleep(0.1 * attempt)
                self.database.call("hold_lease", self.cleanup_id)  # what the batch did to it was rolled back
            else:
                seconds = time.monotonic() - started
                self.removed += row["removed"]
                self._report_progress()
                self._let_others_pass(row["transactions"], seconds)
                return int(row["removed"])
        return 0

    def _remove_once(self, place: int, first: int, rows: int, *, wait: bool) -> Any:
        with self.database.transaction(statement_timeout=_STATEMENT_TIMEOUT):
            return self.database.row(
                "remove_batch", cleanup_id=self.cleanup_id, place=place, wait=wait, first=first, rows=rows
            )

    def _let_others_pass(self, transactions_before: int, seconds: float) -> None:
        """Rest beside an application that writes, and while sessions of it wait for locks, whoever holds them."""
        others = self.database.row("blocked_backends")
        self.pace.rest(others["transactions"] - transactions_before - 1, seconds)
        deadline = time.monotonic() + LONGEST_REST_SECONDS
        while others["count"] and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            others = self.database.row("blocked_backends")

    def _is_out_of_time(self) -> bool:
        return timedelta(seconds=time.monotonic() - self.started) > self.policy.max_runtime

    def _stop_reason(self, finished: bool, left: int) -> StopReason:
        if not finished:
            return StopReason.MAX_RUNTIME
        if left == 0:
            return StopReason.DRAINED
        return StopReason.MAX_DELETE if self.plan.truncated else StopReason.HELD

    def _report_progress(self) -> None:
        if self.on_progress:
            self.on_progress(Progress(self.removed, self.plan.total, time.monotonic() - self.started))

    def _note_failure(self) -> None:
        """Leave a stop reason behind; a connection that is gone leaves it to the next cleanup."""
        if not self.database.connection.broken:
            self.database.call("finish_cleanup", self.cleanup_id, StopReason.FAILED.value, None, None, None)
