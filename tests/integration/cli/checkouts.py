"""A copy of this checkout, so that a developer's own demonstrations and sessions are left alone."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prodtest_assets.sandbox.postgres import remove_private_postgres
from tests.integration.cli.commands import CHECKOUT, Result

SECONDS = 180


@contextmanager
def copied_checkout() -> Iterator[Path]:
    """The copy; it is gone afterwards."""
    # Not pytest's own folder: root's is closed to the account PostgreSQL runs under.
    folder = Path("/var/tmp") / f"prodtest-cli-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o755)
    for name in ("prodtest_assets", "deploy", "migrations", "tests/production"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    yield folder
    for postgres in (folder / ".prodtest" / "postgres", folder / ".prodtest" / "dev" / "postgres"):
        remove_private_postgres(postgres)
    shutil.rmtree(folder)


def processes_of(checkout: Path) -> dict[int, str]:
    """The command line of every process that has the checkout in it or in its environment."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                words = (folder / "cmdline").read_bytes()
                text = words + b"\0" + (folder / "environ").read_bytes()
            except OSError:
                continue
            if os.fsencode(checkout) in text:
                found[int(folder.name)] = words.replace(b"\0", b" ").decode(errors="replace")
    return found


def assert_that_nothing_runs(checkout: Path) -> None:
    """The PostgreSQL may take a moment to see that its last user has gone."""
    deadline = time.monotonic() + 15
    while (running := processes_of(checkout)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not running


def end(process: subprocess.Popen[str]) -> Result:
    """Wait for it to end."""
    out, err = process.communicate(timeout=SECONDS)
    return Result(process.returncode, out, err)
