"""The stored snapshots. What another version has stored in another form is left out, and breaks nothing."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.models import Snapshot

_MOST = 200


def stored_snapshots(database: Database, *, limit: int = _MOST) -> list[Snapshot]:
    """The last stored snapshots, oldest first. Empty without schema `prodtest`.

    Args:
        limit: how many are looked at.
    """
    if not database.has_schema:
        return []
    return readable(row["figures"] for row in reversed(database.rows("snapshots", limit=limit)))


def readable(figures: Iterable[Mapping[str, Any]]) -> list[Snapshot]:
    """Those of some stored figures that this version understands.

    Args:
        figures: in the form of `to_json`, or in any other.
    """
    found = []
    for each in figures:
        with suppress(msgspec.ValidationError):
            found.append(msgspec.convert(each, Snapshot))
    return found
