"""The application as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from prodtest_assets.errors import ConfigurationError, RefusedForSafety, Unreachable
from prodtest_assets.sandbox.server import running_app
from tests.phone import NUMBER, Sandbox


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _is_running(pid):
        assert time.monotonic() < deadline, "the application is still there"
        time.sleep(0.02)


def test_it_serves_calls_and_stops_at_the_end(booking_url: str, soon: datetime) -> None:
    with running_app(booking_url) as app, httpx.Client(base_url=app.url, timeout=30) as client:
        sandbox = Sandbox(client, booking_url)
        assert sandbox.phone().book("Anna Berg", soon).startswith("You are booked")
        assert app.calendar_api_url == f"{app.url}/calendar/v3/"

    assert len(sandbox.rows()) == 1
    assert not _is_running(app.pid)


def test_secrets_are_in_no_argument_and_real_settings_stay_outside(
    booking_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODUCTION_DB_URL", "postgresql://customers")

    with running_app(booking_url, auth_token="sesame", api_key="open-sesame") as app:
        arguments = Path(f"/proc/{app.pid}/cmdline").read_text()
        environment = Path(f"/proc/{app.pid}/environ").read_text()
        unsigned = httpx.post(f"{app.url}/twilio/voice", data={"CallSid": "CA1"}).status_code
        keyless = httpx.get(f"{app.url}/appointments").status_code

    assert "sesame" not in arguments
    assert booking_url not in arguments
    assert "postgresql://customers" not in environment
    assert (unsigned, keyless) == (403, 401)


def test_a_busy_port_is_named(booking_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} is in use"), running_app(booking_url, port=port):
            pass


def test_what_the_child_refuses_is_raised_here(booking_url: str, empty_database: str) -> None:
    missing = f"{booking_url}_missing"
    with pytest.raises(RefusedForSafety, match="marker"), running_app(empty_database):
        pass
    with pytest.raises(Unreachable), running_app(missing):
        pass
    with pytest.raises(ConfigurationError, match="Mars"), running_app(booking_url, time_zone="Mars/Base"):
        pass
    with pytest.raises(ConfigurationError, match="no fault"), running_app(booking_url, faults=["nonsense"]):
        pass


def test_a_stopped_child_is_killed_in_the_end(booking_url: str) -> None:
    with running_app(booking_url) as app:
        os.kill(app.pid, signal.SIGSTOP)

    assert not _is_running(app.pid)


def test_it_dies_with_a_parent_that_is_killed(booking_url: str) -> None:
    program = (
        "import sys, time\n"
        "from prodtest_assets.sandbox.server import running_app\n"
        "with running_app(sys.stdin.readline().strip()) as app:\n"
        "    sys.stdout.write(f'{app.pid}\\n')\n"
        "    sys.stdout.flush()\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdin
        assert parent.stdout
        parent.stdin.write(f"{booking_url}\n")
        parent.stdin.flush()
        pid = int(parent.stdout.readline())
        parent.kill()

    _wait_until_gone(pid)


def test_an_internal_error_is_written_to_the_log_without_the_callers_number(booking_url: str, tmp_path: Path) -> None:
    log = tmp_path / "app.log"

    with running_app(booking_url, log_file=log) as app:
        with psycopg.connect(booking_url) as connection:
            connection.execute("ALTER TABLE users RENAME TO mislaid")
        answer = httpx.post(f"{app.url}/twilio/voice", data={"CallSid": "CA1", "From": NUMBER})

    assert answer.status_code == 500
    assert "UndefinedTable" in log.read_text()
    assert NUMBER not in log.read_text()


def test_by_hand_it_says_where_it_is_or_in_one_line_what_is_wrong(booking_url: str) -> None:
    command = [sys.executable, "-m", "prodtest_assets.sandbox.app", "--port=0"]

    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == "SANDBOX_DATABASE_URL is not set\n"

    environment = os.environ | {"SANDBOX_DATABASE_URL": booking_url}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout
        url = served.stdout.readline().strip()
        assert httpx.get(f"{url}/healthz").status_code == 200
        served.terminate()
