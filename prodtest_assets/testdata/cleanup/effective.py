"""Whether cleanups do what they are for, judged from the last of them and from those before it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from prodtest_assets.testdata.cleanup.models import CleanupReport
from prodtest_assets.testdata.connection import Database

_RUNS = 3
"""So many cleanups in a row, each with an older backlog than the one before, are no accident."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CleanupPast:
    """What cleanups have left behind.

    Attributes:
        clock: the database's.
        backlog: how old the oldest row was that could go and stayed, for each of the last cleanups, the last one last;
            None where no such row stayed.
        only_dry_since: when the first dry run found something to do that no cleanup has followed.
    """

    clock: datetime
    backlog: tuple[timedelta | None, ...] = ()
    only_dry_since: datetime | None = None


def cleanup_past(database: Database) -> CleanupPast | None:
    """What is stored about cleanups and dry runs; None where schema `prodtest` does not stand."""
    if not database.has_schema:
        return None
    row = database.row("cleanup_past", runs=_RUNS)
    return CleanupPast(row["clock"], tuple(row["backlog"] or ()), row["only_dry_since"])


def reasons_ineffective(past: CleanupPast | None, report: CleanupReport | None, waiting: int) -> tuple[str, ...]:
    """Why cleanups do not do what they are for; empty when they do.

    Args:
        past: with the cleanup that is judged; None where nothing is stored.
        report: of the cleanup that is judged; None for a dry run, which never counts as one.
        waiting: rows that may go and are still there.
    """
    found = []
    if report is not None and report.is_failure:
        found.append(_failure(report))
    if past is None or not waiting:
        return tuple(found)
    ages = [age for age in past.backlog if age is not None]
    if len(ages) == len(past.backlog) == _RUNS and all(ages[n] < ages[n + 1] for n in range(_RUNS - 1)):
        found.append(
            f"what may go and stays has grown older over {_RUNS} cleanups, from {_hours(ages[0])} to {_hours(ages[-1])}"
        )
    if report is None and past.only_dry_since and past.clock - past.only_dry_since >= _DAY:
        found.append(f"there have been only dry runs since {past.only_dry_since:%Y-%m-%d %H:%M}")
    return tuple(found)


def _failure(report: CleanupReport) -> str:
    if report.proof is not None and not report.proof.holds:
        return "the proof that customers' rows are untouched and each removed row is archived does not hold"
    return f"nothing went although {report.eligible_left} rows may go"


def _hours(age: timedelta) -> str:
    return f"{age / timedelta(hours=1):,.1f} h"
