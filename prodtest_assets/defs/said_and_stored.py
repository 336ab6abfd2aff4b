"""What callers said beside what the application stored, as the ledger keeps it, for Dagster to show."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from uuid import UUID

from prodtest_assets.defs.metadata import markdown_table
from prodtest_assets.defs.resources import readable_database
from prodtest_assets.errors import ProdtestError
from prodtest_assets.settings import Settings

_MOST_ROWS = 100


def accuracy_metadata(settings: Settings, run_id: UUID, calls: Collection[str] | None = None) -> dict[str, Any]:
    """How many fields were compared and how many differ, and the fields in a table.

    Args:
        settings: name the database.
        run_id: the run.
        calls: ids of the calls to look at; every call of the run, with only what differs in the table, if None.

    Returns:
        Nothing when there is nothing to compare, or no database to ask.
    """
    rows = [row for call_sid, row in _compared(settings, run_id) if calls is None or call_sid in calls]
    if not rows:
        return {}
    wrong = [row for row in rows if row["same"] == "no"]
    # Of a long table what differs is shown, whatever else is left out.
    table = wrong if calls is None or len(rows) > _MOST_ROWS else rows
    figures: dict[str, Any] = {"fields_compared": len(rows), "differences": len(wrong)}
    return figures | ({"said_and_stored": markdown_table(table[:_MOST_ROWS])} if table else {})


def _compared(settings: Settings, run_id: UUID) -> Iterator[tuple[str, Mapping[str, str]]]:
    if settings.db_url is None:
        return
    try:
        with readable_database(settings) as database:
            calls = database.rows("comparisons", run_id=run_id) if database.has_schema else []
    except ProdtestError:
        return
    for place, call in enumerate(calls, start=1):
        for each in call["comparison"]:
            yield (
                call["call_sid"],
                {
                    "call": f"{place} ({call['persona']})",
                    "field": each["field"],
                    "said": each["said"],
                    "stored": each["stored"],
                    "same": "yes" if each["equal"] else "no",
                },
            )
