"""What a cleanup is asked, what it plans and what it reports. Times are timezone-aware, sizes are bytes."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """What a cleanup may take. Every scope but `named` also takes what calls of a dead run left."""

    STALE = "stale"
    CALL = "call"
    NAMED = "named"


class StopReason(StrEnum):
    """Why a cleanup ended."""

    DRAINED = "drained"
    MAX_DELETE = "max_delete"
    MAX_RUNTIME = "max_runtime"
    HELD = "held"
    LOCKED = "locked"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be cleaned.

    Attributes:
        retention: how long a test row may live, counted by the database's clock.
        max_delete: rows in all tables; a plan that needs more is refused.
        accept_partial: a person gave `max_delete` for this run: the oldest rows go, the rest stays.
        batch_size: rows in one transaction.
        max_runtime: how long one cleanup may take.
        lease_wait: how long to wait for another cleanup.
        allow_triggers: triggers and rules of the application that a person knows to be harmless.
        keep_archive: how long removed rows can be restored; each cleanup removes what is older.
        active_only: cancelled test rows stay, and so do their users.
    """

    retention: timedelta = timedelta(hours=24)
    max_delete: int = 10_000
    accept_partial: bool = False
    batch_size: int = 2_000
    max_runtime: timedelta = timedelta(hours=1)
    lease_wait: timedelta = timedelta(seconds=60)
    allow_triggers: tuple[str, ...] = ()
    keep_archive: timedelta = timedelta(days=7)
    active_only: bool = False


@dataclass(frozen=True, slots=True)
class BlockedRow:
    """A row that cannot go, and the row of which table refers to it by which foreign key."""

    table: str
    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """Which rows may go.

    Attributes:
        id: under which the plan is stored; None when it is only shown.
        rows: per table, how many rows go.
        kept: per table, how many rows stay for which verdict.
        truncated: rows in reach that `max_delete` left out.
        effects: rows of other tables that refer to these, per table and per what their foreign key would do;
            None for a table that this role may not read.
        limit: rows that a person gave as the most; the plan holds no more.
        along: per table, how many of these are provably a test's and go along; None where the plan is not stored.
        sample: some ids for each verdict in `kept`, per table.
        blocked: some of the rows that other tables keep.
        adopts: rows of test calls that the application did not mark and that go, and some of their ids.
    """

    id: UUID | None
    scope: Scope
    cutoff: datetime
    run_id: UUID | None
    rows: Mapping[str, int]
    kept: Mapping[str, Mapping[str, int]]
    truncated: int = 0
    effects: Mapping[str, int | None] = field(default_factory=dict)
    limit: int | None = None
    along: Mapping[str, int] | None = None
    sample: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    blocked: tuple[BlockedRow, ...] = ()
    adopts: tuple[int, tuple[int, ...]] = (0, ())

    @property
    def total(self) -> int:
        """Rows that go because the plan holds them."""
        return sum(self.rows.values())

    @property
    def total_in_all_tables(self) -> int:
        """These, and the rows of other tables that go along."""
        return self.total + sum((self.along or {}).values())


@dataclass(frozen=True, slots=True)
class CustomerProof:
    """What a sample of customers' rows says about a cleanup.

    Attributes:
        changed_by_us: rows that a transaction of the cleanup wrote last, or that it removed. Must be zero.
        changed_by_others: rows that somebody else changed meanwhile.
        unarchived: removed rows that are not in the archive. Must be zero.
        changed_rows: the first rows changed by us, as `table:id`.
        is_measured: false where there are customers and the sample met none of them.
    """

    sampled: int
    unchanged: int
    changed_by_others: int
    changed_by_us: int
    unarchived: int = 0
    changed_rows: tuple[str, ...] = ()
    is_measured: bool = True

    @property
    def holds(self) -> bool:
        return self.changed_by_us == 0 and self.unarchived == 0


@dataclass(frozen=True, slots=True)
class StorageChange:
    """What a cleanup did to the storage, in bytes. A table that loses rows does not shrink.

    Attributes:
        removed_bytes: what the removed rows took themselves.
        reusable_bytes: what dead rows take now, about, which new rows can use after a vacuum; None where the server
            keeps no statistics.
        returned_bytes: what the tables gave back to the disk.
        vacuum_due: tables with more dead rows than autovacuum puts up with, by their qualified names.
    """

    removed_bytes: int
    reusable_bytes: int | None
    returned_bytes: int
    vacuum_due: tuple[str, ...] = ()

    @property
    def recommendation(self) -> str | None:
        """The command that is due, to be pasted; None while there is none."""
        if not self.vacuum_due:
            return None
        tables = " ".join(f"--table={shlex.quote(table)}" for table in self.vacuum_due)
        return f'vacuumdb --analyze {tables} --dbname="$PRODUCTION_DB_URL"'


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """What a cleanup did.

    Attributes:
        id: None for a dry run.
        deleted: rows per table, each of which is in the archive.
        adopted: unmarked rows that were marked, since a call provably made them.
        missed: planned rows that were not there any more or not eligible any more.
        eligible_left: rows that could go and are still there.
        storage: None when no row was looked for.
    """

    id: UUID | None
    plan: CleanupPlan
    stop_reason: StopReason
    deleted: Mapping[str, int]
    adopted: int
    missed: int
    eligible_left: int
    proof: CustomerProof | None
    seconds: float
    storage: StorageChange | None = None

    @property
    def is_dry_run(self) -> bool:
        return self.id is None

    @property
    def total(self) -> int:
        return sum(self.deleted.values())

    @property
    def is_failure(self) -> bool:
        """A run that deletes nothing while rows could go has failed; so has one that broke a promise."""
        if self.stop_reason is StopReason.FAILED or (self.proof is not None and not self.proof.holds):
            return True
        return not self.is_dry_run and self.total == 0 and self.eligible_left > 0
