"""Ctrl-C and SIGTERM: both end a command in order, so that it can tidy up behind itself."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as CI systems and containers do."""


@contextmanager
def orderly_end() -> Iterator[None]:
    """Inside, SIGTERM raises `Terminated` where Ctrl-C raises `KeyboardInterrupt`."""

    def end(signum: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
