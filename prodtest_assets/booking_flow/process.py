"""A suite as a child process: pytest in a session of its own, which ends with its parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

# https://docs.pytest.org/en/stable/reference/exit-codes.html
_PYTEST_INTERRUPTED = 2
PYTEST_WRONG_USAGE = 4
_STOPPING = (signal.SIGINT, signal.SIGTERM)

Output = int | IO[bytes] | None


def start_suite(
    suite: Path,
    *,
    run_id: UUID,
    node_ids: Sequence[str] = (),
    plugins: Sequence[str] = (),
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    stdout: Output = None,
    stderr: Output = None,
) -> subprocess.Popen[bytes]:
    """Start pytest on a suite, in a session of its own, so that a Ctrl-C reaches it only through its parent.

    The child ends itself when this process dies. On Linux it already does so when the thread ends that called
    this function: stay in that thread.

    Args:
        suite: its folder, or its only file.
        run_id: of the run as the ledger will know it.
        node_ids: of the tests to run, as `suite_tests` gives them; all of them if empty.
        plugins: further pytest plugins, by module name.
        arguments: further arguments for pytest.
        environment: added to this process's own.
        stdout, stderr: as for `subprocess.Popen`.
    """
    root = suite if suite.is_dir() else suite.parent
    command = [sys.executable, "-m", __name__, *([str(root / node_id) for node_id in node_ids] or [str(suite)])]
    for plugin in ("prodtest_assets.pytest_plugin", *plugins):
        command += ["-p", plugin]
    command += [f"--prodtest-run-id={run_id}", f"--prodtest-parent-pid={os.getpid()}"]
    # A suite may lie where nothing can or should be written.
    command += ["-p", "no:cacheprovider", *arguments]
    with _interrupts_wait():
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """A child that starts inside is not interrupted before it is ready for it; this thread is afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_suite(process: "subprocess.Popen[bytes]", patience: float = 5.0) -> int:
    """End a suite's process if it still runs: asked twice, then by force.

    Args:
        process: as `start_suite` returned it.
        patience: seconds to wait after each request. After the first one pytest takes back what its tests made.

    Returns:
        Its exit code; negative when a signal ended it.
    """
    for request in _STOPPING:
        if process.poll() is not None:
            return process.returncode
        process.send_signal(request)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    return process.wait()


def _pytest() -> int:
    """Pytest in this process, with its arguments. Interrupted while it starts, it ends without a traceback."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        import pytest

        return int(pytest.main())
    except KeyboardInterrupt:
        return _PYTEST_INTERRUPTED


if __name__ == "__main__":
    sys.exit(_pytest())
