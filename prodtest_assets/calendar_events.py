"""Calendar events of removed rows: deleted after the rows are in the archive, tried again until they are gone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prodtest_assets.errors import ProdtestError
from prodtest_assets.google_calendar import Calendar, open_calendar, remove_pending_events
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.offenders import pending_events


@dataclass(frozen=True, slots=True)
class EventRemoval:
    """What became of the events.

    Attributes:
        removed: confirmed gone.
        pending: not seen gone; the next cleanup tries them again.
        problem: why some are pending.
        is_off: the settings name no calendar, so that none was looked at; `pending` counts the removed rows that had an
            event id.
    """

    removed: int = 0
    pending: int = 0
    problem: str | None = None
    is_off: bool = False


def configured_calendar(settings: Settings) -> Calendar:
    """The calendar that the settings name. Use it as a context manager.

    Raises:
        ConfigurationError: the extra `calendar` is not installed, or there is no usable key.
    """
    account = settings.service_account_json
    return open_calendar(
        calendar_id=settings.calendar_id,
        service_account_json=account.get_secret_value() if account else None,
        api_url=settings.calendar_api_url,
    )


def remove_events(database: Database, settings: Settings) -> EventRemoval:
    """Delete the calendar events of archived rows.

    A calendar that does not answer undoes nothing: the rows are gone all the same, and the problem is told.

    Args:
        database: may be written to.
        settings: say whether there is a calendar, and which.
    """
    pending = pending_events(database)
    if not pending:
        return EventRemoval()
    if not settings.calendar_enabled:
        return EventRemoval(
            pending=pending[0]["total"], problem="not looked at, since GOOGLE_CALENDAR_ENABLED is off", is_off=True
        )
    try:
        with configured_calendar(settings) as calendar:
            return remove_events_of(database, calendar, pending)
    except ProdtestError as error:
        return EventRemoval(pending=len(pending), problem=str(error))


def remove_events_of(database: Database, calendar: Calendar, rows: Sequence[Mapping[str, Any]]) -> EventRemoval:
    """Delete the events of these archived rows, and note which are seen gone.

    Args:
        rows: of `testdata.offenders.pending_events`.
    """
    waiting: dict[str, list[tuple[Any, int]]] = defaultdict(list)
    for row in rows:
        waiting[row["event_id"]].append((row["cleanup_id"], row["row_id"]))
    removed, problem = 0, None
    try:
        for event_id in remove_pending_events(calendar, list(waiting)):
            for cleanup_id, row_id in waiting[event_id]:
                database.call("event_removed", cleanup_id, row_id)
            removed += 1
    except ProdtestError as error:
        problem = str(error)
    return EventRemoval(removed, len(waiting) - removed, problem)
