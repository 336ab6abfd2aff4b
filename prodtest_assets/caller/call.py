"""What is left of a call when it is over."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID


class Ended(StrEnum):
    """How a call ended."""

    hung_up_by_application = "hung_up_by_application"
    caller_hung_up = "caller_hung_up"
    """As the persona wanted."""
    caller_gave_up = "caller_gave_up"
    """The caller did not know how to go on."""
    failed = "failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said.

    Attributes:
        speaker: who said it.
        text: the words, or the keys in the form `(keypad) 1`.
        at: when, timezone-aware.
        status: the HTTP status of the answer that carried it; None for the caller and for no answer.
        latency: seconds from the request to the last byte of that answer.
        redirects: the HTTP redirects on the way to it, each like `303 /who -> /day`.
    """

    speaker: Literal["application", "caller"]
    text: str
    at: datetime
    status: int | None = None
    latency: float | None = None
    redirects: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The turn as the ledger keeps it, in JSON's types; `redirects` only where there were some."""
        return {
            "speaker": self.speaker,
            "text": self.text,
            "at": self.at.isoformat(),
            "status": self.status,
            "latency": None if self.latency is None else round(self.latency, 4),
        } | ({"redirects": list(self.redirects)} if self.redirects else {})


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is over. Its `repr` names nobody, since test reports show it.

    Attributes:
        call_sid: the provider's id of the call.
        run_id: the run to which it belongs.
        persona: the key of the persona that called.
        number: the caller's number, E.164.
        name: the caller's name.
        requested_start: the appointment that was asked for in the end, timezone-aware; a caller who was never asked
            to agree to their first wish has not taken it back.
        duration_min: its length in minutes.
        turns: who said what, in order.
        ended: how the call ended.
        problem: one line on what went wrong or was odd; None when nothing was.
    """

    call_sid: str
    run_id: UUID
    persona: str
    number: str = field(repr=False)
    name: str = field(repr=False)
    requested_start: datetime
    duration_min: int
    turns: tuple[Turn, ...] = field(repr=False)
    ended: Ended
    problem: str | None = field(repr=False)

    @property
    def answering_seconds(self) -> float:
        """How long the application took to answer, all its answers together."""
        return sum(turn.latency or 0.0 for turn in self.turns)
