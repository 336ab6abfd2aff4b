"""Runs the real command in a process of its own, as a person would."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
SECONDS = 120


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The document on stdout, which must hold nothing else."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The only line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("prodtest: "), self.err
        return lines[0].removeprefix("prodtest: ")


def command(*arguments: str) -> list[str]:
    """The command line of `prodtest`."""
    return [sys.executable, "-m", "prodtest_assets", *arguments]


def environment(settings: Mapping[str, str] | None = None, *, package: Path = CHECKOUT) -> dict[str, str]:
    """This process's environment, which holds no settings, with the given ones."""
    return {**os.environ, "PYTHONPATH": str(package), **(settings or {})}


def prodtest(*arguments: str, **settings: str) -> Result:
    """Run a command to its end, with nobody at a terminal.

    Args:
        arguments: its command line.
        settings: environment variables.
    """
    done = subprocess.run(
        command(*arguments),
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)
