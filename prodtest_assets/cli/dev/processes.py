"""Dagster's own processes in `prodtest dev`: a code server, the web server and the daemon."""

import http.client
import json
import random
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from prodtest_assets.cli.dev.children import Child, Children
from prodtest_assets.errors import ConfigurationError, ProdtestError

HOST = "127.0.0.1"
LOCATION = "prodtest"
# Below those that systems give to outgoing connections. https://docs.kernel.org/networking/ip-sysctl.html
_PORTS_OF_SERVERS = range(20_000, 32_000)
_SECONDS_TO_PREPARE = 60.0
_SECONDS_TO_START = 120.0
_POLL_SECONDS = 0.1
_DEFINITIONS = "prodtest_assets.definitions"
_LOCATIONS = (
    "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError { __typename "
    "... on PythonError { message } } } } } }"
)


def start_preparing(children: Children, environment: Mapping[str, str], home: Path) -> Child:
    """Begin to make the tables of Dagster's storage, and to close the runs that somebody has killed."""
    return children.start("storage", ["-m", "prodtest_assets.cli.dev.storage"], environment, home)


def start_dagster(
    children: Children, environment: Mapping[str, str], *, ports: Iterable[int], folder: Path, wait_for: Child
) -> str:
    """Start Dagster and wait until its web UI shows the definitions.

    One code server loads them for all: the web server and the daemon ask it, and it starts the runs.

    Args:
        children: own what is started.
        environment: of all three, and of the runs.
        ports: for the web UI; the next is taken when somebody was quicker at the one before.
        folder: their current directory.
        wait_for: from `start_preparing`.

    Returns:
        The web UI's address.

    Raises:
        ProdtestError: something ended by itself or did not come up in two minutes; its log is named.
    """
    # Whoever finds no tables in the storage makes them, and of two at the same moment one dies of it.
    wait_for.finish(_SECONDS_TO_PREPARE)
    code_port = free_port()
    server = {"host": HOST, "port": code_port, "location_name": LOCATION}
    workspace = Path(environment["DAGSTER_HOME"]) / "workspace.yaml"
    # JSON is YAML. https://yaml.org/spec/1.2.2/#12-yaml-history
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))

    def start(name: str, *command: object) -> Child:
        return children.start(name, ["-m", *map(str, command)], environment, folder)

    address = ("--host", HOST, "--port", code_port, "--location-name", LOCATION)
    start("code-server", "dagster", "code-server", "start", "--module-name", _DEFINITIONS, *address)
    start("daemon", "dagster._daemon", "run", "--workspace", workspace)
    for port in ports:
        web = start("webserver", "dagster_webserver", "--workspace", workspace, "--host", HOST, "--port", port)
        if _comes_up(children, web, port):
            return f"http://{HOST}:{port}"
        children.forget(web)
    raise ConfigurationError("the port for the web UI was taken meanwhile; choose another with --port")


def free_port() -> int:
    """A port on loopback that nobody uses, and that no outgoing connection takes before a server does."""
    return next(port for port in random.sample(_PORTS_OF_SERVERS, len(_PORTS_OF_SERVERS)) if is_free(port))


def is_free(port: int) -> bool:
    """Whether nobody uses a port on loopback at this moment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _comes_up(children: Children, web: Child, port: int) -> bool:
    """Wait until the web UI shows the definitions. False when somebody else has taken its port."""
    deadline = time.monotonic() + _SECONDS_TO_START
    missing = ""
    while time.monotonic() < deadline:
        if web.has_ended and not is_free(port):
            return False
        children.check()
        missing = _what_keeps_it(port, web.log.parent)
        if not missing:
            return True
        time.sleep(_POLL_SECONDS)
    raise ProdtestError(f"Dagster's web UI was not ready within {_SECONDS_TO_START:.0f} s: {missing}; see {web.log}")


def _what_keeps_it(port: int, logs: Path) -> str:
    """Why the web UI does not show the definitions yet; empty when it does.

    Raises:
        ProdtestError: it never will.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        body = json.dumps({"query": _LOCATIONS})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        entries = json.loads(connection.getresponse().read())["data"]["workspaceOrError"]["locationEntries"]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        return f"it did not answer ({type(error).__name__})"
    finally:
        connection.close()
    for entry in entries:
        found = entry["locationOrLoadError"] or {}
        if entry["loadStatus"] == "LOADED" and "DagsterUserCodeLoadError" in found.get("message", ""):
            raise ProdtestError(f"the definitions cannot be loaded; {logs / 'code-server.log'} says why")
        if entry["loadStatus"] != "LOADED" or found.get("__typename") != "RepositoryLocation":
            return f"the definitions are not loaded: {str(found.get('message', 'still loading')).splitlines()[0]}"
    return "" if entries else "it knows no code location"
