"""The calls of one run: placed through its ledger, and taken back."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from uuid import UUID

from prodtest_assets.calendar_events import remove_events_of
from prodtest_assets.caller import Call, OpenCall, Persona, Target, place_call
from prodtest_assets.caller.raw import RawCall, raw_call
from prodtest_assets.caller.script import CallerWishes
from prodtest_assets.errors import ProdtestError, Unreachable
from prodtest_assets.pytest_plugin.accuracy import compared
from prodtest_assets.pytest_plugin.deployment import Deployment
from prodtest_assets.pytest_plugin.endings import Endings
from prodtest_assets.schema import ensure_schema
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.ledger import RunLedger
from prodtest_assets.testdata.masking import masked
from prodtest_assets.testdata.offenders import pending_events
from prodtest_assets.what_to_hide import caller_names, secrets_of

_GRACE_SECONDS = 1.0
_POLL_SECONDS = 0.1
_MOST_EVENTS = 10_000
_BROKEN_OFF = frozenset({"open", "failed"})


class Notebook:
    """The run's ledger as one test sees it: it remembers which calls this test has opened.

    A call that is interrupted returns nothing, and yet may have left a row.
    """

    def __init__(self, ledger: RunLedger) -> None:
        self.opened: list[str] = []
        self._ledger = ledger

    @property
    def run_id(self) -> UUID:
        """The run to which the calls belong."""
        return self._ledger.run_id

    def open_call(
        self, *, persona: str, requested_start: datetime, number: str | None = None, name: str | None = None
    ) -> OpenCall:
        """As `RunLedger.open_call`."""
        opened = self._ledger.open_call(persona=persona, requested_start=requested_start, number=number, name=name)
        self.opened.append(opened.call_sid)
        return OpenCall(opened.call_sid, opened.number, opened.name)

    def close_call(self, call_sid: str, *, completed: bool, transcript: list[dict[str, object]]) -> None:
        """As `RunLedger.close_call`."""
        self._ledger.close_call(call_sid, completed=completed, transcript=transcript)


class Calls:
    """All calls of one run.

    Attributes:
        run_id: under which the ledger keeps them.
        notes: problems that do not make a test wrong, one line each; the terminal shows them in the end.
    """

    def __init__(self, run_id: UUID, deployment: Deployment) -> None:
        self.run_id = run_id
        self.notes: list[str] = []
        self._deployment = deployment
        self._resources = ExitStack()
        self._ledger: RunLedger | None = None
        self._removed: set[str] = set()
        self._has_been_answered = False
        self._silence: Unreachable | None = None

    @property
    def wishes(self) -> CallerWishes:
        """What the call script says about callers."""
        return self._deployment.target.script.caller

    def ledger(self) -> RunLedger:
        """The run's ledger, opened at its first use.

        Raises:
            RefusedForSafety: this database may not be written to.
            ConfigurationError, Unreachable: it does not open, or the application owes a migration.
        """
        if self._ledger is None:
            deployment, rules = self._deployment, self._deployment.rules
            with deployment.problem_remembered():
                url = deployment.database_url or ""
                with deployment.database() as database:
                    authorize_writes(database, rules)
                ensure_schema(url, deployment.reserved)
                self._ledger = self._resources.enter_context(
                    RunLedger(url, self.run_id, deployment.shown_target, rules, reserved=deployment.reserved)
                )
        return self._ledger

    @property
    def target(self) -> Target:
        """Whom the calls go to."""
        return self._deployment.target

    def place(self, persona: Persona, notebook: Notebook, target: Target | None = None) -> Call:
        """Place one call; several threads may do so at once.

        Args:
            persona: who calls.
            notebook: where the call is announced.
            target: whom to call in another way than configured, for instance unsigned.

        Raises:
            RefusedForSafety: it must not be placed; no request was sent.
            Unreachable: nothing listens at the target.
        """
        if self._silence is not None:
            raise self._silence
        try:
            call = place_call(persona, target or self.target, notebook, client=self._deployment.client)
        except Unreachable as error:
            # The ledger would wait a minute for the row of a first call that nobody has heard.
            self._silence = None if self._has_been_answered else error
            raise
        self._has_been_answered = True
        self._compare(call, persona)
        return call

    def _compare(self, call: Call, persona: Persona) -> None:
        """Keep in the ledger what was said beside what was stored, before the row is taken back."""
        ledger = self.ledger()
        stored = ledger.stored_booking(call.call_sid)
        if stored is None:
            return
        fields = compared(call, stored, self._deployment.settings.zone)
        # A caller who says something else first leaves it to the application what it takes for the name.
        odd = {"name"} if persona.habits.says_first else set()
        ledger.keep_comparison(call.call_sid, [each.as_json() for each in fields if each.field not in odd])

    def by_hand(self, persona: Persona, notebook: Notebook) -> AbstractContextManager[RawCall]:
        """A call whose requests the caller of this function makes.

        Raises:
            RefusedForSafety: it must not be placed.
        """
        return raw_call(persona, self.target, notebook, self._deployment.client)

    def remove(self, call_sid: str) -> int:
        """Archive and delete what a call left. Returns the number of rows removed.

        Raises:
            ProdtestError: its row is still there.
        """
        ledger = self.ledger()
        removed = ledger.remove_call(call_sid)
        if removed:
            self._removed.add(call_sid)
        if ledger.stored_booking(call_sid) is not None:
            raise ProdtestError(
                "the appointment of this test's call could not be removed, since it is held or other rows refer to it"
            )
        return removed

    def remove_events(self) -> None:
        """Delete the calendar events of the rows removed so far. What the API refuses stays for the next cleanup."""
        if not self._deployment.settings.calendar_enabled or self._ledger is None:
            return
        database = self._ledger.database
        pending = pending_events(database, limit=_MOST_EVENTS)
        rows = [row for row in pending if row["cleanup_id"] == self.run_id]
        if not rows:
            return
        try:
            problem = remove_events_of(database, self._deployment.calendar, rows).problem
        except ProdtestError as error:
            problem = str(error)
        if problem:
            self.notes.append(f"calendar events were left to the next cleanup: {problem}")

    def finish(self, outcome: str, endings: Endings) -> None:
        """Take back what came late, and close the run. Does nothing when no call was ever about to be placed.

        Args:
            outcome: `passed`, `failed` or `abandoned`.
            endings: how each test ended.

        Raises:
            ProdtestError: something could not be taken back, or the connection was lost.
        """
        if self._ledger is None:
            return
        with self._resources:
            try:
                if self._deployment.settings.auto_cleanup:
                    self._take_back_the_rest()
            finally:
                self._ledger.finish(
                    outcome,
                    passed=endings.count("passed"),
                    failed=endings.count("failed"),
                    skipped=endings.count("skipped"),
                    tests=list(endings.for_ledger(self._mask(self._ledger.database))),
                )

    def _mask(self, database: Database) -> Callable[[str], str]:
        secrets, names = secrets_of(self._deployment.settings), caller_names(database, [self.run_id])
        return lambda text: masked(text, secrets=secrets, names=names)

    def _take_back_the_rest(self) -> None:
        """An application may store a row after its caller has been cut off, and after the test has ended."""
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._take_back(self._rest()) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self.remove_events()

    def _rest(self) -> list[tuple[str, str]]:
        """Calls of this run of which nothing has been removed yet, each with its outcome."""
        rows = self.ledger().database.rows("calls_of_run", run_id=self.run_id)
        return [(row["call_sid"], row["outcome"]) for row in rows if row["call_sid"] not in self._removed]

    def _take_back(self, calls: Iterable[tuple[str, str]]) -> bool:
        """Whether a call is among `calls` that was broken off and whose row may still come."""
        ledger, is_open = self.ledger(), False
        for call_sid, outcome in calls:
            if outcome == "open":
                ledger.close_call(call_sid, completed=False, transcript=[])
            ledger.database.call("attribute_call", call_sid)
            try:
                is_open |= not self.remove(call_sid) and outcome in _BROKEN_OFF
            except ProdtestError as error:
                self.notes.append(str(error))
        return is_open
