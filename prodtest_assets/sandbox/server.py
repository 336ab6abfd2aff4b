"""Running the reference application as a child process."""

import http.client
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from prodtest_assets import errors
from prodtest_assets.errors import ConfigurationError, ProdtestError, Unreachable
from prodtest_assets.sandbox.faults import check_faults

_SECONDS_TO_START = 20.0
_SECONDS_TO_STOP = 5.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class RunningApp:
    """Where the application answers.

    Attributes:
        url: base URL, without a slash at its end.
        calendar_api_url: what Google's client takes as `api_endpoint`.
        pid: the process that serves it.
    """

    url: str
    calendar_api_url: str
    pid: int


@contextmanager
def running_app(
    database_url: str,
    *,
    port: int = 0,
    faults: Iterable[str] = (),
    auth_token: str | None = None,
    api_key: str | None = None,
    time_zone: str = "UTC",
    log_file: Path | None = None,
) -> Generator[RunningApp]:
    """Start the application, wait until it is healthy, and stop it at the end.

    The child dies with this process, and on Linux with the thread that enters: stay inside in that thread.

    Args:
        database_url: a migrated database with the sandbox's marker.
        port: on loopback; 0 takes a free one.
        faults: names from `faults.FAULTS`.
        auth_token: the telephone webhooks must be signed with it.
        api_key: `/appointments` asks for it.
        time_zone: IANA name; where spoken times are meant.
        log_file: where the child's output is appended; without one it is thrown away.

    Raises:
        ConfigurationError: the port is in use, or a fault or the time zone is unknown.
        RefusedForSafety: the database is not the sandbox's own.
        Unreachable: the application was not healthy within 20 seconds.
    """
    command = [
        sys.executable,
        "-m",
        "prodtest_assets.sandbox.app",
        f"--port={port}",
        f"--time-zone={time_zone}",
    ]
    command += [f"--fault={name}" for name in sorted(check_faults(faults))]
    secrets = {
        "SANDBOX_DATABASE_URL": database_url,
        "SANDBOX_AUTH_TOKEN": auth_token,
        "SANDBOX_API_KEY": api_key,
    }
    deadline = time.monotonic() + _SECONDS_TO_START
    child, report = _start(command, {name: value for name, value in secrets.items() if value}, log_file)
    try:
        url = f"http://127.0.0.1:{_reported_port(report, deadline)}"
        _wait_until_healthy(child, url, deadline)
        yield RunningApp(url, f"{url}/calendar/v3/", child.pid)
    finally:
        os.close(report)
        _stop(child)


def _start(
    command: list[str], secrets: Mapping[str, str], log_file: Path | None
) -> tuple[subprocess.Popen[bytes], int]:
    report, reported_by_child = os.pipe()
    # The application is someone else's: it sees nothing of the settings that lead to a real database.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PRODUCTION_", "PRODTEST_"))
    }
    try:
        with open(log_file or os.devnull, "ab") as log:
            child = subprocess.Popen(
                [*command, f"--parent={os.getpid()}", f"--report-to={reported_by_child}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment | dict(secrets),
                pass_fds=[reported_by_child],
                start_new_session=True,
            )
    except BaseException:
        os.close(report)
        raise
    finally:
        os.close(reported_by_child)
    return child, report


def _reported_port(report: int, deadline: float) -> int:
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(report, selectors.EVENT_READ)
        while not said.endswith(b"\n"):
            if not selector.select(deadline - time.monotonic()):
                raise Unreachable("the reference application did not start within 20 seconds")
            chunk = os.read(report, 4096)
            if not chunk:
                raise Unreachable("the reference application ended before it was ready")
            said += chunk
    message = json.loads(said)
    if "error" in message:
        raise _same_error(message["error"], message["message"])
    return int(message["port"])


def _same_error(kind: str, message: str) -> ProdtestError:
    found = getattr(errors, kind, ConfigurationError)
    return found(message) if issubclass(found, ProdtestError) else ConfigurationError(message)


def _wait_until_healthy(child: subprocess.Popen[bytes], url: str, deadline: float) -> None:
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise Unreachable("the reference application ended before it was ready")
        if _is_healthy(url, deadline - time.monotonic()):
            return
        time.sleep(_POLL_SECONDS)
    raise Unreachable("the reference application does not reach its tables; is the database migrated?")


def _is_healthy(url: str, seconds: float) -> bool:
    # Not through a client that reads proxy settings: this never leaves loopback.
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=max(seconds, 0.1))
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _stop(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
