"""A file is either there as a whole or as it was before."""

import os
import stat
from pathlib import Path

import pytest

from prodtest_assets.reports.atomic import write_atomically

DEVICE = Path("/dev/full")


def test_a_new_file_can_be_read_by_others_as_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "new", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "new").read_bytes() == b"content"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o644


def test_an_existing_file_keeps_its_permissions_and_nothing_lies_beside_it(tmp_path):
    file = tmp_path / "old"
    file.write_bytes(b"before")
    file.chmod(0o600)
    write_atomically(file, b"after")
    assert file.read_bytes() == b"after"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["old"]


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "target").write_bytes(b"before")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"after"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        write_atomically(tmp_path / "nowhere" / "file", b"content")
    assert error.value.filename == str(tmp_path / "nowhere" / "file")


def test_a_device_is_written_to_as_it_is():
    with pytest.raises(OSError, match="No space left"):
        write_atomically(DEVICE, b"content")
    assert stat.S_ISCHR(DEVICE.stat().st_mode)
