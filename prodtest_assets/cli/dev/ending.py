"""What ends `prodtest dev`: Ctrl-C, SIGTERM, a closed terminal, or the end of whoever started it."""

import os
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from prodtest_assets.cli.interruption import Terminated

_POLL_SECONDS = 0.5
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class FirstSignal:
    """Inside, the first signal to end raises `KeyboardInterrupt`, and those that follow are ignored.

    The end takes some seconds. Somebody who presses Ctrl-C again meanwhile must not leave half of it behind.
    """

    def __enter__(self) -> Self:
        self._before: dict[signal.Signals, Any] = {
            number: signal.getsignal(number)
            for number in _ENDINGS
            if number != signal.SIGHUP or not _survives_its_terminal()
        }
        for number in self._before:
            signal.signal(number, self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> NoReturn:
        for ending in self._before:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def end_with_parent() -> None:
    """Ask this process to end once the process that started it is gone, even if that was killed.

    Not where SIGHUP is ignored: `nohup` says that the command is to outlive its terminal.
    """
    if not _survives_its_terminal():
        threading.Thread(target=_watch, args=(os.getppid(),), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    # Not PR_SET_PDEATHSIG: it speaks of the thread that started this process, which may end long before its process.
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _survives_its_terminal() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
