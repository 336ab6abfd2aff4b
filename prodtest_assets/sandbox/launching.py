"""How a user finds the running server, has one launched, or has it ended and its data removed.

The caller of each function here holds the start lock of the directory.
"""

import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import prodtest_assets
from prodtest_assets.errors import ConfigurationError, RefusedForSafety, Unreachable
from prodtest_assets.sandbox.accounts import server_account
from prodtest_assets.sandbox.binaries import Binaries, find_binaries, readable_binaries
from prodtest_assets.sandbox.cluster import HOST, SUPERUSER, Cluster
from prodtest_assets.sandbox.locks import EXCLUSIVE, SHARED, is_locked, try_lock, wait_for_lock
from prodtest_assets.sandbox.recovery import clear_remains
from prodtest_assets.sandbox.state import ServerDirectory
from prodtest_assets.sandbox.supervisor import request

STOP_SECONDS = 20

_LAUNCH_SECONDS = 180
_ANSWER_SECONDS = 15
_PROBE_SECONDS = 0.5
_POLL_SECONDS = 0.01
# The start of a session up to the question for the password: it takes neither the password nor one of the
# sessions others may need. https://www.postgresql.org/docs/current/protocol-message-formats.html (StartupMessage)
_PROTOCOL_3 = struct.pack("!I", 3 << 16)
_ASKS_FOR_PASSWORD = b"R"
# too_many_connections comes from a server that works:
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TOO_MANY_CONNECTIONS = b"C53300\0"


def running_port(files: ServerDirectory) -> int | None:
    """The port of the server that others have started, once it answers.

    A supervisor whose server does not come to answer is ended.

    Args:
        files: of the server; the caller is one of its users.

    Returns:
        None when no server runs.

    Raises:
        Unreachable: the supervisor cannot be ended.
    """
    deadline = time.monotonic() + _ANSWER_SECONDS
    while is_locked(files.supervisor_lock):
        port = _number_in(files.port_file)
        if port is not None and _answers(port):
            return port
        if time.monotonic() > deadline and not _end_supervisor(files, signal.SIGKILL):
            raise Unreachable(f"the PostgreSQL in {files.path} neither answers nor ends")
        time.sleep(_POLL_SECONDS)
    return None


def launch(files: ServerDirectory, settings: Mapping[str, str], binaries: Binaries | None = None) -> int:
    """Start a supervisor, which starts the server.

    Args:
        files: of the server; the caller is one of its users.
        settings: server settings that win over the usual ones.
        binaries: PostgreSQL's programs; the preferred installation if None.

    Returns:
        The server's port.

    Raises:
        ConfigurationError: the server does not start; the message says why.
        OSError: a file cannot be written.
    """
    account = server_account()
    programs = readable_binaries(binaries or find_binaries(), account, files.binaries)
    told = request(Cluster(files, programs.folder, programs.major, account, settings))
    # Nothing of this environment but what finds this package: the supervisor may outlive its starter, who may
    # hold secrets there.
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(prodtest_assets.__file__).resolve().parent.parent),
    }
    log = os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        with subprocess.Popen(
            [sys.executable, "-S", "-m", "prodtest_assets.sandbox.supervisor", files.path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd="/", env=environment,
            start_new_session=True,
        ) as supervisor:  # fmt: skip
            answer = _converse(supervisor, told)
    finally:
        os.close(log)
    if "port" in answer:
        return int(answer["port"])
    raise ConfigurationError(answer.get("error") or f"PostgreSQL did not start: {_last_line(files.log)}")


def start_over(files: ServerDirectory, seat: int) -> None:
    """Stop the server and remove its data, if nobody else uses it.

    Args:
        files: of the server.
        seat: the open file of the users' lock; it is locked exclusively afterwards.

    Raises:
        RefusedForSafety: somebody else is using the server.
        Unreachable: the server cannot be stopped.
        OSError: a file cannot be removed.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while not wait_for_lock(seat, EXCLUSIVE, _PROBE_SECONDS):
        # A supervisor that is stopping holds the lock exclusively, users hold it shared.
        if try_lock(seat, SHARED) or time.monotonic() > deadline:
            raise RefusedForSafety(f"another process is using the PostgreSQL in {files.path}; end it first")
    if not _end_supervisor(files, signal.SIGTERM) and not _end_supervisor(files, signal.SIGKILL):
        raise Unreachable(f"the PostgreSQL in {files.path} cannot be stopped")
    clear_remains(files)
    if files.server.exists():
        shutil.rmtree(files.server)
    files.password_file.unlink(missing_ok=True)


def _converse(supervisor: subprocess.Popen[bytes], told: str) -> dict[str, str]:
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    with suppress(BrokenPipeError):
        supervisor.stdin.write(told.encode())
        supervisor.stdin.close()
    ready, _, _ = select.select([supervisor.stdout], [], [], _LAUNCH_SECONDS)
    answer: dict[str, str] = json.loads((supervisor.stdout.readline() if ready else b"") or b"{}")
    return answer


def _end_supervisor(files: ServerDirectory, sign: signal.Signals) -> bool:
    """Ask the supervisor to end; True when there is none any more."""
    deadline = time.monotonic() + STOP_SECONDS
    # While the lock is held, its holder's id stands in the file: no other process can be meant.
    while is_locked(files.supervisor_lock):
        pid = _number_in(files.supervisor_lock)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _answers(port: int) -> bool:
    """Whether the server takes sessions; while it starts or recovers it takes connections only."""
    greeting = _PROTOCOL_3 + f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(struct.pack("!I", len(greeting) + 4) + greeting)
            reply = connection.recv(1024)
    except OSError:
        return False
    return reply.startswith(_ASKS_FOR_PASSWORD) or _TOO_MANY_CONNECTIONS in reply


def _number_in(path: Path) -> int | None:
    try:
        content = path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
    return int(content) if content.isdecimal() else None


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), f"it ended without a word, see {log}")
