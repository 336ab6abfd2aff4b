"""The private PostgreSQL, with real users that die in every way."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.sandbox.accounts import server_account
from prodtest_assets.sandbox.binaries import Binaries, copied_binaries, find_binaries, readable_binaries
from prodtest_assets.sandbox.cluster import Cluster
from prodtest_assets.sandbox.postgres import PostgresServer, private_postgres, remove_private_postgres
from prodtest_assets.sandbox.state import ServerDirectory, state_directory

_USER = """
import sys
from pathlib import Path
from prodtest_assets.sandbox.postgres import private_postgres

with private_postgres(Path(sys.argv[1])) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_user(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the server of `directory` until it is told to end; its first line is the port."""
    with subprocess.Popen(
        [sys.executable, "-c", _USER, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def use(directory: Path, *, fresh: bool = False, **settings: str) -> AbstractContextManager[PostgresServer]:
    """The private PostgreSQL, not waiting for the disk: power cuts are not tested here."""
    return private_postgres(directory, fresh=fresh, settings={"fsync": "off", **settings})


def port_of(user: subprocess.Popen[str]) -> int:
    assert user.stdout is not None
    return int(user.stdout.readline())


def processes_of(directory: Path) -> list[psutil.Process]:
    """The supervisor and the server of `directory`, with the server's own children."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if os.fspath(directory) in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found += [process, *process.children(recursive=True)]
    return [process for process in dict.fromkeys(found) if process.pid != os.getpid()]


def the_supervisor(directory: Path) -> psutil.Process:
    return psutil.Process(int(ServerDirectory(directory).supervisor_lock.read_text()))


def the_server(directory: Path) -> psutil.Process:
    return psutil.Process(int((ServerDirectory(directory).data / "postmaster.pid").read_text().split()[0]))


def soon(holds: Callable[[], bool], seconds: float = 4.0) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


def all_gone(directory: Path) -> Callable[[], bool]:
    return lambda: not processes_of(directory)


def end_at_once(directory: Path) -> None:
    """Do not wait for the supervisor to notice that the last user is gone."""
    the_supervisor(directory).terminate()
    assert soon(all_gone(directory))


def stopped_server(directory: Path) -> ServerDirectory:
    """The files of a server that ran and was stopped in order."""
    with use(directory) as server:
        keep_something(server)
    end_at_once(directory)
    return ServerDirectory(directory)


def keep_something(server: PostgresServer) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def what_was_kept(server: PostgresServer) -> object:
    with psycopg.connect(server.url("postgres"), connect_timeout=5) as connection:
        row = connection.execute("SELECT answer FROM kept").fetchone()
    return row and row[0]


def the_answer(server: PostgresServer) -> object:
    with psycopg.connect(server.url("postgres"), connect_timeout=5) as connection:
        row = connection.execute("SELECT 42").fetchone()
    return row and row[0]


def files_below(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*")) if directory.exists() else []


def test_a_server_starts_answers_and_is_gone_soon_after_its_only_user(server_directory: Path) -> None:
    with private_postgres(server_directory) as server:
        assert the_answer(server) == 42
        assert processes_of(server_directory)

    assert soon(all_gone(server_directory))


def test_its_clock_is_utc_and_its_text_is_utf8(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url("postgres")) as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


def test_a_database_is_made_copied_and_dropped_under_a_session_that_uses_it(postgres: PostgresServer) -> None:
    first, copy = (f"booking_test_{secrets.token_hex(4)}" for _ in range(2))
    with psycopg.connect(postgres.create_database(first)) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    with psycopg.connect(postgres.create_database(copy, template=first)) as connection:
        connection.execute("SELECT FROM kept")
        connection.commit()
        postgres.drop_database(copy)
    postgres.drop_database(first)

    assert not postgres.has_database(first)
    assert not postgres.has_database(copy)


def test_data_outlives_the_server(server_directory: Path) -> None:
    stopped_server(server_directory)

    with use(server_directory) as server:
        assert what_was_kept(server) == 42


def test_a_second_process_shares_the_server_and_keeps_it_alive(server_directory: Path) -> None:
    with another_user(server_directory) as other:
        with use(server_directory) as server:
            assert port_of(other) == server.port
        time.sleep(2)
        assert the_answer(server) == 42
    assert soon(all_gone(server_directory))


def test_the_server_dies_when_its_last_user_is_killed(server_directory: Path) -> None:
    with another_user(server_directory) as other:
        port_of(other)
        assert processes_of(server_directory)
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert soon(all_gone(server_directory))


def test_a_user_killed_while_the_server_starts_leaves_nothing_running(server_directory: Path) -> None:
    for moment in (0.3, 0.5, 0.8, 1.1):
        with another_user(server_directory) as other:
            time.sleep(moment)
            other.send_signal(signal.SIGKILL)
        assert soon(all_gone(server_directory), 6)

    with use(server_directory) as server:
        assert the_answer(server) == 42


def test_a_start_that_follows_at_once_on_the_last_exit_works(server_directory: Path) -> None:
    for pause in (0.0, 0.9, 1.0, 1.05, 1.1, 1.15, 1.2):
        with use(server_directory) as server:
            assert the_answer(server) == 42
        time.sleep(pause)


def test_a_killed_supervisor_takes_the_server_along_and_the_next_start_works(server_directory: Path) -> None:
    with use(server_directory) as server:
        keep_something(server)
        server_process = the_server(server_directory)
        the_supervisor(server_directory).kill()
        if sys.platform == "linux":
            assert soon(lambda: not server_process.is_running())

        with use(server_directory) as successor:
            assert what_was_kept(successor) == 42
            assert the_server(server_directory) != server_process
    assert soon(all_gone(server_directory))


def test_a_killed_server_is_started_again_by_the_next_user(server_directory: Path) -> None:
    with use(server_directory) as server:
        keep_something(server)
        the_server(server_directory).kill()

        with use(server_directory) as successor:
            assert what_was_kept(successor) == 42
    assert soon(all_gone(server_directory))


def test_a_user_who_comes_while_the_server_recovers_from_a_killed_session_waits_for_it(
    server_directory: Path,
) -> None:
    with use(server_directory) as server:
        keep_something(server)
        for _ in range(5):
            for child in the_server(server_directory).children()[:1]:
                child.kill()
                child.wait(5)
            with use(server_directory) as successor:
                assert what_was_kept(successor) == 42


def test_all_its_processes_killed_at_once_do_no_harm(server_directory: Path) -> None:
    with use(server_directory) as server:
        keep_something(server)
        for process in processes_of(server_directory):
            with suppress(psutil.NoSuchProcess):
                process.kill()

        with use(server_directory) as successor:
            assert what_was_kept(successor) == 42


def test_a_server_that_outlived_its_supervisor_is_stopped_by_the_next_start(server_directory: Path) -> None:
    stopped_server(server_directory)
    orphan, _ = cluster_in(server_directory).start()

    with use(server_directory) as server:
        assert orphan.wait(5) is not None
        assert the_answer(server) == 42


def test_a_stale_pid_file_does_not_stop_the_start(server_directory: Path) -> None:
    pid_file = stopped_server(server_directory).data / "postmaster.pid"
    # This test's own process lives and is no server of that directory; process 1 lives and is somebody else's.
    living = f"{os.getpid()}\n/elsewhere\n1\n1\n"
    for content in ("", "no number\n", "99999999\n/elsewhere\n", living, "1\n", "0\n"):
        pid_file.write_text(content)
        with use(server_directory) as server:
            assert what_was_kept(server) == 42, content
        end_at_once(server_directory)


def test_lost_or_damaged_state_files_do_not_stop_the_start(server_directory: Path) -> None:
    stopped_server(server_directory)
    for content in (None, b"", b"12345678901234567890", b"\xff\xfe garbage"):
        for name in ("port", "password", "supervisor.lock", "users.lock", "start.lock", "server.log"):
            if content is None:
                (server_directory / name).unlink(missing_ok=True)
            else:
                (server_directory / name).write_bytes(content)
        with use(server_directory) as server:
            assert what_was_kept(server) == 42, content
        end_at_once(server_directory)


def test_a_half_finished_initdb_is_thrown_away(server_directory: Path) -> None:
    files = stopped_server(server_directory)
    half = files.server / "initdb-1234"
    files.data.rename(half)
    shutil.rmtree(half / "global")

    with use(server_directory) as server:
        assert the_answer(server) == 42
    assert not half.exists()


def test_two_starts_at_once_make_one_server(server_directory: Path) -> None:
    with another_user(server_directory) as one, another_user(server_directory) as two:
        assert port_of(one) == port_of(two)
        supervisors = [each for each in processes_of(server_directory) if "supervisor" in " ".join(each.cmdline())]
        assert len(supervisors) == 1


def test_fresh_starts_over_without_the_old_data(server_directory: Path) -> None:
    with use(server_directory) as server:
        server.create_database("old_test")

    with use(server_directory, fresh=True) as server:
        assert not server.has_database("old_test")
        assert the_answer(server) == 42


def test_fresh_is_refused_while_somebody_else_uses_the_server(server_directory: Path) -> None:
    with another_user(server_directory) as other:
        port = port_of(other)
        with pytest.raises(RefusedForSafety), use(server_directory, fresh=True):
            pass
        with use(server_directory) as server:
            assert server.port == port
            with pytest.raises(RefusedForSafety):
                remove_private_postgres(server_directory)


def test_fresh_repairs_what_cannot_be_started(server_directory: Path) -> None:
    (stopped_server(server_directory).data / "PG_VERSION").write_text("9\n")

    with pytest.raises(ConfigurationError, match=r"PostgreSQL 9, .*prodtest demo --fresh"):
        use(server_directory).__enter__()
    with use(server_directory, fresh=True) as server:
        assert the_answer(server) == 42


def test_damaged_data_are_one_clear_line(server_directory: Path) -> None:
    (stopped_server(server_directory).data / "global" / "pg_control").unlink()

    with pytest.raises(ConfigurationError, match="prodtest demo --fresh") as caught:
        use(server_directory).__enter__()
    assert "\n" not in str(caught.value)
    assert soon(all_gone(server_directory))


def test_it_listens_on_the_loopback_address_only(server_directory: Path) -> None:
    with use(server_directory) as server:
        sockets = [
            connection
            for process in processes_of(server_directory)
            for connection in process.net_connections(kind="all")
            if connection.status == psutil.CONN_LISTEN or connection.family == socket.AF_UNIX
        ]

        assert {connection.laddr for connection in sockets} == {("127.0.0.1", server.port)}


def test_the_password_stands_in_one_file_for_its_owner_only_and_in_no_command_line(
    server_directory: Path,
) -> None:
    with use(server_directory) as server:
        holders = [path for path in files_below(server_directory) if path.is_file() and _holds(path, server.password)]
        assert holders == [server_directory / "password"]
        assert holders[0].stat().st_mode & 0o777 == 0o600
        for process in processes_of(server_directory):
            assert server.password not in " ".join(process.cmdline())
        assert server.password not in repr(server)


def test_a_wrong_password_is_refused(postgres: PostgresServer) -> None:
    wrong = postgres.url("postgres").replace(postgres.password, "wrong")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_no_directory_above_the_server_changes_owner_or_mode(server_directory: Path) -> None:
    above = [*server_directory.parents, Path.home(), Path(sys.prefix)]
    before = [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in above]

    with use(server_directory / "deeper"):
        after = [(folder, folder.stat().st_mode, folder.stat().st_uid) for folder in above]

    remove_private_postgres(server_directory / "deeper")
    assert after == before


def test_a_directory_that_cannot_be_made_is_one_clear_line() -> None:
    in_the_way = Path("/var/tmp") / f"prodtest-tests-{secrets.token_hex(4)}"
    in_the_way.write_text("a file")
    try:
        with pytest.raises(ConfigurationError, match="use a directory you may write to") as caught:
            private_postgres(in_the_way / "below").__enter__()
    finally:
        in_the_way.unlink()
    assert "\n" not in str(caught.value)


def test_a_setting_postgresql_refuses_is_one_clear_line_and_leaves_nothing(server_directory: Path) -> None:
    with pytest.raises(ConfigurationError, match="no_such_setting") as caught:
        use(server_directory / "deeper", no_such_setting="1").__enter__()

    assert "\n" not in str(caught.value)
    assert soon(all_gone(server_directory))
    assert not server_directory.exists()


def test_a_start_that_fails_does_not_take_the_directory_from_one_that_waits(server_directory: Path) -> None:
    def fail() -> None:
        with pytest.raises(ConfigurationError, match="no_such_setting"):
            use(server_directory, no_such_setting="1").__enter__()

    with ThreadPoolExecutor() as pool:
        failing = pool.submit(fail)
        assert soon(server_directory.exists)
        with use(server_directory) as server:
            assert the_answer(server) == 42
        failing.result()


def test_removing_the_directory_under_a_running_server_ends_it(server_directory: Path) -> None:
    with use(server_directory):
        shutil.rmtree(server_directory, ignore_errors=True)

    assert soon(all_gone(server_directory))


def test_binaries_in_a_closed_folder_are_copied_to_where_the_server_can_read_them(
    server_directory: Path, tmp_path: Path
) -> None:
    stopped_server(server_directory)
    installed = find_binaries()
    assert installed.tree is not None
    # For root, pytest's folder is closed to the account PostgreSQL runs under; for others nothing is copied.
    closed = copied_binaries(installed, installed.tree, tmp_path)
    readable = readable_binaries(closed, server_account(), server_directory / "binaries")
    assert (readable == closed) == (os.geteuid() != 0)

    process, _ = cluster_in(server_directory, readable).start()

    assert psutil.Process(process.pid).exe().startswith(os.fspath(readable.folder))
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_state_lies_in_the_checkout_else_in_the_data_folder_of_the_user(server_directory: Path) -> None:
    server_directory.mkdir()
    server_directory.chmod(0o755)
    environment = {"XDG_DATA_HOME": os.fspath(server_directory / "data")}

    assert state_directory(environment, server_directory) == server_directory / "data" / "prodtest"
    (server_directory / "pyproject.toml").touch()
    assert state_directory(environment, server_directory) == server_directory / ".prodtest"


def test_state_that_the_server_could_not_reach_lies_in_var_tmp(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "pyproject.toml").touch()

    state = state_directory({}, closed)

    if os.geteuid() == 0:
        assert state.parent == Path("/var/tmp")
        assert state.stat().st_uid == 0
        state.rmdir()
    else:
        assert state == closed / ".prodtest"


def cluster_in(directory: Path, binaries: Binaries | None = None) -> Cluster:
    found = binaries or find_binaries()
    return Cluster(ServerDirectory(directory), found.folder, found.major, server_account())


def _holds(path: Path, text: str) -> bool:
    with suppress(FileNotFoundError):
        return text.encode() in path.read_bytes()
    return False
