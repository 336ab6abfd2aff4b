"""A private PostgreSQL: started by its first user, shared by the others, gone with the last.

All who enter `private_postgres` on one directory share one server. Each holds a shared lock while inside; a
supervisor process (`supervisor.py`) ends the server about a second after the last lock is gone.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from prodtest_assets.errors import ConfigurationError, Unreachable
from prodtest_assets.sandbox.accounts import Account, server_account
from prodtest_assets.sandbox.binaries import Binaries
from prodtest_assets.sandbox.cluster import HOST, SUPERUSER, read_password
from prodtest_assets.sandbox.launching import STOP_SECONDS, launch, running_port, start_over
from prodtest_assets.sandbox.locks import SHARED, held, open_lock, release, wait_for_lock
from prodtest_assets.sandbox.state import ServerDirectory, make_directories, nearest_existing, refuse_foreign

_START_SECONDS = 180
_CONNECT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running private PostgreSQL.

    Attributes:
        port: on 127.0.0.1, the only address it listens on.
        password: the superuser's.
        directory: where its files lie.
        user: the superuser.
        host: always 127.0.0.1.
    """

    port: int
    password: str = field(repr=False)
    directory: Path
    user: str = SUPERUSER
    host: str = HOST

    def url(self, database: str) -> str:
        """The address of one of its databases.

        Args:
            database: its name, made of letters, digits, `_` and `-`.

        Returns:
            A `postgresql://` URL that holds the password.
        """
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database.

        Args:
            name: of the new database.
            template: the database to copy, which nobody may be connected to; None for an empty one.

        Returns:
            The URL of the new database.

        Raises:
            Unreachable: the server does not answer.
            psycopg.Error: PostgreSQL refuses, for instance since the name is taken.
        """
        source = sql.Identifier(template or "template1")
        with self._administration() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, cutting off whoever is connected to it; a missing one is fine.

        Args:
            name: of the database.

        Raises:
            Unreachable: the server does not answer.
        """
        with self._administration() as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(name)))

    def has_database(self, name: str) -> bool:
        """Whether there is a database of that name.

        Args:
            name: of the database.

        Raises:
            Unreachable: the server does not answer.
        """
        with self._administration() as connection:
            return bool(connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone())

    @contextmanager
    def _administration(self) -> Iterator[psycopg.Connection]:
        try:
            url = self.url("postgres")
            connection = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        except psycopg.OperationalError as error:
            raise Unreachable(f"the private PostgreSQL in {self.directory} does not answer") from error
        with connection:
            yield connection


@contextmanager
def private_postgres(
    directory: Path,
    *,
    fresh: bool = False,
    settings: Mapping[str, str] | None = None,
    binaries: Binaries | None = None,
) -> Iterator[PostgresServer]:
    """Use the private PostgreSQL of `directory`, starting it if nobody has.

    Inside, the server stays; about a second after its last user has left or died, it stops. Whatever an
    earlier run left there (a server without users, half-made files, a stale lock file) is dealt with first.

    Args:
        directory: made when it is missing. For root it must lie where an unprivileged account can enter.
        fresh: throw the old data away first.
        settings: server settings that win over the usual ones, if this call is what starts the server.
        binaries: PostgreSQL's programs; the preferred installation if None.

    Yields:
        The server, taking connections.

    Raises:
        ConfigurationError: there are no PostgreSQL programs, the data is damaged or another version's, or the
            directory cannot be used. What was made for it is gone again.
        RefusedForSafety: `fresh`, and somebody else is using the server.
        Unreachable: another process has been starting it for minutes.
    """
    server, seat = _join(ServerDirectory(directory.resolve()), fresh=fresh, settings=settings or {}, binaries=binaries)
    try:
        yield server
    finally:
        release(seat)


def remove_private_postgres(directory: Path) -> None:
    """Stop the server of `directory` and remove all its files.

    Args:
        directory: as given to `private_postgres`; a missing one is fine.

    Raises:
        RefusedForSafety: somebody is using the server.
        ConfigurationError: the files cannot be removed.
    """
    files = ServerDirectory(directory.resolve())
    if not files.path.is_dir():
        return
    with _clear_errors(files), held(files.start_lock, _START_SECONDS):
        seat = open_lock(files.users_lock)
        try:
            start_over(files, seat)
            shutil.rmtree(files.path)
        finally:
            release(seat)


def _join(
    files: ServerDirectory, *, fresh: bool, settings: Mapping[str, str], binaries: Binaries | None
) -> tuple[PostgresServer, int]:
    """The server, and the lock that keeps it alive."""
    made: list[Path] = []
    with _clear_errors(files), held(files.start_lock, _START_SECONDS, lambda: made.extend(_make_home(files))):
        seat = open_lock(files.users_lock)
        try:
            if fresh:
                start_over(files, seat)
            if not wait_for_lock(seat, SHARED, STOP_SECONDS):
                raise Unreachable(f"PostgreSQL in {files.path} has been stopping for {STOP_SECONDS} s")
            return _server(files, running_port(files) or launch(files, settings, binaries)), seat
        except BaseException as error:
            release(seat)
            if isinstance(error, Exception):
                _unmake(made)
            raise


def _server(files: ServerDirectory, port: int) -> PostgresServer:
    password = read_password(files)
    if password is None:
        raise ConfigurationError(f"{files.password_file} is gone; end those who use the server, then try again")
    return PostgresServer(port, password, files.path)


@contextmanager
def _clear_errors(files: ServerDirectory) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"cannot keep PostgreSQL's files in {files.path}: {error.strerror or error}; "
            "use a directory you may write to"
        ) from error


def _make_home(files: ServerDirectory) -> list[Path]:
    account = server_account()
    _refuse_unreachable(nearest_existing(files.path), account)
    made = make_directories(files.path, 0o700 if account is None else 0o711)
    refuse_foreign(files.path)
    return made


def _refuse_unreachable(folder: Path, account: Account | None) -> None:
    if account is not None and not account.can_enter(folder):
        raise ConfigurationError(
            f"PostgreSQL refuses to run as root, and the user {account.name}, under which it runs instead, "
            f"cannot enter {folder}; use another directory or another user"
        )


def _unmake(made: list[Path]) -> None:
    """Remove the directories this call made; those above the innermost only if nothing else came in."""
    if made:
        shutil.rmtree(made[-1], ignore_errors=True)
    for folder in reversed(made[:-1]):
        with suppress(OSError):
            folder.rmdir()
