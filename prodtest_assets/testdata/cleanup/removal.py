"""The execution of one plan: batch by batch, each in a transaction that archives what it deletes."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from prodtest_assets.errors import ProdtestError
from prodtest_assets.testdata.cleanup.lease import actor
from prodtest_assets.testdata.cleanup.models import CleanupPlan, CleanupReport, Policy, StopReason
from prodtest_assets.testdata.cleanup.pace import LONGEST_REST_SECONDS, Pace
from prodtest_assets.testdata.cleanup.storage import storage_change, table_sizes
from prodtest_assets.testdata.connection import Database
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
    """How far a cleanup is: rows removed, rows planned, seconds since its first batch began."""

    removed: int
    planned: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows in a second."""
        return self.removed / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        left = f", {(self.planned - self.removed) / self.rate:,.0f} s left" if self.rate else ""
        return f"{self.removed:,} of {self.planned:,} rows removed, {self.rate:,.0f} rows/s{left}"


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Removal:
    """One execution of one plan, under the lease."""

    database: Database
    cleanup_id: UUID
    plan: CleanupPlan
    policy: Policy
    started: float
    on_progress: OnProgress | None
    removed: int = 0
    began: float = 0.0
    pace: Pace = field(default_factory=Pace)

    def run(self) -> CleanupReport:
        """Remove, prove, and leave a stop reason behind whatever happens.

        Raises:
            RefusedForSafety: the lease was lost, or the archive does not guard these tables.
            Unreachable: the connection was lost.
        """
        self.database.call("open_cleanup", self.cleanup_id, self.plan.id, actor())
        try:
            return self._run()
        except BaseException:
            self._note_failure()
            raise

    def _run(self) -> CleanupReport:
        sample = sample_customers(self.database)
        sizes = table_sizes(self.database)
        self.began = time.monotonic()
        finished = self._remove_all_batches()
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
                self._let_others_pass(row["transactions"], seconds)
                self._report_progress()
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
            self.on_progress(Progress(self.removed, self.plan.total, time.monotonic() - self.began))

    def _note_failure(self) -> None:
        """Leave a stop reason behind; a connection that is gone leaves it to the next cleanup."""
        if not self.database.connection.broken:
            self.database.call("finish_cleanup", self.cleanup_id, StopReason.FAILED.value, None, None, None)
