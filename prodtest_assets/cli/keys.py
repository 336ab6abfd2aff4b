"""Single keys from a terminal, without waiting for Enter."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WaitForKey = Callable[[float], str]


@contextmanager
def keys() -> Iterator[WaitForKey]:
    """Inside, keys are read one by one. The terminal is as before afterwards, however it ends.

    Yields:
        A function that waits for so many seconds and returns the key, or an empty text when none came; where
        stdin is no terminal, nobody presses one.
    """
    if not sys.stdin.isatty():
        yield _nobody
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield _wait
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _wait(seconds: float) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 1).decode(errors="ignore") if ready else ""


def _nobody(seconds: float) -> str:
    select.select([], [], [], seconds)
    return ""
