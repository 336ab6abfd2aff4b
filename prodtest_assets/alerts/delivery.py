"""Hands over what the ledger holds, until every channel has taken it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from prodtest_assets.alerts.channels import Channel
from prodtest_assets.alerts.message import Text
from prodtest_assets.testdata.alert_ledger import AlertMessage, claim_message, note_delivered, note_refused
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit

_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many messages were taken, counted per channel, and what went wrong, without any secret."""

    sent: int
    problems: tuple[str, ...] = ()


def deliver(
    database: Database,
    permit: WritePermit,
    channels: Sequence[Channel],
    in_words: Callable[[AlertMessage], Text],
    *,
    now: datetime | None = None,
    seconds: float = _SECONDS,
) -> Delivery:
    """Send what waits, the oldest first, each channel by itself.

    A message belongs to one process while it is sent. When that process dies before the channel's answer was noted,
    the message is sent again under the same id.

    Args:
        database: where the messages stand.
        permit: proof that this database may be written to.
        channels: all that are configured.
        in_words: how a message reads.
        now: for tests; the database's clock by default.
        seconds: how long to go on; Dagster ends a sensor's tick after a minute.

    Raises:
        ProdtestError: the database was lost; what was claimed is sent again when the claim has run out.
    """
    names = [channel.name for channel in channels]
    deadline = time.monotonic() + seconds
    sent, problems = 0, []
    for channel in channels:
        while time.monotonic() < deadline and (message := claim_message(database, permit, channel.name, now=now)):
            problem = channel.send(in_words(message))
            if problem:
                note_refused(database, permit, message.id, channel.name, problem, now=now)
                problems.append(problem)
                break
            note_delivered(database, permit, message.id, channel.name, names, now=now)
            sent += 1
    return Delivery(sent, tuple(problems))
