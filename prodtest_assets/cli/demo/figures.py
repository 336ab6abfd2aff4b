"""What was there before a demonstration, what it removed, and what is left: asked from the database itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prodtest_assets.cli.demo.job import JobOutcome, Message
from prodtest_assets.cli.demo.world import World
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, Scope
from prodtest_assets.testdata.cleanup.settle import abandon_run, settle_dead_runs
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import WriteRules, authorize_writes
from prodtest_assets.testdata.models import Snapshot
from prodtest_assets.testdata.proof import Fingerprints, customer_fingerprints, rows_changed
from prodtest_assets.testdata.snapshot import take_snapshot

_RETENTION = timedelta(hours=24)
_RULES = WriteRules(test_mode=True)
FLOW_ASSET = "booking_flow_results"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What a demonstration came to.

    Attributes:
        cleanup: the last cleanup's row: `id`, `deleted`, `stop_reason`; None when the job made none.
        archived: rows that this cleanup has put into the archive, per table.
        customer_rows: how many rows of customers were compared.
        customer_rows_changed: must be zero.
    """

    outcome: JobOutcome
    before: Snapshot
    after: Snapshot
    cleanup: Mapping[str, Any] | None
    archived: Mapping[str, int]
    customer_rows: int
    customer_rows_changed: int

    @property
    def is_green(self) -> bool:
        """Whether the run is green, every check has passed, nothing is left and no customer's row has changed."""
        objections = [name for name, check in self.outcome.checks.items() if verdict(check) is False]
        return (
            self.outcome.succeeded
            and not any(self.objects(name) for name in objections)
            and self.after.residue.total == 0
            and self.customer_rows_changed == 0
        )

    def objects(self, name: str) -> bool:
        """Whether the check `name` failed and counts as an error, not as a warning."""
        check = self.outcome.checks[name]
        return check is not None and verdict(check) is False and check["severity"] == "ERROR"

    @property
    def tests(self) -> dict[str, int]:
        """How many tests passed, failed and were skipped."""
        tests = [check for check in self.outcome.checks.values() if check and check["asset"] == FLOW_ASSET]
        passed = sum(verdict(test) is True for test in tests)
        skipped = sum(test["outcome"] == "skipped" for test in tests)
        return {"passed": passed, "failed": len(tests) - passed - skipped, "skipped": skipped}

    def deleted(self, table: str) -> int:
        """How many rows of `table` the cleanup deleted."""
        return int(self.cleanup["deleted"].get(table, 0)) if self.cleanup else 0

    def document(self) -> dict[str, object]:
        """The result in the documented JSON form."""
        residue = self.after.residue
        return {
            "booking_flow": self.tests,
            "checks": {name: verdict(check) for name, check in sorted(self.outcome.checks.items())},
            "cleanup": {
                "deleted_appointments": self.deleted("appointments"),
                "deleted_users": self.deleted("users"),
                "stop_reason": self.cleanup["stop_reason"] if self.cleanup else None,
            },
            "residue": {
                "stale": residue.stale,
                "orphaned": residue.orphaned,
                "unmarked": residue.unmarked,
                "from_this_run": residue.from_this_run,
                "total": residue.total,
            },
            "customer_rows_changed": self.customer_rows_changed,
        }


def verdict(check: Message | None) -> bool | None:
    """Whether a check passed; None for a test that was skipped and for a check without a result."""
    if check is None or check["outcome"] == "skipped":
        return None
    return bool(check["passed"])


class Figures:
    """The figures of one demonstration.

    Args:
        world: whose database is asked.
    """

    def __init__(self, world: World) -> None:
        self._url = world.database_url
        self.before: Snapshot
        self.customers: Fingerprints

    def take_before(self) -> None:
        """Count and fingerprint everything. What a demonstration that was killed has left is settled first."""
        with open_database(self._url) as database:
            settle_dead_runs(database, authorize_writes(database, _RULES))
            self.before = take_snapshot(database, retention=_RETENTION)
            self.customers = customer_fingerprints(database)
            self._last_cleanup = _latest_cleanup_id(database.rows("latest_cleanup"))

    def tidy_up(self, run_id: UUID) -> None:
        """Remove what a run has left whose process died."""
        with open_database(self._url) as database:
            permit = authorize_writes(database, _RULES)
            abandon_run(database, permit, run_id)
            cleanup_now(database, permit, Policy(retention=_RETENTION), scope=Scope.CALL, run_id=run_id)

    def conclude(self, outcome: JobOutcome) -> DemoResult:
        """Count again, and compare every customer's row with what it was."""
        with open_database(self._url) as database:
            latest = database.rows("latest_cleanup")
            cleanup = latest[0] if _latest_cleanup_id(latest) != self._last_cleanup else None
            archived = database.rows("archived_counts", cleanup_id=cleanup["id"]) if cleanup else []
            return DemoResult(
                outcome=outcome,
                before=self.before,
                after=take_snapshot(database, retention=_RETENTION, run_id=outcome.run_id),
                cleanup=cleanup,
                archived={row["table_name"]: row["count"] for row in archived},
                customer_rows=len(self.customers),
                customer_rows_changed=rows_changed(database, self.customers),
            )


def _latest_cleanup_id(rows: list[dict[str, Any]]) -> UUID | None:
    return rows[0]["id"] if rows else None
