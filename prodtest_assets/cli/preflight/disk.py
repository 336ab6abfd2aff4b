"""What the checklist says about the disk that archived rows go to."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prodtest_assets.cli.preflight.lines import Line, failed, passed, warned

_MB = 1_000_000
_LITTLE = 1000 * _MB
_NEXT_TO_NOTHING = 100 * _MB
_IDENTIFIER_BYTES = 8


def free_disk(found: Mapping[str, Any], system_id: int) -> int | None:
    """Bytes that are free where the archive lies; None where that cannot be seen from this machine.

    SQL does not tell. The server's files are looked at when they provably lie on this machine: their pg_control
    starts with the identifier that the server gives itself
    (https://git.postgresql.org/gitweb/?p=postgresql.git;f=src/include/catalog/pg_control.h).

    Args:
        found: the row of `readiness`.
        system_id: the server's.
    """
    if not found["data_directory"]:
        return None
    try:
        with (Path(found["data_directory"]) / "global" / "pg_control").open("rb") as control:
            if int.from_bytes(control.read(_IDENTIFIER_BYTES), sys.byteorder) != system_id:
                return None
        return shutil.disk_usage(found["archive_folder"]).free
    except OSError:
        return None


def archive_line(held: int, free: int | None) -> Line:
    """Whether there is room for what cleanups archive.

    Args:
        held: bytes that the archive takes now.
        free: bytes that are free on its disk; None where nobody knows.
    """
    size = f"the archive takes {held / _MB:,.1f} MB"
    if free is None:
        return passed("archive", f"{size}; its server's free disk cannot be seen from here")
    message = f"{size}, {free / _MB:,.0f} MB are free on its disk"
    if free < _NEXT_TO_NOTHING:
        return failed("archive", message, "make room before rows are archived")
    if free < _LITTLE:
        return warned("archive", message, "make room, or lower PRODTEST_ARCHIVE_DAYS")
    return passed("archive", message)
