"""The latest runs of the booking flow, and how each of their tests ended."""

from collections.abc import Mapping, Sequence
from typing import Any

from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.report_models import CaseFacts, RunFacts

_LAST_PLACES = {"skipped": 1, "passed": 2}


def recent_runs(database: Database, *, limit: int) -> tuple[RunFacts, ...]:
    """The latest runs, newest first. Empty where schema `prodtest` does not stand.

    Args:
        limit: at most so many.
    """
    if not database.has_schema:
        return ()
    rows = database.rows("recent_runs", limit=limit)
    return tuple(RunFacts(**{**row, "tests": cases_of(row["tests"])}) for row in rows)


def latest_run(database: Database) -> RunFacts | None:
    """The latest run; None when there has been none."""
    return next(iter(recent_runs(database, limit=1)), None)


def cases_of(stored: Sequence[Mapping[str, Any]] | None) -> tuple[CaseFacts, ...]:
    """A run's tests in the order in which they ran, those first that did not pass.

    Args:
        stored: as the ledger holds them; None where it does not know them yet.
    """
    cases = [
        CaseFacts(
            file=str(each.get("file", "")),
            test=str(each.get("test", "")),
            outcome=str(each.get("outcome", "")),
            seconds=float(each.get("seconds") or 0),
            reason=str(each.get("reason") or ""),
        )
        for each in stored or ()
    ]
    return tuple(sorted(cases, key=lambda case: _LAST_PLACES.get(case.outcome, 0)))
