"""One data directory of PostgreSQL: made, started and stopped. Only the supervisor does this."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.lifetime import die_with_parent
from prodtest_assets.sandbox.accounts import Account, RunAs
from prodtest_assets.sandbox.state import ServerDirectory

SUPERUSER = "booking"
HOST = "127.0.0.1"
START_OVER = "`prodtest demo --fresh` starts over"

_READY_SECONDS = 120
_STOP_SECONDS = 10
_RETRY_SECONDS = 15
_POLL_SECONDS = 0.01
_BUILTIN_LOCALE_SINCE = 17
# Nothing of the caller's environment: PGDATA and its like would redirect the programs. With a C locale their
# messages can be recognised, and macOS does not start threads in the server.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "jit": "off",
    "cluster_name": "prodtest",
}
# What goes away by itself: a port taken meanwhile, server processes yet to notice that they are orphans.
_PASSING = (
    "could not create any TCP/IP sockets",
    "pre-existing shared memory block",
    '"postmaster.pid" already exists',
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data directory and what is needed to run it.

    Attributes:
        directory: where it lies.
        programs: the folder with `initdb` and `postgres`.
        major: the major version of these programs.
        account: under whose name they run; None for the current user.
        settings: server settings that win over the usual ones.
    """

    directory: ServerDirectory
    programs: Path
    major: int
    account: Account | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the data directory unless it is there, and see to it that the superuser's password is known.

        Raises:
            ConfigurationError: the data is another version's or damaged, or cannot be written.
            OSError: a file cannot be written.
        """
        known = read_password(self.directory)
        if not self.directory.data.exists():
            if known is None:
                self._write_password(secrets.token_urlsafe(24))
            self._create()
            return
        self._check_version()
        if known is None:
            password = secrets.token_urlsafe(24)
            self._set_password(password)
            self._write_password(password)

    def start(self) -> tuple[subprocess.Popen[bytes], int]:
        """Start the server and wait until it takes connections.

        Returns:
            The server's process, and its port on 127.0.0.1.

        Raises:
            ConfigurationError: it does not start; the message holds PostgreSQL's own reason.
        """
        deadline = time.monotonic() + _RETRY_SECONDS
        while True:
            begin = self.directory.log.stat().st_size
            port = _free_port()
            process = self._launch(port)
            if self._is_ready(process):
                return process, port
            reason = self._reason(begin)
            if time.monotonic() > deadline or not any(passing in reason for passing in _PASSING):
                where = self.directory.path
                raise ConfigurationError(f"PostgreSQL does not start in {where}: {reason}; {START_OVER}")
            time.sleep(_POLL_SECONDS * 10)

    def _create(self) -> None:
        server = self.directory.server
        if not server.is_dir():
            server.mkdir(mode=0o700)
            if self.account is not None:
                os.chown(server, self.account.uid, self.account.gid)
        unfinished = server / f"initdb-{secrets.token_hex(4)}"
        locale = ["--locale=C"]
        if self.major >= _BUILTIN_LOCALE_SINCE:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        begin = self.directory.log.stat().st_size
        try:
            self._run(
                "initdb", "-D", str(unfinished), "-U", SUPERUSER, "--auth=scram-sha-256", "--no-sync",
                f"--pwfile={self.directory.password_file}", "--encoding=UTF8", *locale,
            )  # fmt: skip
            # Whoever finds a data directory finds a whole one.
            unfinished.rename(self.directory.data)
        except subprocess.CalledProcessError as error:
            reason = self._reason(begin)
            where = self.directory.path
            raise ConfigurationError(f"PostgreSQL cannot be set up in {where}: {reason}") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _check_version(self) -> None:
        try:
            found = (self.directory.data / "PG_VERSION").read_text().strip()
        except OSError:
            found = ""
        if not found.isdecimal():
            raise ConfigurationError(f"the data in {self.directory.path} is damaged; {START_OVER}")
        if int(found) != self.major:
            raise ConfigurationError(
                f"the data in {self.directory.path} was made by PostgreSQL {found}, and PostgreSQL "
                f"{self.major} is installed; {START_OVER}"
            )

    def _write_password(self, password: str) -> None:
        new = self.directory.path / "password.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            if self.account is not None:
                # initdb reads it from here; it knows it anyway.
                os.fchown(descriptor, self.account.uid, self.account.gid)
            file.write(password)
        new.rename(self.directory.password_file)

    def _set_password(self, password: str) -> None:
        # The single-user server is the only one that asks for no password; it reads its statement from
        # standard input, so that the password stands in no list of processes. The alphabet of token_urlsafe
        # needs no quoting.
        statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n"
        try:
            self._run("postgres", "--single", "-D", str(self.directory.data), "postgres", stdin=statement)
        except subprocess.CalledProcessError as error:
            raise ConfigurationError(f"the data in {self.directory.path} is damaged; {START_OVER}") from error

    def _launch(self, port: int) -> subprocess.Popen[bytes]:
        settings = {**_SETTINGS, **self.settings, "port": str(port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.directory.log.open("ab") as log:
            return subprocess.Popen(
                [self.programs / "postgres", "-D", self.directory.data, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=_ENVIRONMENT,
                start_new_session=True, preexec_fn=_tied_to_supervisor(signal.SIGQUIT), **self._run_as(),
            )  # fmt: skip

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        with self.directory.log.open("ab") as log:
            subprocess.run(
                [self.programs / program, *arguments],
                input=stdin.encode(), stdout=log, stderr=log, cwd="/", env=_ENVIRONMENT, check=True,
                preexec_fn=_tied_to_supervisor(signal.SIGKILL), **self._run_as(),
            )  # fmt: skip

    def _run_as(self) -> RunAs:
        return self.account.run_as() if self.account is not None else {}

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + _READY_SECONDS
        while process.poll() is None:
            lines = _lines(self.directory.data / "postmaster.pid")
            # The eighth line is the server's state, as pg_ctl reads it:
            # https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/utils/pidfile.h
            if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                stop(process)
            time.sleep(_POLL_SECONDS)
        return False

    def _reason(self, begin: int) -> str:
        with self.directory.log.open("rb") as log:
            log.seek(begin)
            said = log.read().decode(errors="replace")
        # The first complaint is the cause; a full disk is followed by complaints about the consequences.
        found = re.search(r"(?:FATAL|PANIC|ERROR|error):\s+(.*)", said)
        if found is None:
            return f"it ended without a word, see {self.directory.log}"
        hint = re.match(r"\n.*HINT:\s+(.*)", said[found.end() :])
        return f"{found[1]} ({hint[1]})" if hint else found[1]


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server: in order, cutting off its sessions, and by force after ten seconds.

    Args:
        process: from `Cluster.start`.
    """
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_password(directory: ServerDirectory) -> str | None:
    """The superuser's password.

    Args:
        directory: of the server.

    Returns:
        None when the file is missing or damaged.
    """
    content = "".join(_lines(directory.password_file))
    return content if re.fullmatch(r"[\w-]{32}", content, re.ASCII) else None


def _tied_to_supervisor(sign: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before it becomes PostgreSQL; elsewhere than on Linux the next start clears up."""
    if sys.platform != "linux":
        return None
    supervisor = os.getpid()
    return lambda: die_with_parent(supervisor, with_signal=sign)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
