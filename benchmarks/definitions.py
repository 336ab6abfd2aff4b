"""How soon Dagster has the definitions, in a new interpreter without database and settings, against Dagster itself."""

import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.result import Result

_BOUND = 1.5
_CHECKOUT = Path(__file__).resolve().parent.parent
_FLOOR = "import dagster, sqlalchemy"
_OURS = "import prodtest_assets.definitions"
# Of processor time: both do nothing but read and run modules, and others may be at work here.
_MEASURE = "\nimport time; print(time.process_time())"


def measure(quick: bool) -> list[Result]:
    """Import both in turns, eleven times each (three when quick)."""
    ours, floor = [], []
    for turn in range((3 if quick else 11) + 1):
        pair = _seconds(_OURS), _seconds(_FLOOR)
        if turn:  # the first one warms the file cache
            ours.append(pair[0])
            floor.append(pair[1])
    return [Result("load the definitions", statistics.median(ours), "s", statistics.median(floor), _FLOOR, _BOUND)]


def _seconds(program: str) -> float:
    environment = {"PATH": os.defpath, "HOME": os.devnull, "PYTHONPATH": str(_CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", program + _MEASURE],
        env=environment,
        cwd="/",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)
