"""What a call needs from the book in which every call is written before it is placed."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that stands in the ledger and may now be placed.

    Attributes:
        call_sid: the provider's id of the call, `CA` and 32 hexadecimal digits.
        number: the caller's number in E.164, from a range reserved for tests.
        name: the caller's name, letters and spaces only.
    """

    call_sid: str
    number: str = field(repr=False)
    name: str = field(repr=False)


class AnnouncedCall(Protocol):
    """What a ledger tells of a call it has opened; `OpenCall` is one."""

    @property
    def call_sid(self) -> str: ...

    @property
    def number(self) -> str: ...

    @property
    def name(self) -> str: ...


class Ledger(Protocol):
    """Where calls are announced and closed. No call is placed without one."""

    @property
    def run_id(self) -> UUID:
        """The run to which the calls belong."""

    def open_call(
        self, *, persona: str, requested_start: datetime, number: str | None = None, name: str | None = None
    ) -> AnnouncedCall:
        """Write down a call before its first request.

        Args:
            persona: the key of the persona that calls.
            requested_start: the time the caller will ask for, timezone-aware.
            number: the number the caller wants, E.164; None lets the ledger draw one.
            name: the name the caller wants; None lets the ledger draw one.

        Returns:
            The call's id, and the number and the name that the caller must use.

        Raises:
            RefusedForSafety: the call must not be placed.
        """

    def close_call(self, call_sid: str, *, completed: bool, transcript: list[dict[str, object]]) -> None:
        """Write down how a call ended; called exactly once for each opened call.

        Args:
            call_sid: as returned by `open_call`.
            completed: the application led the call to its end, and the caller had a say in it.
            transcript: one JSON object for each turn.
        """
