"""The process that serves the reference application, until it is told to stop or its parent is gone."""

import argparse
import errno
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import uvicorn
from starlette.applications import Starlette

from prodtest_assets.errors import ConfigurationError, ProdtestError
from prodtest_assets.lifetime import die_with_parent
from prodtest_assets.sandbox.app import build_app
from prodtest_assets.sandbox.faults import FAULTS

DATABASE_VARIABLE = "SANDBOX_DATABASE_URL"
AUTH_TOKEN_VARIABLE = "SANDBOX_AUTH_TOKEN"
API_KEY_VARIABLE = "SANDBOX_API_KEY"
_HOST = "127.0.0.1"
_SECONDS_TO_FINISH = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the application on loopback; the port is reported once it accepts connections."""
    options = _parser().parse_args(arguments)
    if options.parent:
        die_with_parent(options.parent)
    try:
        listener = _listen(options.port)
        app = _app(options, os.environ)
    except ProdtestError as error:
        _fail(error, options.report_to)
    port = listener.getsockname()[1]
    if options.report_to is None:
        sys.stdout.write(f"http://{_HOST}:{port}\n")
        sys.stdout.flush()
    else:
        _report({"port": port}, options.report_to)
    config = uvicorn.Config(
        app, lifespan="on", ws="none", access_log=False, log_level="warning", proxy_headers=False,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m prodtest_assets.sandbox.app", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--fault", action="append", default=[], choices=list(FAULTS), help="repeatable")
    parser.add_argument("--time-zone", default="UTC", help="where spoken times are meant")
    parser.add_argument("--parent", type=int, help="process without which this one ends")
    parser.add_argument("--report-to", type=int, help="file descriptor that gets the port, or what is wrong, as JSON")
    return parser


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = "is in use" if error.errno == errno.EADDRINUSE else "cannot be used"
        raise ConfigurationError(f"port {port} {reason}; choose another, or 0 for a free one") from error
    return listener


def _app(options: argparse.Namespace, environment: Mapping[str, str]) -> Starlette:
    url = environment.get(DATABASE_VARIABLE)
    if not url:
        raise ConfigurationError(f"{DATABASE_VARIABLE} is not set")
    return build_app(
        url,
        faults=options.fault,
        auth_token=environment.get(AUTH_TOKEN_VARIABLE),
        api_key=environment.get(API_KEY_VARIABLE),
        time_zone=options.time_zone,
    )


def _report(message: Mapping[str, object], descriptor: int) -> None:
    os.write(descriptor, json.dumps(message).encode() + b"\n")


def _fail(error: ProdtestError, descriptor: int | None) -> NoReturn:
    if descriptor is None:
        sys.stderr.write(f"{error}\n")
    else:
        _report({"error": type(error).__name__, "message": str(error)}, descriptor)
    sys.exit(error.exit_code)
