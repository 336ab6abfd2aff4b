"""A session of `prodtest dev`: PostgreSQL, an application and Dagster, up together and gone together."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prodtest_assets.cli.dagster_home import prepare_dagster
from prodtest_assets.cli.dev.children import Children, children
from prodtest_assets.cli.dev.folder import only_session
from prodtest_assets.cli.dev.processes import HOST, free_port, is_free, start_dagster, start_preparing
from prodtest_assets.cli.dev.world import World, own_deployment, world_of
from prodtest_assets.cli.output import say
from prodtest_assets.errors import ConfigurationError, ProdtestError
from prodtest_assets.sandbox.locks import is_locked
from prodtest_assets.sandbox.postgres import PostgresServer, private_postgres
from prodtest_assets.sandbox.state import ServerDirectory

_USUAL_PORT = 3000
_SECONDS_FOR_THE_PORT = 2.0
_SECONDS_FOR_POSTGRES = 5.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is up.

    Attributes:
        url: of the web UI.
        world: what it shows.
        storage: where Dagster's storage is, without the password.
        password_file: holds the password of the private PostgreSQL.
        logs: the folder with what each process has to say.
        dagster: the processes of Dagster.
    """

    url: str
    world: World
    storage: str
    password_file: Path
    logs: Path
    dagster: Children

    def stay(self) -> None:
        """Watch over the processes until an exception ends it, as Ctrl-C does.

        Raises:
            ProdtestError: one of them ended by itself; the message names it and its log.
        """
        server = ServerDirectory(self.password_file.parent)
        while True:
            self.dagster.check()
            if self.world.application_pid and _has_ended(self.world.application_pid):
                raise ProdtestError(f"the application ended by itself; {self.logs / 'application.log'} says why")
            if not is_locked(server.supervisor_lock):
                raise ProdtestError(f"PostgreSQL ended by itself; {server.log} says why")
            time.sleep(_POLL_SECONDS)


@contextmanager
def dev_session(port: int | None, faults: Sequence[str], *, fresh: bool, alerts: bool) -> Iterator[Session]:
    """Start everything, and end it in reverse order, PostgreSQL last.

    Args:
        port: of the web UI; None for the usual one, or for any if that is in use.
        faults: how the private application misbehaves.
        fresh: throw away the databases of earlier sessions.
        alerts: whether what a private deployment does wrong goes to PRODTEST_ALERT_URLS.

    Raises:
        ConfigurationError: the port is in use, a session is at work here already, only one half of somebody's own
            deployment is named, or there is no such fault.
        ProdtestError: something did not start.
    """
    own = own_deployment(faults)
    with only_session() as folder:
        ports = _ports(port)
        say("starting PostgreSQL")
        with _postgres(folder.postgres, fresh=fresh) as server, children(folder.logs) as helpers:
            storage = prepare_dagster(folder.dagster_home, server, fresh=fresh)
            preparing = start_preparing(helpers, dict(os.environ) | storage, folder.dagster_home)
            say("preparing the booking database" if own is None else "preparing Dagster's storage")
            with world_of(own, server, folder, faults, alerts=alerts) as world, children(folder.logs) as dagster:
                say("starting Dagster: code server, web server, daemon")
                environment = {
                    "PRODTEST_AUTOSTART": "true",
                    "PRODTEST_WEBSERVER_URL": f"http://{HOST}:{ports[0]}",
                    **world.environment,
                    **storage,
                }
                url = start_dagster(dagster, environment, ports=ports, folder=world.folder, wait_for=preparing)
                folder.address.write_text(url)
                shown = f"postgresql://{server.user}@{server.host}:{server.port}/{storage['DAGSTER_POSTGRES_DB']}"
                password = ServerDirectory(server.directory).password_file
                yield Session(url, world, shown, password, folder.logs, dagster)


@contextmanager
def _postgres(directory: Path, *, fresh: bool) -> Iterator[PostgresServer]:
    """The private PostgreSQL; afterwards it is gone, if nobody else uses it."""
    try:
        with private_postgres(directory, fresh=fresh) as server:
            yield server
    finally:
        deadline = time.monotonic() + _SECONDS_FOR_POSTGRES
        while is_locked(ServerDirectory(directory).supervisor_lock) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS / 10)


def _ports(port: int | None) -> list[int]:
    """The ports for the web UI, in the order in which they are tried.

    Raises:
        ConfigurationError: the one that is asked for is in use.
    """
    if port is None:
        usual = [_USUAL_PORT] if is_free(_USUAL_PORT) else []
        return [*usual, free_port(), free_port()]
    deadline = time.monotonic() + _SECONDS_FOR_THE_PORT
    # A session that was killed gives its port back within a moment.
    while not is_free(port):
        if time.monotonic() > deadline:
            raise ConfigurationError(f"port {port} is in use; choose another with --port")
        time.sleep(_POLL_SECONDS / 10)
    return [port]


def _has_ended(pid: int) -> bool:
    """Whether a child is over; whoever started it still learns how."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
