"""The processes of `prodtest dev`, as their parent sees them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prodtest_assets.errors import ProdtestError

_SECONDS_TO_STOP = 8.0
_SECONDS_BEFORE_THE_NEXT = 2.5
_SECONDS_TO_DIE = 2.0


@dataclass(frozen=True, slots=True)
class Child:
    """One of Dagster's processes, under its keeper.

    Attributes:
        name: for people.
        log: gets what it and its children print.
        keeper: the head of its process group.
    """

    name: str
    log: Path
    keeper: "subprocess.Popen[bytes]" = field(repr=False)

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, with its keeper."""
        return self.keeper.poll() is not None

    def finish(self, seconds: float) -> None:
        """Wait for a process that ends by itself.

        Raises:
            ProdtestError: it failed, or it did not end in that time; the message names it and its log.
        """
        self.wait(seconds)
        if self.keeper.returncode != 0:
            raise ProdtestError(f"{self.name} failed; {self.log} says why")

    def ask_to_stop(self) -> None:
        """Let it and its children end in order."""
        assert self.keeper.stdin is not None
        with suppress(OSError):
            self.keeper.stdin.write(b"\n")
            self.keeper.stdin.flush()

    def wait(self, seconds: float) -> None:
        """Wait for its end, but not longer than this."""
        with suppress(subprocess.TimeoutExpired):
            self.keeper.wait(max(seconds, 0.0))

    def end(self, deadline: float) -> None:
        """Wait for its end, and kill what is left.

        Args:
            deadline: by `time.monotonic`, after which nothing is waited for.
        """
        self.wait(deadline - time.monotonic())
        # The keeper's number names the group as long as anything of it lives, even when the keeper was killed.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.keeper.pid, signal.SIGKILL)
        self.wait(_SECONDS_TO_DIE)
        assert self.keeper.stdin is not None
        with suppress(OSError):
            self.keeper.stdin.close()


class Children:
    """Processes that are started one after another and end in reverse order.

    Args:
        logs: the folder for what they print.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: list[Child] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Child:
        """Start a process that does not outlive this one.

        Args:
            name: for people, and of its log.
            command: the words after Python's.
            environment: the whole of it.
            folder: its current directory.
        """
        log = self._logs / f"{name}.log"
        with open(log, "wb") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "prodtest_assets.cli.dev.keeper", sys.executable, *command],
                env=dict(environment), cwd=folder, stdin=subprocess.PIPE, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        child = Child(name, log, keeper)
        self._started.append(child)
        return child

    def check(self) -> None:
        """Find out whether all are alive.

        Raises:
            ProdtestError: one of them ended by itself; the message names it and its log.
        """
        for child in self._started:
            if child.has_ended:
                raise ProdtestError(f"{child.name} ended by itself; {child.log} says why")

    def forget(self, child: Child) -> None:
        """Care no longer about one that has ended."""
        child.end(0.0)
        self._started.remove(child)

    def stop(self) -> None:
        """End all of them, the youngest first, those that do not listen by SIGKILL."""
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for child in reversed(self._started):
            child.ask_to_stop()
            child.wait(min(_SECONDS_BEFORE_THE_NEXT, deadline - time.monotonic()))
        for child in reversed(self._started):
            child.end(deadline)
        self._started.clear()


@contextmanager
def children(logs: Path) -> Iterator[Children]:
    """Processes that are gone when the block ends, however it ends."""
    all_of_them = Children(logs)
    try:
        yield all_of_them
    finally:
        all_of_them.stop()
