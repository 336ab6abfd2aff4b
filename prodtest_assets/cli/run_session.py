"""One run of the suite from the command line: baseline, tests, cleanup, snapshot."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TextIO
from uuid import UUID, uuid4

from prodtest_assets.booking_flow.discovery import suite_folder
from prodtest_assets.booking_flow.process import PYTEST_WRONG_USAGE, start_suite, stop_suite
from prodtest_assets.calendar_events import EventRemoval, remove_events
from prodtest_assets.cli.access import booking_database, database_url, reserved_numbers, retention, write_rules
from prodtest_assets.cli.interruption import tidying_up
from prodtest_assets.cli.output import shown_url
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.schema import ensure_schema
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, Scope
from prodtest_assets.testdata.cleanup.settle import abandon_run
from prodtest_assets.testdata.connection import Database, masked_url
from prodtest_assets.testdata.guard import WritePermit, authorize_writes
from prodtest_assets.testdata.models import Snapshot
from prodtest_assets.testdata.report_models import CaseFacts
from prodtest_assets.testdata.runs import cases_of
from prodtest_assets.testdata.snapshot import store_snapshot, take_snapshot
from prodtest_assets.testdata.usage import Usage

_PATIENCE_SECONDS = 10.0
_TIDYING_UP = "cleaning up behind the run; once more ends that, and what is left then goes with the next cleanup"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to.

    Attributes:
        database: its URL, masked.
        before: taken before the first call.
        after: taken after the cleanup.
        cleanup: of what this run left; None where the settings say that it stays.
        tests: each of them, those first that did not pass; empty when the suite was cut off.
        interruption: Ctrl-C or SIGTERM, if one of them ended it.
    """

    run_id: UUID
    target: str
    database: str
    passed: int
    failed: int
    skipped: int
    tests: tuple[CaseFacts, ...]
    before: Snapshot
    after: Snapshot
    cleanup: CleanupReport | None
    events: EventRemoval
    interruption: KeyboardInterrupt | None

    @property
    def started_at(self) -> datetime:
        """By the database's clock."""
        return self.before.taken_at

    @property
    def finished_at(self) -> datetime:
        """By the database's clock."""
        return self.after.taken_at


class RunSession:
    """Leads one run.

    Args:
        settings: of the run; the suite's process gets what the command line changed in them.
        arguments: for pytest.
        output: where pytest's own output goes; None for stdout.
        announce: told what stands there before the first call.
    """

    def __init__(
        self,
        settings: Settings,
        arguments: Sequence[str],
        output: TextIO | None,
        *,
        announce: Callable[[Snapshot], None] | None = None,
    ) -> None:
        self._settings, self._arguments, self._output, self._announce = settings, arguments, output, announce
        self._run_id = uuid4()

    def lead(self) -> RunResult:
        """Run the suite and tidy up behind it, also when it is interrupted.

        Raises:
            RefusedForSafety: the database may not be written to.
            ConfigurationError, Unreachable: the run cannot start, or the connection was lost.
        """
        settings = self._settings
        suite = suite_folder(settings.suite)
        with booking_database(settings) as database:
            permit = authorize_writes(database, write_rules(settings))
        ensure_schema(database_url(settings), reserved_numbers(settings))
        with booking_database(settings) as database:
            before = self._snapshot(database, permit)
        if self._announce:
            self._announce(before)
        # The connection is not kept: a run may be longer than an idle connection lives.
        process = start_suite(
            suite,
            run_id=self._run_id,
            arguments=self._arguments,
            environment=self._environment(),
            stdout=self._output.fileno() if self._output else None,
        )
        interruption = _interruption_of(process)
        with tidying_up(_TIDYING_UP):
            code = stop_suite(process, _PATIENCE_SECONDS)
            if code == PYTEST_WRONG_USAGE and not interruption:
                raise ConfigurationError("pytest does not understand what it was asked to run: see its message above")
            with booking_database(settings) as database:
                return self._conclude(database, permit, before, interruption)

    def _conclude(
        self,
        database: Database,
        permit: WritePermit,
        before: Snapshot,
        interruption: KeyboardInterrupt | None,
    ) -> RunResult:
        abandon_run(database, permit, self._run_id)
        cleanup = self._clean_up(database, permit)
        events = remove_events(database, self._settings) if cleanup else EventRemoval()
        found: list[Mapping[str, Any]] = list(database.rows("run", run_id=self._run_id))
        counts: Mapping[str, Any] = found[0] if found else {"passed": 0, "failed": 0, "skipped": 0}
        return RunResult(
            run_id=self._run_id,
            target=shown_url(str(self._settings.test_url)),
            database=masked_url(database_url(self._settings)),
            passed=counts["passed"] or 0,
            failed=counts["failed"] or 0,
            skipped=counts["skipped"] or 0,
            tests=cases_of(counts.get("tests")),
            before=before,
            after=self._snapshot(database, permit),
            cleanup=cleanup,
            events=events,
            interruption=interruption,
        )

    def _clean_up(self, database: Database, permit: WritePermit) -> CleanupReport | None:
        if not self._settings.auto_cleanup:
            return None
        policy = Policy(
            retention=retention(self._settings, None),
            max_delete=self._settings.max_delete,
            keep_archive=timedelta(days=self._settings.archive_days),
        )
        return cleanup_now(database, permit, policy, scope=Scope.CALL, run_id=self._run_id)

    def _snapshot(self, database: Database, permit: WritePermit) -> Snapshot:
        snapshot = take_snapshot(
            database,
            retention=retention(self._settings, None),
            run_id=self._run_id,
            usage=Usage(max_delete=self._settings.max_delete),
        )
        store_snapshot(database, permit, snapshot)
        return snapshot

    def _environment(self) -> dict[str, str]:
        allowed = self._settings.allow_database
        return {
            "PRODUCTION_DB_URL": database_url(self._settings),
            **({"PRODTEST_ALLOW_DATABASE": allowed} if allowed else {}),
        }


def _interruption_of(process: "subprocess.Popen[bytes]") -> KeyboardInterrupt | None:
    """Wait for the suite: what interrupted the waiting, if anything did."""
    try:
        process.wait()
    except KeyboardInterrupt as interruption:
        return interruption
    return None
