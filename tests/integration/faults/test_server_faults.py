"""A server that restarts or crashes in mid-batch, and one that is only a replica."""

import os
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from prodtest_assets.errors import RefusedForSafety, Unreachable
from prodtest_assets.sandbox.accounts import server_account
from prodtest_assets.sandbox.binaries import find_binaries, readable_binaries
from prodtest_assets.sandbox.cluster import Cluster, stop
from prodtest_assets.sandbox.postgres import PostgresServer, private_postgres, remove_private_postgres
from prodtest_assets.sandbox.state import ServerDirectory
from prodtest_assets.schema import ensure_schema, migrate_booking_tables
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.removal import Progress
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.snapshot import take_snapshot
from tests.booking_world import RULES, BookingWorld
from tests.integration.faults.application import open_application
from tests.integration.faults.conftest import Scene

NAME = "booking_faults_test"
TEMPLATE = "template_faults_test"


def postmaster(server: PostgresServer) -> psutil.Process:
    pid = (ServerDirectory(server.directory).data / "postmaster.pid").read_text().split()[0]
    return psutil.Process(int(pid))


def stop_in_order(server: PostgresServer) -> None:
    process = postmaster(server)
    process.send_signal(signal.SIGINT)
    process.wait(20)


def kill_everything(server: PostgresServer) -> None:
    process = postmaster(server)
    for each in [*process.children(), process]:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait(20)


def crash_one_session(server: PostgresServer) -> None:
    """One killed session makes the server end all others and recover."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'prodtest' AND datname = %s", [NAME]
        ).fetchall()
    os.kill(found[0][0], signal.SIGKILL)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Of a server with a migrated database, which may be stopped and broken."""
    place = Path("/var/tmp") / f"prodtest-tests-{secrets.token_hex(4)}"
    try:
        with private_postgres(place) as server:
            url = server.create_database(TEMPLATE)
            migrate_booking_tables(url)
            ensure_schema(url, ReservedNumbers())
        yield place
    finally:
        remove_private_postgres(place)


@pytest.fixture
def own_server(directory) -> Iterator[PostgresServer]:
    # What has been committed must survive a crash of the server, so nothing of its durability is turned off.
    with private_postgres(directory) as server:
        server.create_database(NAME, template=TEMPLATE)
        yield server
    with private_postgres(directory) as server:
        server.drop_database(NAME)


@pytest.mark.parametrize("fault", [stop_in_order, kill_everything, crash_one_session])
def test_a_server_that_goes_away_in_mid_batch_loses_no_row(own_server, fault: Callable[[PostgresServer], None]):
    app = open_application(own_server.url(NAME))
    with open_database(own_server.url(NAME)) as database:
        world = BookingWorld(own_server.url(NAME), database, authorize_writes(database, RULES))
        scene = Scene(world, app)
        scene.leave_stale_rows(40)
        faults = []

        def in_mid_batch(progress: Progress) -> None:
            if progress.removed >= 5 and not faults:
                faults.append(threading.Timer(0.005, fault, [own_server]))
                faults[0].start()

        with pytest.raises(Unreachable), open_database(world.url) as cleaning:
            cleanup_now(cleaning, world.permit, Policy(batch_size=1), on_progress=in_mid_batch)
        faults[0].join()
        app.connection.close()

    with private_postgres(own_server.directory) as again, open_database(again.url(NAME)) as database:
        back = open_application(again.url(NAME))
        with back.connection:
            back.people, back.bookings = app.people, app.bookings
            scene.world, scene.app, scene.url = (
                BookingWorld(again.url(NAME), database, world.permit),
                back,
                again.url(NAME),
            )
            scene.check()
            archived = back.connection.execute("SELECT count(*) FROM prodtest.archived_row").fetchone()
            assert archived is not None
            assert 5 <= archived[0] < 80
            scene.let_pass()
            scene.drain()


def test_a_read_replica_is_refused_for_writing_and_fine_for_reading(own_server):
    url = own_server.url(NAME)
    app = open_application(url)
    app.book(app.register(app.reserved_number(), is_reserved=True), is_test=True, age=timedelta(days=2))
    app.connection.close()
    stop_in_order(own_server)
    files = ServerDirectory(own_server.directory.with_name(f"{own_server.directory.name}-replica"))
    # The supervisor of the stopped server removes its own files meanwhile.
    shutil.copytree(own_server.directory, files.path, symlinks=True, ignore=shutil.ignore_patterns("port"))
    try:
        account = server_account()
        (files.data / "postmaster.pid").unlink(missing_ok=True)
        (files.data / "standby.signal").touch()
        if account:
            for place in (files.server, *files.server.rglob("*"), files.password_file):
                os.chown(place, account.uid, account.gid, follow_symlinks=False)
        binaries = readable_binaries(find_binaries(), account, files.binaries)
        process, port = Cluster(files, binaries.folder, binaries.major, account).start()
        try:
            replica = url.replace(f":{own_server.port}/", f":{port}/")
            with open_database(replica) as database:
                assert take_snapshot(database, retention=timedelta(hours=24)).stale.eligible == 1
                with pytest.raises(RefusedForSafety, match="read replica"):
                    authorize_writes(database, RULES)
        finally:
            stop(process)
    finally:
        shutil.rmtree(files.path)
