"""The time in which a call happens. Waits can pass faster than on the telephone, or at once."""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Stamps what is said and passes the time of pauses and silences.

    What is not slept is added to the clock, so that a transcript reads as if the call had been held at its
    true speed. One clock may serve several calls only when their times need not be told apart.
    """

    def __init__(
        self,
        speed: float = math.inf,
        *,
        now: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Set the pace.

        Args:
            speed: how many times faster than on the telephone waits pass; infinite waits cost no time, 1 is
                the telephone's own pace.
            now: the present, timezone-aware.
            sleep: waits for so many seconds.
        """
        if not speed > 0:
            raise ValueError("speed must be positive")
        self._speed = speed
        self._now = now
        self._sleep = sleep
        self._skipped = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The present of the call, timezone-aware."""
        return self._now() + self._skipped

    def wait(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: as long as it takes on the telephone.
        """
        slept = seconds / self._speed
        if slept > 0:
            self._sleep(slept)
        with self._lock:
            self._skipped += timedelta(seconds=seconds - slept)
