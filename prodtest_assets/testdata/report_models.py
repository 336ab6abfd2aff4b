"""What a report tells: runs, calls, removals and the past, with nothing in it that must not leave the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prodtest_assets.testdata.models import Snapshot


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """One test of a run, or one of its parameters.

    Attributes:
        file: where it stands, without folders.
        test: its name, with its class and its parameter.
        outcome: passed, failed or skipped.
        seconds: how long it took.
        reason: why it did not pass, masked and short; empty when it did.
    """

    file: str
    test: str
    outcome: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run of the booking flow.

    Attributes:
        passed, failed, skipped: tests that ended so.
        calls: how many were placed, and `booked` how many of them left a row.
        outcome: open, passed, failed or abandoned.
        tests: each of them, those first that did not pass; empty while the run is open and when it was cut off.
    """

    id: UUID
    target: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    passed: int
    failed: int
    skipped: int
    calls: int
    booked: int
    tests: tuple[CaseFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One field of a booking as it was said and as it was stored, masked."""

    field: str
    said: str
    stored: str
    equal: bool


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """Something that was said in a call, masked.

    Attributes:
        status: the HTTP status of the answer that carried it; None for the caller.
        latency: seconds until that answer; None for the caller.
    """

    speaker: str
    text: str
    status: int | None
    latency: float | None


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call.

    Attributes:
        caller: name and number, masked.
        outcome: booked, refused, failed or abandoned.
        fields: what was said against what was stored; empty where nothing was compared.
        transcript: only of a call that left no row, or another one than was said.
    """

    call_sid: str
    run_id: UUID
    persona: str
    caller: str
    outcome: str
    opened_at: datetime
    fields: tuple[FieldFacts, ...]
    transcript: tuple[TurnFacts, ...]

    @property
    def differs(self) -> bool:
        """Whether something was stored other than it was said."""
        return not all(field.equal for field in self.fields)


@dataclass(frozen=True, slots=True)
class CleanupFacts:
    """One removal of rows.

    Attributes:
        is_by_tests: tests took back what their own calls had left.
        deleted: rows per table.
        archived: rows that can still come back.
        removed_bytes: what the removed rows took themselves.
        returned_bytes: what the tables gave back to the disk; None where nobody measured it.
        stop_reason: None while it is at work, or when it was killed.
    """

    id: UUID
    is_by_tests: bool
    started_at: datetime
    finished_at: datetime | None
    stop_reason: str | None
    deleted: Mapping[str, int]
    actor: str
    removed_bytes: int
    returned_bytes: int | None
    archived: int


@dataclass(frozen=True, slots=True)
class VolumePoint:
    """How many test rows a stored snapshot counted, and how many of them were stale."""

    taken_at: datetime
    total: int
    stale: int


@dataclass(frozen=True, slots=True)
class CheckState:
    """What a check would have said of one stored snapshot."""

    taken_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class CheckHistory:
    """One check over time, the oldest state first and the present one last."""

    name: str
    what: str
    do: str
    states: tuple[CheckState, ...]

    @property
    def now(self) -> CheckState:
        """Its present state."""
        return self.states[-1]


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """Everything a report shows.

    Attributes:
        before: the last stored snapshot from before the last removal of rows; None when there is none.
        runs, calls, cleanups: the latest, newest first.
        calls_left_out: calls of these runs, but not of the latest, that are not among `calls`.
        volumes: all stored snapshots, the oldest first.
    """

    snapshot: Snapshot
    before: Snapshot | None
    runs: tuple[RunFacts, ...]
    calls: tuple[CallFacts, ...]
    calls_left_out: int
    cleanups: tuple[CleanupFacts, ...]
    volumes: tuple[VolumePoint, ...]
    checks: tuple[CheckHistory, ...]
