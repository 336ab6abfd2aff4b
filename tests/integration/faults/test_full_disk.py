"""A disk that fills while rows are archived."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from prodtest_assets.errors import ProdtestError
from prodtest_assets.sandbox.accounts import server_account
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.connection import open_database
from tests.left_out import needs, needs_debian_package, program_path

_SMALL, _LARGE = "size=2m", "size=200m"
_FILE_LIMIT = 17_000_000  # more than one file of the write-ahead log


def _mount(place: Path, *options: str) -> bool:
    return (
        subprocess.run(["mount", "-t", "tmpfs", *options, "none", place], check=False, capture_output=True).returncode
        == 0
    )


def _may_mount() -> bool:
    """Asked by trying: root in a container may not."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    with tempfile.TemporaryDirectory() as place:
        mounted = _mount(Path(place), "-o", _SMALL)
        if mounted:
            subprocess.run(["umount", place], check=True)
        return mounted


@pytest.fixture
def small_disk(postgres) -> Iterator[Path]:
    """A file system of two megabytes that is a tablespace of the server; gone after the test."""
    place = postgres.directory / "small-disk"
    place.mkdir()
    assert _mount(place, "-o", _SMALL)
    try:
        account = server_account()
        if account:
            os.chown(place, account.uid, account.gid)
        with open_database(postgres.url("postgres")) as database:
            database.connection.execute(f"CREATE TABLESPACE small_disk LOCATION '{place}'".encode())
        yield place
        with open_database(postgres.url("postgres")) as database:
            database.connection.execute("DROP TABLESPACE small_disk")
    finally:
        subprocess.run(["umount", place], check=True)
        place.rmdir()


def leave_large_stale_rows(scene, count: int, size: int) -> None:
    """Test rows with notes of `size` bytes that cannot be compressed."""
    scene.leave_stale_rows(count)
    scene.world.sql(
        "UPDATE appointments SET notes = (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, %s)"
        " WHERE appointments.id > 0) WHERE is_test_data",
        size // 32,
    )


def clean(scene, **policy: int):
    with open_database(scene.url) as database:
        return cleanup_now(database, scene.world.permit, Policy(**policy))


def last_stop_reason(scene) -> object:
    return scene.world.sql("SELECT stop_reason FROM prodtest.cleanup_run ORDER BY started_at DESC LIMIT 1")[0][
        "stop_reason"
    ]


@needs(_may_mount(), "mounting a file system of two megabytes needs root: run the tests as root")
def test_a_disk_that_fills_while_archiving_ends_the_cleanup_and_loses_no_row(small_disk, scene):
    leave_large_stale_rows(scene, 600, 1_800)
    scene.world.sql("ALTER TABLE prodtest.archived_row SET TABLESPACE small_disk")
    scene.world.sql("CREATE TABLE filler (data text) TABLESPACE small_disk")
    scene.world.sql("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 1200)")
    with pytest.raises(ProdtestError, match="No space left on device"):
        clean(scene, batch_size=50)
    assert last_stop_reason(scene) == "failed"
    scene.check()
    archived = scene.world.sql("SELECT count(*) AS n FROM prodtest.archived_row")[0]["n"]
    assert 0 < archived < 600
    assert _mount(small_disk, "-o", f"remount,{_LARGE}")
    scene.drain()


@needs_debian_package("util-linux", "prlimit")
def test_an_archive_file_that_cannot_grow_ends_the_cleanup_and_loses_no_row(scene):
    """As a full disk, for those who may not mount one: the server's process may write no file beyond this size."""
    leave_large_stale_rows(scene, 450, 45_000)
    account = server_account()
    with open_database(scene.url) as database:
        pid = database.connection.info.backend_pid
        # Only the account of the server's process may limit it.
        limit = [str(program_path("prlimit")), f"--pid={pid}", f"--fsize={_FILE_LIMIT}:{_FILE_LIMIT}"]
        subprocess.run(limit, check=True, cwd="/", **(account.run_as() if account else {}))
        with pytest.raises(ProdtestError, match="File too large"):
            cleanup_now(database, scene.world.permit, Policy(batch_size=50))
    assert last_stop_reason(scene) == "failed"
    scene.check()
    archived = scene.world.sql("SELECT count(*) AS n FROM prodtest.archived_row")[0]["n"]
    assert 0 < archived < 450
    scene.let_pass()
    scene.drain()
