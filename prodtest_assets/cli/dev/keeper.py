"""Keeps one of Dagster's processes, with everything that it starts, from outliving `prodtest dev`.

Started by `children.py` as the head of a process group of its own. Its standard input is a pipe that the parent
holds: a line asks for an orderly end, and the pipe's end means that the parent is gone, however it went.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

from prodtest_assets.lifetime import die_with_parent

_POLL_SECONDS = 0.1


def main(command: list[str]) -> int:
    """Run a command to its end, or until the parent asks for it or is gone.

    Args:
        command: its words.

    Returns:
        The command's exit code, once nothing of its group is left.
    """
    # Not SIG_IGN, which the command would inherit. The group's head is asked through its pipe.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    # Where the keeper itself is killed, and its parent with it, this is what is left to end the command.
    dies_too = partial(die_with_parent, os.getpid()) if sys.platform == "linux" else None
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=dies_too)
    asked = threading.Event()
    threading.Thread(target=_obey, args=(asked,), daemon=True).start()
    code = process.wait()
    if not asked.is_set():
        # It ended by itself, perhaps crashed: its children have nobody to work for.
        _kill_the_others()
    while _others_in_group():
        time.sleep(_POLL_SECONDS)
    return code


def _obey(asked: threading.Event) -> None:
    if os.read(sys.stdin.fileno(), 1):
        asked.set()
        # Run workers as well: each then closes its run in order.
        os.killpg(0, signal.SIGTERM)
        os.read(sys.stdin.fileno(), 1)
    os.killpg(0, signal.SIGKILL)


def _kill_the_others() -> None:
    for pid in _others_in_group():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _others_in_group() -> list[int]:
    """The other processes of this group, as Linux lists them; elsewhere none, and the parent kills the group."""
    own = os.getpid()
    return [pid for pid in _processes() if pid != own and _group(pid) == own]


def _processes() -> list[int]:
    proc = Path("/proc")
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()] if proc.is_dir() else []


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
