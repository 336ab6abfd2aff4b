"""What a test knows about the calls it is going to place."""

import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from uuid import UUID

from prodtest_assets.caller import draw_start
from prodtest_assets.caller.persona import NEAR_WORKDAYS

_DRAWS = 50


@dataclass(slots=True)
class Slots:
    """The appointments that callers of this run ask for: one each, as long as there are enough.

    Attributes:
        zone: in which business hours are counted.
        workdays: how many workdays ahead they lie at most.
    """

    zone: tzinfo
    workdays: int
    _taken: list[tuple[datetime, datetime]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rng: random.Random = field(default_factory=random.SystemRandom)

    def draw(self, duration_min: int) -> datetime:
        """A start that no other caller of this run has been given, timezone-aware: near, while there are any.

        Args:
            duration_min: minutes.
        """
        length, now = timedelta(minutes=duration_min), datetime.now(UTC)
        with self._lock:
            near = min(NEAR_WORKDAYS, self.workdays)
            drawn = self._draw(now, duration_min, near)
            for workdays in [near] * _DRAWS + [self.workdays] * _DRAWS:
                if all(end <= drawn or begin >= drawn + length for begin, end in self._taken):
                    break
                drawn = self._draw(now, duration_min, workdays)
            self._taken.append((drawn, drawn + length))
        return drawn

    def _draw(self, now: datetime, duration_min: int, workdays: int) -> datetime:
        return draw_start(now, self.zone, self._rng, duration_min=duration_min, workdays=workdays)


@dataclass(frozen=True, slots=True)
class CallContext:
    """What the fixture `test_call_context` gives.

    Attributes:
        run_id: the run in the ledger.
        test: the name of the test.
        zone: in which the application understands spoken times.
        retention: after which a test row is stale.
        slots: from which starts are drawn.
    """

    run_id: UUID
    test: str
    zone: tzinfo
    retention: timedelta
    slots: Slots = field(repr=False)

    def draw_start(self, duration_min: int = 30) -> datetime:
        """A start for a new caller, timezone-aware, within common business hours of the coming weeks.

        Args:
            duration_min: minutes.
        """
        return self.slots.draw(duration_min)
