"""File locks that the kernel gives back when their holder dies, however it dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prodtest_assets.errors import Unreachable

EXCLUSIVE = fcntl.LOCK_EX
SHARED = fcntl.LOCK_SH
_POLL_SECONDS = 0.01


def open_lock(path: Path) -> int:
    """Open a lock file, making it when it is missing.

    Args:
        path: the lock file; a symbolic link is refused, because root may follow it anywhere.

    Returns:
        A file descriptor that holds no lock yet and that child processes do not inherit.

    Raises:
        OSError: the file cannot be made or opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def try_lock(descriptor: int, kind: int) -> bool:
    """Take a lock if nobody is in the way.

    Args:
        descriptor: from `open_lock`.
        kind: `EXCLUSIVE` or `SHARED`. https://man7.org/linux/man-pages/man2/flock.2.html

    Returns:
        Whether the lock is held now.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(descriptor: int, kind: int, seconds: float) -> bool:
    """Take a lock, waiting for whoever is in the way.

    Args:
        descriptor: from `open_lock`.
        kind: `EXCLUSIVE` or `SHARED`.
        seconds: how long to wait at most.

    Returns:
        Whether the lock is held now.
    """
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor, kind):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def is_locked(path: Path) -> bool:
    """Whether some process holds `path` exclusively.

    Args:
        path: the lock file; a missing one is held by nobody.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, SHARED)
    finally:
        os.close(descriptor)


def unlock(descriptor: int) -> None:
    """Give a lock back; its file stays open.

    Args:
        descriptor: from `open_lock`.
    """
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def release(descriptor: int) -> None:
    """Give a lock back and close its file.

    The lock is lifted explicitly: a forked child shares the open file, and closing alone would leave the
    lock with it.

    Args:
        descriptor: from `open_lock`.
    """
    unlock(descriptor)
    os.close(descriptor)


@contextmanager
def held(path: Path, seconds: float, make_directory: Callable[[], object] | None = None) -> Iterator[None]:
    """Hold `path` exclusively.

    Args:
        path: the lock file.
        seconds: how long to wait at most.
        make_directory: makes the directory of `path`, again when another process removes it meanwhile.

    Raises:
        Unreachable: another process kept the lock all that time.
        OSError: the file cannot be made or opened.
    """
    deadline = time.monotonic() + seconds
    while True:
        if make_directory is not None:
            make_directory()
        try:
            descriptor = open_lock(path)
        except FileNotFoundError:
            if make_directory is None or time.monotonic() > deadline:
                raise
            continue
        try:
            if not wait_for_lock(descriptor, EXCLUSIVE, seconds):
                raise Unreachable(f"another process has held {path} for {seconds:.0f} s")
            # Whoever held it may have removed the directory meanwhile, and a lock on a removed file guards
            # nothing.
            if is_still(path, descriptor):
                yield
                return
        finally:
            release(descriptor)


def is_still(path: Path, descriptor: int) -> bool:
    """Whether `path` is the file that is open, rather than removed or replaced.

    Args:
        path: the lock file.
        descriptor: from `open_lock`.
    """
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        return False
