"""Processes that can be killed: cleanups, and runs of test calls that somebody else leads.

Each is forked from a process that has imported everything, so that a kill costs milliseconds. On the wire are
lines of JSON: a task goes in, the child's id comes out, and after "end" its exit status.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from prodtest_assets.errors import ProdtestError
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.ledger import RunLedger
from tests.booking_world import RULES

_CHECKOUT = Path(__file__).resolve().parents[3]
_REFUSED = 3


@dataclass
class Child:
    """A forked process. Its id stays its own until `end` has been called."""

    pid: int
    parent: "Forks"

    def kill(self) -> None:
        """SIGKILL, at once."""
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> int:
        """Wait for it: its exit code, or the negative number of the signal that killed it."""
        self.parent.tell("end")
        return int(self.parent.hear())


@dataclass
class Forks:
    """The process that forks, one child at a time."""

    process: subprocess.Popen[str]

    def clean(self, url: str, *, batch_size: int, plan: UUID | None = None) -> Child:
        """A cleanup of everything that is stale, or the execution of a stored plan."""
        return self._start("clean", url, batch_size, str(plan) if plan else None)

    def lead_run(self, url: str, run: UUID, numbers: list[str], start: datetime) -> tuple[Child, list[dict[str, Any]]]:
        """A run of test calls that is alive until its process is killed, and the rows that its calls left."""
        child = self._start("lead", url, str(run), numbers, start.isoformat())
        rows: list[dict[str, Any]] = self.hear()
        return child, rows

    def _start(self, *task: object) -> Child:
        self.tell(task)
        return Child(int(self.hear()), self)

    def tell(self, message: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@contextmanager
def forks() -> Iterator[Forks]:
    """A process that forks, gone in the end with its child."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.faults.forked"],
        cwd=_CHECKOUT, env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield Forks(process)
        finally:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait(10)


def _clean(url: str, batch_size: int, plan: str | None) -> None:
    policy = Policy(batch_size=batch_size, max_delete=1_000_000, lease_wait=timedelta(seconds=5))
    with open_database(url) as database:
        permit = authorize_writes(database, RULES)
        if plan:
            execute_plan(database, permit, UUID(plan), policy)
        else:
            cleanup_now(database, permit, policy)


def _lead(url: str, run: str, numbers: list[str], start: str) -> None:
    """Call with each number; the application stores every second row without its mark."""
    rows = []
    with RunLedger(url, UUID(run), "http://127.0.0.1:1", RULES) as ledger, psycopg.connect(url, autocommit=True) as app:
        for place, number in enumerate(numbers):
            call = ledger.open_call(persona="quick", requested_start=datetime.fromisoformat(start), number=number)
            stored = app.execute(
                "WITH u AS (INSERT INTO users (full_name, mobile) VALUES (%s, %s) RETURNING id) "
                "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at) "
                "SELECT id, %s, %s, now() - interval '2 days' FROM u RETURNING id, user_id",
                [call.name, number, start, place % 2 == 0],
            ).fetchone()
            assert stored is not None
            ledger.close_call(call.call_sid, completed=True, transcript=[])
            rows.append({"appointment": stored[0], "user": stored[1], "call": call.call_sid, "name": call.name})
        _say(rows)
        while True:
            time.sleep(60)


def _say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _child(task: list[Any]) -> None:
    try:
        {"clean": _clean, "lead": _lead}[task[0]](*task[1:])
    except ProdtestError:
        os._exit(_REFUSED)
    except BaseException:
        traceback.print_exc()
        _say(None)
        os._exit(1)
    os._exit(0)


def _serve() -> None:
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            _child(json.loads(line))
        _say(pid)
        if not sys.stdin.readline():
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        with suppress(BrokenPipeError):
            _say(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    _serve()
