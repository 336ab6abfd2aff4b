"""Ctrl-C and SIGTERM: both end a command in order, so that it can tidy up behind itself."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from prodtest_assets.cli.output import say


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


@contextmanager
def tidying_up(text: str) -> Iterator[None]:
    """Inside, the first Ctrl-C or SIGTERM is answered in one line and ends nothing; the next one is as outside.

    Args:
        text: what is going on, and what the next one will end.
    """
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for signum, handler in before.items():
            signal.signal(signum, handler)

    def answer(signum: int, frame: FrameType | None) -> None:
        restore()
        say(text)

    for signum in before:
        signal.signal(signum, answer)
    try:
        yield
    finally:
        restore()
