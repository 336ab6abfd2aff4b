"""The process that runs the main job for `prodtest demo`, as its parent sees it.

The job has a process of its own, so that what Dagster prints goes to a log and Ctrl-C ends it in order. It dies
with its parent, and the suite's process dies with it: whoever is killed, nothing goes on.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

_SECONDS_TO_STOP = 15.0

Message = Mapping[str, Any]


@dataclass(slots=True)
class JobOutcome:
    """What the job has told.

    Attributes:
        checks: by name, what became of each: the message about its evaluation, or None when it got none.
        succeeded: whether the run is green.
        ended_by_itself: False when its process died or was stopped.
    """

    run_id: UUID
    checks: dict[str, Message | None] = field(default_factory=dict)
    succeeded: bool = False
    ended_by_itself: bool = False


class DemoJob:
    """The job's process. Use it as a context manager: it starts at once, prepares itself, and waits for `play`.

    Args:
        log: gets everything it prints; the log of the demonstration before is overwritten.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self.run_id = uuid4()

    def __enter__(self) -> Self:
        self._report, report_to = os.pipe()
        try:
            # Away from any `.env`: settings are read from the current directory's.
            with open(self._log, "wb") as log:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "prodtest_assets.cli.demo.job_process",
                        str(os.getpid()),
                        str(report_to),
                        str(self.run_id),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    pass_fds=[report_to],
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._report)
            raise
        finally:
            os.close(report_to)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        os.close(self._report)
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def play(self, environment: Mapping[str, str], on_message: Callable[[Message], None]) -> JobOutcome:
        """Run the job. However this ends, the job's process has ended afterwards.

        Args:
            environment: the whole environment of the process.
            on_message: told of each step and each check as it happens.
        """
        outcome = JobOutcome(self.run_id)
        try:
            self._send(environment)
            for message in self._messages():
                _note(message, outcome)
                on_message(message)
        finally:
            self._stop()
        return outcome

    def _send(self, environment: Mapping[str, str]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(dict(environment)).encode())
            self._process.stdin.close()

    def _messages(self) -> Iterator[Message]:
        with os.fdopen(self._report, encoding="utf-8", closefd=False) as lines:
            for line in lines:
                if line.endswith("\n"):  # a killed process may leave half a line
                    yield json.loads(line)

    def _stop(self) -> None:
        """End the process, with everything it has started."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


def _note(message: Message, outcome: JobOutcome) -> None:
    if "declared" in message:
        outcome.checks = dict.fromkeys(message["declared"]) | outcome.checks
    elif "check" in message:
        outcome.checks[message["check"]] = message
    elif "succeeded" in message:
        outcome.succeeded, outcome.ended_by_itself = message["succeeded"], True
