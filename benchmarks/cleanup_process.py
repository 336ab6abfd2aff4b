"""A cleanup in a process of its own, as a person runs it, which prints what it did and what it took.

    python -m benchmarks.cleanup_process URL [SECONDS]

`SECONDS` is how long it may run; without it, until nothing is left.
"""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import WriteRules, authorize_writes
from prodtest_assets.testdata.models import Policy

_NO_LIMIT = 1_000_000_000
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


def start_cleanup(url: str, *, seconds: float | None = None) -> subprocess.Popen[str]:
    """Start a cleanup of everything that is stale.

    Args:
        url: the booking database.
        seconds: how long it may run.
    """
    command = [sys.executable, "-m", "benchmarks.cleanup_process", url, *([str(seconds)] if seconds else [])]
    return subprocess.Popen(command, cwd=_CHECKOUT, env={**os.environ}, stdout=subprocess.PIPE, text=True)


def figures_of(process: subprocess.Popen[str]) -> CleanupFigures:
    """Wait for a cleanup to end. Raises `RuntimeError` when it failed."""
    out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the cleanup failed with exit code {process.returncode}")
    return CleanupFigures(**json.loads(out))


def _clean(url: str, max_runtime: timedelta) -> dict[str, Any]:
    policy = Policy(max_delete=_NO_LIMIT, max_runtime=max_runtime)
    with open_database(url) as database:
        permit = authorize_writes(database, WriteRules(test_mode=True))
        report = cleanup_now(database, permit, policy)
    return {
        "stop_reason": report.stop_reason.value,
        "deleted": dict(report.deleted),
        "seconds": report.seconds,
        "peak_memory_bytes": _peak_memory_bytes(),
    }


def _peak_memory_bytes() -> int:
    """Linux counts in KiB, macOS in bytes. https://man7.org/linux/man-pages/man2/getrusage.2.html"""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    runtime = timedelta(seconds=float(sys.argv[2])) if len(sys.argv) > 2 else timedelta(days=1)
    sys.stdout.write(json.dumps(_clean(sys.argv[1], runtime)) + "\n")
