"""How soon the command answers, against two imports that a command of this kind usually begins with."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.dataset import make_database
from benchmarks.result import Result
from benchmarks.server import benchmark_server

_BOUND = 0.5
_CHECKOUT = Path(__file__).resolve().parent.parent
_FLOOR = """
import alembic, os, sqlalchemy
url = os.environ["PRODUCTION_DB_URL"].replace("postgresql://", "postgresql+psycopg://")
with sqlalchemy.create_engine(url).connect() as connection:
    print(connection.execute(sqlalchemy.text("SELECT count(*) FROM appointments WHERE is_test_data")).scalar())
"""


def measure(quick: bool) -> list[Result]:
    """Start `prodtest count` and the floor in turns, eleven times each (three when quick)."""
    with benchmark_server() as server:
        url = make_database(server, "startup_test", customers=1_000, tests=100)
        environment = {**os.environ, "PRODUCTION_DB_URL": url, "PYTHONPATH": str(_CHECKOUT)}
        ours, floor = [], []
        for turn in range((3 if quick else 11) + 1):
            pair = _seconds(["-m", "prodtest_assets", "count"], environment), _seconds(["-c", _FLOOR], environment)
            if turn:  # the first one warms the file cache
                ours.append(pair[0])
                floor.append(pair[1])
    imports = "import sqlalchemy, alembic, and one query"
    return [Result("prodtest count", statistics.median(ours), "s", statistics.median(floor), imports, _BOUND)]


def _seconds(arguments: list[str], environment: Mapping[str, str]) -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, *arguments], env=dict(environment), stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started
