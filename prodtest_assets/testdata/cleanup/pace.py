"""How fast a cleanup goes: as fast as it can alone, in small steps with rests beside an application that writes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_REST_SECONDS = 2.0
_GENTLE_ROWS = 200
_RESTS_PER_STEP = 3.0
_REMEMBERED_SECONDS = 10.0


@dataclass(slots=True)
class Pace:
    """The size of the next step, and the rest after it.

    A booking that commits while a step does waits for both to reach the disk. ADR 10 says what was measured.

    Attributes:
        clock: seconds, monotonic.
        sleep: waits for so many seconds.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _gentle_until: float = float("-inf")

    def rows_of_a_step(self, batch: int) -> int:
        """How many of the `batch` rows of a batch go in the next transaction."""
        return min(batch, _GENTLE_ROWS) if self._is_gentle() else batch

    def rest(self, others: int, seconds: float) -> None:
        """Rest after a step, longer than it took, where somebody else writes.

        Args:
            others: how many transactions of other sessions wrote while it ran.
            seconds: how long it took.
        """
        if others > 0:
            self._gentle_until = self.clock() + _REMEMBERED_SECONDS
        if self._is_gentle():
            self.sleep(min(seconds * _RESTS_PER_STEP, LONGEST_REST_SECONDS))

    def _is_gentle(self) -> bool:
        return self.clock() < self._gentle_until
