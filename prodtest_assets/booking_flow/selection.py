"""Which tests of the booking-flow suite an expression selects, as pytest itself understands it.

Only pytest knows: an expression may name files, classes, markers and parameters as well. So the suite is loaded for it,
in a process of its own, and none of its tests runs.
"""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from prodtest_assets.booking_flow.process import PYTEST_WRONG_USAGE, start_suite, stop_suite
from prodtest_assets.errors import ConfigurationError

_ERROR = "ERROR: "


@dataclass(frozen=True, slots=True)
class Selection:
    """What pytest has found.

    Attributes:
        node_ids: relative to the suite's folder and without parameters, in the order in which they would run.
        problems: why files could not be loaded, one line each.
    """

    node_ids: tuple[str, ...]
    problems: tuple[str, ...]


def select_tests(suite: Path, expression: str) -> Selection:
    """Ask pytest which tests it would run.

    Args:
        suite: its folder, or its only file.
        expression: as for pytest's `-k`.

    Raises:
        ConfigurationError: pytest does not understand the expression, or does not start.
    """
    with tempfile.TemporaryDirectory(prefix="prodtest-") as folder:
        answer = Path(folder) / "selection.json"
        root = suite if suite.is_dir() else suite.parent
        arguments = ["--collect-only", "-k", expression]
        process = start_suite(
            suite,
            run_id=uuid4(),
            plugins=["prodtest_assets.pytest_plugin.selection"],
            arguments=[*arguments, f"--prodtest-selection={answer}", f"--prodtest-root={root}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            _, complaint = process.communicate()
        finally:
            stop_suite(process)
        if process.returncode == PYTEST_WRONG_USAGE or not answer.exists():
            raise ConfigurationError(_reason(complaint.decode(errors="replace")))
        found = json.loads(answer.read_text())
    return Selection(tuple(found["selected"]), tuple(found["problems"]))


def _reason(complaint: str) -> str:
    """Pytest's own error, which stands in a line that says so; else the last line there is."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    told = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return (told or lines or ["pytest could not say which tests it would run"])[-1]
