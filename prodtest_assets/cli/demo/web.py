"""Dagster's web UI on a demonstration's database, until somebody has seen enough."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from prodtest_assets.errors import ConfigurationError, ProdtestError
from prodtest_assets.lifetime import die_with_parent

_HOST = "127.0.0.1"
_SECONDS_TO_STOP = 10.0


def require_web(port: int) -> None:
    """Find out before the demonstration whether the web UI can be shown after it.

    Raises:
        ConfigurationError: the web server is not installed, or the port is in use.
    """
    if importlib.util.find_spec("dagster_webserver") is None:
        raise ConfigurationError("the web UI needs its server: pip install dagster-webserver")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise ConfigurationError(f"port {port} is in use; choose another with --web-port") from error


def serve(environment: Mapping[str, str], port: int, log: Path) -> None:
    """Show the web UI until Ctrl-C. Its process dies with this one.

    Args:
        environment: of the demonstration's job.
        port: on loopback.
        log: gets what it prints.

    Raises:
        ProdtestError: it ended by itself.
    """
    with log.open("ab") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "prodtest_assets.cli.demo.web", str(os.getpid()), str(port)],
            env=dict(environment),
            cwd=environment["DAGSTER_HOME"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        server.wait()
    except KeyboardInterrupt:
        return
    finally:
        _stop(server)
    raise ProdtestError(f"the web UI ended by itself; see {log}")


def _stop(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _main(parent: int, port: int) -> None:
    die_with_parent(parent)
    from dagster_webserver.cli import main

    sys.argv = ["dagster-webserver", "-m", "prodtest_assets.definitions", "-h", _HOST, "-p", str(port)]
    main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
