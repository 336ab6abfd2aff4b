"""A cleanup in a process of its own, as a person runs it, which prints what it did and what it took.

    python -m benchmarks.cleanup_process URL [--in-pieces]

In pieces it works from the first line on its standard input to the second, rests after the batch it is at, says how
many rows are gone, and goes on at the third. When its input ends it works to its own end.
"""

import json
import os
import resource
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.removal import OnProgress, Progress
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import WriteRules, authorize_writes

NO_LIMIT = 1_000_000_000
_CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class CleanupFigures:
    """What a cleanup says of itself when it ends: seconds without the start of Python, peak memory in bytes."""

    stop_reason: str
    deleted: dict[str, int]
    seconds: float
    peak_memory_bytes: int

    @property
    def rows(self) -> int:
        return sum(self.deleted.values())


def start_cleanup(url: str, *, in_pieces: bool = False) -> subprocess.Popen[str]:
    """Start a cleanup of everything that is stale.

    Args:
        url: the booking database.
        in_pieces: it works only when it is told to.
    """
    command = [sys.executable, "-m", "benchmarks.cleanup_process", url, *(["--in-pieces"] if in_pieces else [])]
    return subprocess.Popen(
        command, cwd=_CHECKOUT, env={**os.environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def begin_piece(cleanup: subprocess.Popen[str]) -> None:
    """Let a cleanup in pieces work. One that has ended does not mind."""
    if cleanup.stdin:
        with suppress(BrokenPipeError):
            cleanup.stdin.write("\n")
            cleanup.stdin.flush()


def end_piece(cleanup: subprocess.Popen[str]) -> int:
    """Wait until a cleanup in pieces rests or has ended; the number of rows it has removed so far."""
    begin_piece(cleanup)
    said = json.loads(cleanup.stdout.readline() or "{}") if cleanup.stdout else {}
    return int(said["removed"]) if "removed" in said else sum(said.get("deleted", {}).values())


def stop_cleanup(cleanup: subprocess.Popen[str]) -> None:
    """End a cleanup wherever it is."""
    cleanup.kill()
    with suppress(BrokenPipeError):
        cleanup.communicate()


def figures_of(process: subprocess.Popen[str]) -> CleanupFigures:
    """Wait for a cleanup to end. Raises `RuntimeError` when it failed."""
    try:
        out, _ = process.communicate()
    except BaseException:
        stop_cleanup(process)
        raise
    if process.returncode:
        raise RuntimeError(f"the cleanup failed with exit code {process.returncode}")
    return CleanupFigures(**json.loads(out))


class _Gate:
    """Open between the first and the second line of standard input, closed until the third, and so on."""

    def __init__(self) -> None:
        self._is_open = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def wait(self) -> None:
        """Until it is open."""
        self._is_open.wait()

    def pass_through(self, progress: Progress) -> None:
        """Rest while the gate is closed."""
        if not self._is_open.is_set():
            _say({"removed": progress.removed})
            self.wait()

    def _follow(self) -> None:
        for place, _ in enumerate(sys.stdin):
            if place % 2:
                self._is_open.clear()
            else:
                self._is_open.set()
        self._is_open.set()


def _clean(url: str, on_progress: OnProgress | None) -> dict[str, Any]:
    with open_database(url) as database:
        permit = authorize_writes(database, WriteRules(test_mode=True))
        report = cleanup_now(database, permit, Policy(max_delete=NO_LIMIT), on_progress=on_progress)
    return {
        "stop_reason": report.stop_reason.value,
        "deleted": dict(report.deleted),
        "seconds": report.seconds,
        "peak_memory_bytes": _peak_memory_bytes(),
    }


def _peak_memory_bytes() -> int:
    """Of this program alone: what getrusage says begins, on Linux, with the peak of the process that started it.

    Linux: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html; elsewhere getrusage, on macOS in bytes.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    gate = _Gate() if "--in-pieces" in sys.argv else None
    if gate:
        gate.wait()
    _say(_clean(sys.argv[1], gate.pass_through if gate else None))
