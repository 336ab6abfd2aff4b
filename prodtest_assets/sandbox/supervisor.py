"""The process that owns one private PostgreSQL: it ends the server when the last user is gone.

It runs in a session of its own, as `python -m prodtest_assets.sandbox.supervisor DIRECTORY`, gets the rest of
what it must know on standard input and answers with one line of JSON. Users hold a shared lock on a file; the
kernel lifts it when they die, however they die. The server in turn is told by the kernel when this process
dies (Linux); elsewhere the next start finds and stops it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from prodtest_assets.errors import ConfigurationError, ProdtestError
from prodtest_assets.sandbox.accounts import Account
from prodtest_assets.sandbox.cluster import Cluster, stop
from prodtest_assets.sandbox.locks import (
    EXCLUSIVE,
    is_still,
    open_lock,
    release,
    try_lock,
    unlock,
    wait_for_lock,
)
from prodtest_assets.sandbox.recovery import clear_remains
from prodtest_assets.sandbox.state import ServerDirectory

_LINGER_SECONDS = 1.0
_POLL_SECONDS = 0.1
_PREDECESSOR_SECONDS = 5


def request(cluster: Cluster) -> str:
    """What a supervisor must be told, as JSON.

    Args:
        cluster: what it shall run.
    """
    account = cluster.account
    return json.dumps(
        {
            "programs": str(cluster.programs),
            "major": cluster.major,
            "account": account and [account.name, account.uid, account.gid],
            "settings": dict(cluster.settings),
        }
    )


def main() -> None:
    """Run the server of the directory named on the command line until nobody uses it."""
    cluster = _requested(Path(sys.argv[1]), json.load(sys.stdin))
    # The process that asked must not have this one for a child: dead, it would stay in the list of processes
    # until that one ends.
    if os.fork():
        os._exit(0)
    try:
        _supervise(cluster)
    except ProdtestError as error:
        _answer(error=str(error))
    except OSError as error:
        where = cluster.directory.path
        _answer(error=f"cannot keep PostgreSQL's files in {where}: {error.strerror or error}")


def _supervise(cluster: Cluster) -> None:
    directory = cluster.directory
    lock = open_lock(directory.supervisor_lock)
    if not wait_for_lock(lock, EXCLUSIVE, _PREDECESSOR_SECONDS):
        raise ConfigurationError(f"another supervisor holds {directory.path}")
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    stopping = _told_to_stop()
    clear_remains(directory)
    cluster.prepare()
    server, port = cluster.start()
    try:
        _write_port(directory.port_file, port)
        _answer(port=port)
        _wait_for_the_last_user(directory, server, lock, stopping)
    finally:
        # The lock on the users' file is still held here, so that a newcomer waits for the end of the server.
        stop(server)
        directory.port_file.unlink(missing_ok=True)
    release(lock)


def _wait_for_the_last_user(
    directory: ServerDirectory, server: subprocess.Popen[bytes], lock: int, stopping: list[int]
) -> None:
    users = open_lock(directory.users_lock)
    alone_since: float | None = None
    while server.poll() is None and not stopping and is_still(directory.supervisor_lock, lock):
        if try_lock(users, EXCLUSIVE):
            now = time.monotonic()
            alone_since = now if alone_since is None else alone_since
            if now - alone_since >= _LINGER_SECONDS:
                return
            unlock(users)
        else:
            alone_since = None
        time.sleep(_POLL_SECONDS)


def _requested(path: Path, told: Mapping[str, Any]) -> Cluster:
    account = Account(*told["account"]) if told["account"] else None
    return Cluster(ServerDirectory(path), Path(told["programs"]), told["major"], account, told["settings"])


def _told_to_stop() -> list[int]:
    """The signals to stop that have come so far; the list grows when one comes."""
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    signal.signal(signal.SIGTERM, remember)
    signal.signal(signal.SIGINT, remember)
    return received


def _write_port(path: Path, port: int) -> None:
    new = path.with_suffix(".new")
    new.write_text(str(port))
    new.rename(path)


def _answer(**content: object) -> None:
    """Answer whoever asked, who may have died meanwhile, and let go of the pipe."""
    with suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(content).encode() + b"\n")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stdin.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    main()
