"""The ledger of test calls: a row before each call, proof of what the call left after it.

A `RunLedger` leads one run: it opens it, beats its heart, writes its calls and closes it. It is what
`place_call` demands, and calls may be placed from several threads.
"""

import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from prodtest_assets.errors import CanaryMissing, NumberTaken, ProdtestError, RunClosed
from prodtest_assets.testdata.connection import Database, open_database
from prodtest_assets.testdata.guard import WriteRules, authorize_writes
from prodtest_assets.testdata.identity import ReservedNumbers, draw_name, draw_number
from prodtest_assets.testdata.models import StoredBooking

HEARTBEAT_SECONDS = 5.0
_CANARY_SECONDS = 60.0
_ROW_SECONDS = 3.0
_POLL_SECONDS = 0.05
_DRAWS = 50
_NAMES_AT_ONCE = 200
_MOST_DRAWS = 100_000
_CANARY_AWAITED = "PT005"


@dataclass(frozen=True, slots=True)
class OpenedCall:
    """A call that stands in the ledger and may be placed: its id, and who calls."""

    call_sid: str
    number: str
    name: str


class RunLedger:
    """Leads one run of test calls. Use it as a context manager.

    Args:
        url: the booking database; two connections are opened, one of them for the heartbeat.
        run_id: a fresh id.
        target: the application under test, as people should read it (no secrets).
        rules: what the person who runs this has said about writing.
        reserved: the numbers that belong to tests.
        rng: draws numbers and names.

    Raises:
        RefusedForSafety: this database may not be written to.
        ConfigurationError, Unreachable: as `open_database`.
    """

    def __init__(
        self,
        url: str,
        run_id: UUID,
        target: str,
        rules: WriteRules,
        *,
        reserved: ReservedNumbers | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.run_id = run_id
        self._url, self._target, self._rules, self._reserved = url, target, rules, reserved
        self._rng = rng or random.SystemRandom()
        self._resources = ExitStack()
        self._ended = threading.Event()
        self._canary: str | None = None
        self._drawn: set[str] = set()
        self._free_names: list[str] = []
        self._drawing = threading.Lock()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self.database = opening.enter_context(open_database(self._url, reserved=self._reserved))
            pulse = opening.enter_context(open_database(self._url, reserved=self._reserved))
            self.permit = authorize_writes(self.database, self._rules)
            self.database.call("open_run", self.run_id, self._target)
            heart = threading.Thread(target=self._beat, args=(pulse,), name="heartbeat", daemon=True)
            heart.start()
            opening.callback(heart.join)
            opening.callback(self._ended.set)
            self._resources = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if not self.database.connection.broken:
                self.finish("abandoned")

    def finish(
        self,
        outcome: str,
        *,
        passed: int = 0,
        failed: int = 0,
        skipped: int = 0,
        tests: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """Close the run; a run that is closed already stays as it is.

        Args:
            outcome: `passed`, `failed` or `abandoned`.
            passed, failed, skipped: how many tests ended so.
            tests: `file`, `test`, `outcome`, `seconds` and `reason` of each, masked.
        """
        self._ended.set()
        self.database.call("finish_run", self.run_id, outcome, passed, failed, skipped, Jsonb(list(tests)))

    def open_call(
        self, *, persona: str, requested_start: datetime, number: str | None = None, name: str | None = None
    ) -> OpenedCall:
        """Write a call into the ledger, before it is placed.

        Args:
            persona: which kind of caller, for people to read.
            requested_start: what will be asked for, timezone-aware.
            number: the caller's number in E.164 form; drawn from the reserved ones if None.
            name: the caller's name; drawn if None.

        Raises:
            NumberTaken: somebody else holds the given number or name.
            CanaryMissing: the first call of the run left no row in this database.
            RunClosed: the run is over.
            RefusedForSafety: the given number is not reserved for tests.
        """
        for _ in range(_DRAWS):
            opened = OpenedCall(f"CA{uuid4().hex}", number or self._draw_number(), name or self._draw_name())
            try:
                self._open_when_canary_is_home(opened, persona, requested_start)
            except NumberTaken:
                if number and name:
                    raise
                continue
            self._canary = self._canary or opened.call_sid
            return opened
        raise NumberTaken(f"{_DRAWS} numbers and names in a row are taken: clean up, or reserve more numbers")

    def _draw_number(self) -> str:
        """A number that this run has not used: no two of its callers are the same person."""
        with self._drawing:
            for _ in range(_MOST_DRAWS):
                drawn = draw_number(self._rng)
                if drawn not in self._drawn:
                    self._drawn.add(drawn)
                    return drawn
        raise NumberTaken("this run has used up the numbers that it may draw: split it into several")

    def _draw_name(self) -> str:
        """A name that neither this run nor a user has. Users are asked for many names at once, since it takes long."""
        with self._drawing:
            for _ in range(_DRAWS):
                if self._free_names:
                    return self._free_names.pop()
                drawn = {draw_name(self._rng) for _ in range(_NAMES_AT_ONCE)} - self._drawn
                self._drawn |= drawn
                offered = self.database.call("offer_names", self.run_id, sorted(drawn))
                self._free_names = list(offered) if isinstance(offered, list) else []
        raise NumberTaken("this run has used up the names that it may draw: split it into several")

    def _open_when_canary_is_home(self, opened: OpenedCall, persona: str, requested_start: datetime) -> None:
        while True:
            if self._ended.is_set():
                raise RunClosed
            try:
                self.database.call(
                    "open_call",
                    opened.call_sid,
                    self.run_id,
                    persona,
                    opened.number,
                    opened.name,
                    requested_start,
                )
            except CanaryMissing as error:
                if getattr(error.__cause__, "sqlstate", None) != _CANARY_AWAITED:
                    raise
                if self._canary:
                    self.database.call("attribute_call", self._canary)
                time.sleep(_POLL_SECONDS * 4)
            else:
                return

    def close_call(self, call_sid: str, *, completed: bool, transcript: list[dict[str, object]]) -> None:
        """Note how a call ended and look for what it left.

        Args:
            call_sid: the call's id.
            completed: whether the application ended the conversation itself. Then its row is waited for: 3 s,
                and 60 s for the first call of a run.
            transcript: who said what, in JSON types.
        """
        self.database.call("close_call", call_sid, "refused" if completed else "failed", Jsonb(transcript))
        closed = time.monotonic()
        while completed and not self.database.call("attribute_call", call_sid):
            waited = time.monotonic() - closed
            if waited > _ROW_SECONDS and (call_sid != self._canary or self._left_something(call_sid)):
                return
            if waited > _CANARY_SECONDS or self._ended.is_set():
                return
            time.sleep(_POLL_SECONDS)

    def _left_something(self, call_sid: str) -> bool:
        return self.call_state(call_sid)["user_id"] is not None

    def call_state(self, call_sid: str) -> dict[str, Any]:
        """What the ledger says of a call: outcome, user_id, appointment_id, marked_by_app, proof, closed_at."""
        return self.database.row("call_state", call_sid=call_sid)

    def stored_booking(self, call_sid: str) -> StoredBooking | None:
        """What the database holds for a call; None when no row is provably its."""
        rows = self.database.rows("stored_booking", call_sid=call_sid)
        return StoredBooking(**rows[0]) if rows else None

    def keep_comparison(self, call_sid: str, fields: Sequence[Mapping[str, object]]) -> None:
        """Keep what was said beside what was stored. It is kept once, and only of a call whose row was found.

        Args:
            call_sid: the call's id.
            fields: `field`, `said`, `stored` and `equal` of each; names and numbers masked.
        """
        self.database.call("compare_call", call_sid, Jsonb(list(fields)))

    def remove_call(self, call_sid: str) -> int:
        """Archive and delete what a closed call left. Returns the number of rows removed."""
        with self.database.transaction(lock_timeout="10s"):
            removed = self.database.call("remove_call", call_sid)
        return removed if isinstance(removed, int) else 0

    def _beat(self, pulse: Database) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            try:
                alive = pulse.call("beat", self.run_id)
            except ProdtestError:
                alive = False
            if not alive:
                self._ended.set()
