"""Processes that must not outlive the one that started them."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.5


def die_with_parent(parent_pid: int, *, with_signal: int = signal.SIGKILL) -> None:
    """End this process as soon as its parent is gone, even if the parent was killed.

    Linux sends `with_signal` itself; elsewhere a thread watches the parent and ends the process hard.

    Args:
        parent_pid: the parent as it knows itself, so that a parent that died before this call is noticed.
        with_signal: what Linux sends to this process. https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, with_signal, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent_pid,), name="parent-watch", daemon=True).start()
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), with_signal)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_POLL_SECONDS)
    os._exit(1)
