"""The one cause that the ledger cannot hold: the booking database, in which it stands, does not answer.

What has been told about it is kept in the cursor of the sensor that noticed, until the ledger can take it in.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prodtest_assets.alerts.channels import Channel
from prodtest_assets.alerts.message import compose
from prodtest_assets.testdata.alert_ledger import AlertMessage, Finding, Told, note_delivered, record_findings
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit

_CAUSE = "database"
_DAY = timedelta(days=1)
_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which nothing could be recorded.

    Attributes:
        since: when it was noticed.
        reason: in one sentence, without any secret.
        after: when the outage before it ended, as the ledger knew it; None for the first.
        told_at: when channels were first told, or last reminded; None while it may pass before anybody need know.
        told: the names of the channels that have taken the last message about it.
        knows: the names of those that have taken any.
        reminders: how many days it has lasted.
    """

    since: datetime
    reason: str
    after: datetime | None = None
    told_at: datetime | None = None
    told: tuple[str, ...] = ()
    knows: tuple[str, ...] = ()
    reminders: int = 0

    @classmethod
    def begun(cls, reason: str, now: datetime, after: datetime | None = None) -> "Outage":
        """An outage that nobody has been told of."""
        return cls(since=now, reason=reason, after=after)

    def to_json(self) -> dict[str, Any]:
        """In plain JSON types."""
        times = {"since": self.since, "after": self.after, "told_at": self.told_at}
        return asdict(self) | {name: time.isoformat() if time else None for name, time in times.items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Outage":
        """What `to_json` gave."""
        names = ("since", "after", "told_at")
        times = {name: datetime.fromisoformat(stored[name]) for name in names if stored.get(name)}
        return cls(**stored | times | {name: tuple(stored[name]) for name in ("told", "knows")})

    @property
    def name(self) -> str:
        """The same for every process that notices it: each knows which outage was the last before it, and no more."""
        if self.after:
            return f"after {self.after.astimezone(UTC)}"
        return f"the first, on {self.since.astimezone(UTC):%Y-%m-%d}"

    @property
    def details(self) -> dict[str, Any]:
        """What a person should read about it."""
        return {"what": "the booking database", "said": self.reason, "do": "prodtest preflight"}


def tell(
    outage: Outage, target: str, channels: Sequence[Channel], now: datetime, *, seconds: float = _SECONDS
) -> Outage:
    """Tell each channel that does not know it yet, and all of them again after a day.

    Args:
        outage: as it was left at the last tick.
        target: the database in words.
        channels: all that are configured.
        now: timezone-aware.
        seconds: how long to go on; who was not told by then is told at the next tick.

    Returns:
        The outage with what is told by now; to be kept.
    """
    told_at = outage.told_at or now
    outage = replace(outage, told_at=told_at)
    if now - told_at >= _DAY:
        outage = replace(outage, told=(), told_at=now, reminders=outage.reminders + 1)
    kind = "reminder" if outage.reminders else "failing"
    # The same outage has the same id, whichever process tells it.
    message = AlertMessage(
        id=str(uuid5(NAMESPACE_URL, f"{target} {outage.name} {outage.reminders}")),
        target=target,
        kind=kind,
        run_id=None,
        recorded_at=now,
        alerts=(Told(_CAUSE, outage.since.astimezone(UTC), outage.details),),
    )
    deadline = time.monotonic() + seconds
    for channel in channels:
        if channel.name in outage.told or time.monotonic() >= deadline:
            continue
        if channel.send(compose(message)) is None:
            knows = tuple(dict.fromkeys((*outage.knows, channel.name)))
            outage = replace(outage, told=(*outage.told, channel.name), knows=knows)
    return outage


def last_outage(database: Database) -> datetime | None:
    """When the last outage that was told was over, by the ledger; None before the first."""
    found = database.rows("cause_judged_at", cause=_CAUSE)
    return found[0]["judged_at"] if found else None


def close(
    outage: Outage,
    database: Database,
    permit: WritePermit,
    target: str,
    channels: Sequence[Channel],
    now: datetime,
    *,
    clock: datetime | None = None,
) -> None:
    """Hand the outage over to the ledger: who was told hears of its end, and who was not hears of both.

    Done at once or not at all, and twice it changes nothing, so that a process may die at any moment. One that passed
    before anybody need know leaves no trace.

    Args:
        now: when the database answered again.
        clock: for tests; the database's own by default.
    """
    if outage.told_at is None:
        return
    findings = [
        Finding(_CAUSE, outage.since, failed=True, details=outage.details),
        Finding(_CAUSE, now, failed=False, details={"what": outage.details["what"], "said": "it answers again"}),
    ]
    names = [channel.name for channel in channels]
    with database.transaction():
        messages = record_findings(database, permit, target, findings, now=clock)
        for name in outage.knows if "failing" in messages else ():
            note_delivered(database, permit, messages["failing"], name, names, now=clock)
