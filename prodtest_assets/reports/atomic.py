"""Files that are either there as a whole or not at all."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that readers see whole, the old one or the new one, whatever happens meanwhile.

    The content goes into a file beside it, to the disk, and under its name in one step
    (https://pubs.opengroup.org/onlinepubs/9799919799/functions/rename.html). An existing file keeps its
    permissions; what is no ordinary file (a pipe, a device) is written to as it is.

    Args:
        path: its folder must be there; a symbolic link is followed.

    Raises:
        OSError: it cannot be written; then nothing has changed and nothing is left behind.
    """
    path = path.resolve()
    before = _state(path)
    try:
        if before is None or stat.S_ISREG(before.st_mode):
            _replace(path, content, before)
        else:
            path.write_bytes(content)
    except OSError as error:
        # The name that the person gave, not the one of the file beside it.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, content: bytes, before: os.stat_result | None) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # 0o666 less the umask, as for any new file: whoever collects the metrics may be another user.
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            if before is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise
    _sync_folder(path.parent)


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _sync_folder(folder: Path) -> None:
    """The new name is on the disk as well. Some file systems cannot do that for a folder; the file is whole anyway."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
