"""Settle the dead: what the calls of runs that nobody leads any more have left behind.

A run beats its heart every 5 s and is dead after 30 s of silence. A run that has just fallen silent is waited
for, so that the cleanup that follows a crash finds what the crash left.
"""

import time
from uuid import UUID

from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit

_LONGEST_WAIT_SECONDS = 25  # a run counts as silent after 8 s; shorter than the lease lasts
_POLL_SECONDS = 0.5
_GRACE_SECONDS = 3


def settle_dead_runs(database: Database, permit: WritePermit, *, run_id: UUID | None = None) -> int:
    """Attribute and close the open calls of dead runs.

    Args:
        permit: proof that this database may be written to.
        run_id: the run that asks, which is alive although it may be silent.

    Returns:
        How many runs were settled.
    """
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while database.row("silent_runs", run_id=run_id)["count"] and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    settled = database.call("settle_dead_runs")
    return settled if isinstance(settled, int) else 0


def abandon_run(database: Database, permit: WritePermit, run_id: UUID) -> bool:
    """Close a run whose process has died under the eyes of its parent, and attribute what its calls left.

    An application may store a row seconds after its caller has died, so the calls are looked at once more.

    Returns:
        False when the run had been closed already.
    """
    if not database.call("finish_run", run_id, "abandoned", 0, 0, 0):
        return False
    deadline = time.monotonic() + _GRACE_SECONDS
    while database.call("settle_run", run_id) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return True
