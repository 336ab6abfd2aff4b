"""What was found failing, and what has been told about it.

Everything is recorded before it is sent. A cause fails from one instant to another, whoever looks and however often,
so that two daemons that see the same events tell them once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from prodtest_assets.testdata.connection import Database, masked_url
from prodtest_assets.testdata.guard import WritePermit


@dataclass(frozen=True, slots=True)
class Finding:
    """What one event says about one cause.

    Attributes:
        cause: what fails or does not, by a name that stays the same: `check booking/users:no_orphaned_test_users`.
        at: when the event happened; an older one than the last that was taken in counts for nothing.
        failed: false when all is well (again).
        details: what a person should read, masked; see `alerts.message`.
    """

    cause: str
    at: datetime
    failed: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """One cause within a message, failing since `since`."""

    cause: str
    since: datetime
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """What is told at once.

    Attributes:
        id: stays the same however often it is sent.
        target: the database it is about, masked.
        kind: `failing`, `reminder` or `recovered`.
        run_id: the run in which it was found; None for a reminder, whose causes name theirs.
        recorded_at: when it was written down.
        attempts: how often one channel has been asked to take it, this time included.
    """

    id: str
    target: str
    kind: str
    run_id: str | None
    recorded_at: datetime
    alerts: tuple[Told, ...]
    attempts: int = 1


def place_of(url: str, name: str | None = None) -> str:
    """Which database this is, in words: `host:port/database`, which tells targets apart, without user and password.

    Args:
        url: of the database.
        name: what people call the target, if they have given it a name; it then comes first.
    """
    place = masked_url(url).partition("://")[2].rpartition("@")[2]
    return f"{name} ({place})" if name else place


def record_findings(
    database: Database,
    permit: WritePermit,
    target: str,
    findings: Iterable[Finding],
    *,
    run_id: str | None = None,
    now: datetime | None = None,
) -> Mapping[str, str]:
    """Take in what was found in one run. What is known already changes nothing.

    Args:
        permit: proof that this database may be written to.
        target: the database in words, masked.
        findings: in any order.
        run_id: where they were found; all of it goes into one message of each kind.
        now: for tests; the database's clock by default.

    Returns:
        The ids of the new messages, by their kind.
    """
    run = {"run": run_id} if run_id else {}
    told = [
        {"cause": found.cause, "at": found.at.isoformat(), "failed": found.failed, "details": {**found.details, **run}}
        for found in findings
    ]
    if not told:
        return {}
    messages = database.call("record_findings", target, run_id, Jsonb(told), now)
    return messages if isinstance(messages, dict) else {}


def record_reminders(database: Database, permit: WritePermit, target: str, *, now: datetime | None = None) -> int:
    """Write one message about everything that still fails a day after it was last told.

    Returns:
        How many causes it is about; 0 when there is nothing to remind of.
    """
    return int(str(database.call("record_reminders", target, now)))


def due_for_reminder(database: Database, now: datetime) -> dict[str, Mapping[str, Any]]:
    """The causes that fail and were last told a day ago or longer, with their details."""
    return {row["cause"]: row["details"] for row in database.rows("due_for_reminder", now=now)}


def claim_message(
    database: Database, permit: WritePermit, channel: str, *, now: datetime | None = None
) -> AlertMessage | None:
    """The message to send next through `channel`, for two minutes nobody else's.

    Returns:
        None when there is none, when another process is at it, or when it is too early for another attempt.
    """
    claimed = database.call("claim_message", channel, now)
    if not isinstance(claimed, dict):
        return None
    return AlertMessage(
        id=claimed["id"],
        target=claimed["target"],
        kind=claimed["kind"],
        run_id=claimed["run_id"],
        recorded_at=datetime.fromisoformat(claimed["recorded_at"]),
        attempts=claimed["attempts"],
        alerts=tuple(
            Told(alert["cause"], datetime.fromisoformat(alert["since"]), alert["details"])
            for alert in claimed["alerts"]
        ),
    )


def note_delivered(
    database: Database,
    permit: WritePermit,
    message_id: str,
    channel: str,
    channels: Sequence[str],
    *,
    now: datetime | None = None,
) -> None:
    """The channel has taken the message, which is sent once all of `channels` have."""
    database.call("note_delivered", message_id, channel, list(channels), now)


def note_refused(
    database: Database,
    permit: WritePermit,
    message_id: str,
    channel: str,
    problem: str,
    *,
    now: datetime | None = None,
) -> None:
    """The channel has not taken the message: another attempt follows, later each time, after 5 minutes at most."""
    database.call("note_refused", message_id, channel, problem, now)
