"""What a server that did not end properly leaves behind, and how the next start deals with it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from prodtest_assets.errors import Unreachable
from prodtest_assets.sandbox.state import ServerDirectory

_FAST_STOP_SECONDS = 10
_KILL_SECONDS = 5
_POLL_SECONDS = 0.02


def clear_remains(directory: ServerDirectory) -> None:
    """Stop a server that outlived its supervisor and remove what was half finished.

    The caller holds the lock that only one supervisor can hold, so whatever still runs here has no owner.

    Args:
        directory: whose remains.

    Raises:
        Unreachable: an old server cannot be stopped.
        OSError: a file cannot be removed.
    """
    directory.port_file.unlink(missing_ok=True)
    for unfinished in directory.server.glob("initdb-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    pid_file = directory.data / "postmaster.pid"
    try:
        first_line, *_ = pid_file.read_text(errors="replace").splitlines() or [""]
    except FileNotFoundError:
        return
    if not first_line.isdecimal() or int(first_line) <= 1:
        # PostgreSQL would refuse to start over a damaged file, and it never writes one while it runs.
        pid_file.unlink()
        return
    pid = int(first_line)
    if is_server_of(pid, directory.data):
        _stop(pid, directory.data)
    elif _exists(pid):
        _disown(pid_file, pid)


def is_server_of(pid: int, data: Path) -> bool:
    """Whether process `pid` is a PostgreSQL server on `data`, and not one that was given the same id later.

    Args:
        pid: a process id.
        data: the data directory.
    """
    arguments = _arguments(pid)
    return "-D" in arguments and os.fspath(data) in arguments and "postgres" in arguments


def _stop(pid: int, data: Path) -> None:
    for sign, patience in ((signal.SIGINT, _FAST_STOP_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not is_server_of(pid, data):
                return
            time.sleep(_POLL_SECONDS)
    raise Unreachable(f"the PostgreSQL server {pid} of an earlier run cannot be stopped; end that process")


def _disown(pid_file: Path, pid: int) -> None:
    """Make PostgreSQL see that the process named in its lock file is not a server.

    It takes any living process for one, except its own parent, which this process is going to be. Removing
    the file instead would also remove its check that no server process still uses the old shared memory.
    """
    content = pid_file.read_text(errors="replace")
    descriptor = os.open(pid_file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "w") as file:
        file.write(content.replace(str(pid), str(os.getpid()), 1))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _arguments(pid: int) -> str:
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:
            return ""
    answer = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout
