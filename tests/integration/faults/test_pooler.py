"""A transaction pooler between us and the server: each transaction may run in another session."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.sandbox.accounts import server_account
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.ledger import RunLedger
from tests.booking_world import RULES, START
from tests.integration.faults.forked import forks
from tests.left_out import needs_debian_package, program_path

pytestmark = needs_debian_package("pgbouncer")

# Two sessions on the server for any number of clients, handed out by the transaction.
# https://www.pgbouncer.org/config.html
_CONFIGURATION = """
[databases]
{alias} = host=127.0.0.1 port={server_port} dbname={database}
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 2
min_pool_size = 2
server_round_robin = 1
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def is_answering(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def pooled_url(postgres, scene) -> Iterator[str]:
    """The address of the scene's database through a pooler, which also knows it as `production_live`."""
    folder, port = Path("/var/tmp") / f"prodtest-pooler-{secrets.token_hex(4)}", free_port()
    folder.mkdir(mode=0o700)
    values = {"folder": folder, "port": port, "server_port": postgres.port, "database": scene.world.database.name}
    (folder / "pooler.ini").write_text(_CONFIGURATION.format(alias="production_live", **values))
    (folder / "users.txt").write_text(f'"{postgres.user}" "{postgres.password}"\n')
    account = server_account()
    if account:
        for place in (folder, *folder.iterdir()):
            os.chown(place, account.uid, account.gid)
    program = str(program_path("pgbouncer"))
    process = subprocess.Popen(
        [program, folder / "pooler.ini"], cwd="/", stderr=subprocess.DEVNULL, start_new_session=True,
        **(account.run_as() if account else {}),
    )  # fmt: skip
    try:
        while not is_answering(port):
            assert process.poll() is None, "the pooler did not start"
            time.sleep(0.02)
        parts = urlsplit(scene.url)
        credentials = parts.netloc.rpartition("@")[0]
        yield urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{port}"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        shutil.rmtree(folder)


def clean_through(url: str, **policy: int) -> CleanupReport:
    with open_database(url) as database:
        return cleanup_now(database, authorize_writes(database, RULES), Policy(**policy))


def test_a_cleanup_through_a_pooler_takes_everything_and_uses_several_sessions(scene, pooled_url):
    scene.leave_stale_rows(20)
    with ThreadPoolExecutor(3) as others:
        beats = [others.submit(_keep_the_pool_busy, pooled_url, time.monotonic() + 1.5) for _ in range(3)]
        report = clean_through(pooled_url, batch_size=1)
        assert all(beat.result() for beat in beats)
    assert report.stop_reason is StopReason.DRAINED
    assert report.deleted == {"appointments": 20, "users": 20}
    scene.check()


def _keep_the_pool_busy(url: str, until: float) -> bool:
    """Ask for short transactions, so that a cleanup does not keep one session. Whether several were seen."""
    seen = set()
    with open_database(url) as database:
        while time.monotonic() < until or len(seen) < 2:
            row = database.connection.execute("SELECT pg_backend_pid() AS pid").fetchone()
            seen.add(row["pid"] if row else None)
    return len(seen) > 1


def test_two_cleanups_through_a_pooler_take_every_row_once(scene, pooled_url):
    scene.leave_stale_rows(16)
    with ThreadPoolExecutor(2) as pool:
        reports = [pool.submit(clean_through, pooled_url, batch_size=2) for _ in range(2)]
        assert sum(report.result().deleted.get("appointments", 0) for report in reports) == 16
    scene.check()


def test_a_cleanup_killed_behind_a_pooler_leaves_no_lock_and_the_next_one_goes_on(scene, pooled_url, record_property):
    kills = 0
    with forks() as forking:
        for attempt in range(10):
            scene.leave_stale_rows(3)
            child = forking.clean(pooled_url, batch_size=1)
            time.sleep(0.01 * attempt)
            child.kill()
            kills += child.end() == -signal.SIGKILL
            scene.app.connection.execute("UPDATE prodtest.lease SET until = now() - interval '1 second'")
            scene.check()
    assert clean_through(pooled_url).stop_reason is StopReason.DRAINED
    scene.drain()
    record_property("kills survived", kills)


def test_settings_of_a_transaction_do_not_stay_in_the_poolers_session(scene, pooled_url):
    scene.leave_stale_rows(2)
    clean_through(pooled_url)
    with open_database(pooled_url) as database:
        for _ in range(4):
            row = database.connection.execute(
                "SELECT current_setting('lock_timeout') AS a, current_setting('row_security') AS b"
            ).fetchone()
            assert row == {"a": "0", "b": "on"}


def test_a_name_that_the_pooler_gives_does_not_deceive(scene, pooled_url):
    alias = pooled_url.rpartition("/")[0] + "/production_live"
    with open_database(alias) as database:
        assert database.name == scene.world.database.name
        authorize_writes(database, RULES)
    other = scene.world.url.rpartition("/")[2]
    assert "production" not in other
    with open_database(pooled_url.rpartition("/")[0] + "/postgres") as database, pytest.raises(RefusedForSafety):
        authorize_writes(database, RULES)


def test_a_run_of_test_calls_is_led_through_a_pooler(scene, pooled_url):
    with RunLedger(pooled_url, uuid4(), "http://127.0.0.1:1", RULES) as run:
        call = run.open_call(persona="quick", requested_start=START)
        person = scene.app.register(call.number, is_reserved=True, name=call.name, is_caller=True)
        scene.app.book(person, is_test=True, start=START, is_of_a_call=True)
        run.close_call(call.call_sid, completed=True, transcript=[])
        with open_database(pooled_url) as database:
            permit = authorize_writes(database, RULES)
            assert plan_cleanup(database, Policy(), permit=permit).total == 0
        assert run.remove_call(call.call_sid) == 2
        run.finish("passed", passed=1)
    scene.check()
