"""Calendar events of removed rows: deleted once the rows are in the archive, and tried again until they are gone."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prodtest_assets.errors import ProdtestError
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.offenders import pending_events

if TYPE_CHECKING:
    from prodtest_assets.google_calendar import Calendar


@dataclass(frozen=True, slots=True)
class EventsRemoved:
    """What became of the events.

    Attributes:
        removed: events that are confirmed gone.
        pending: events that nobody has seen gone; the next cleanup tries them again.
        problem: why some are pending, in one line.
    """

    removed: int = 0
    pending: int = 0
    problem: str | None = None


def remove_pending_events(database: Database, settings: Settings) -> EventsRemoved:
    """Delete the calendar events of archived rows.

    A calendar that does not answer is told of and undoes nothing: the rows are removed all the same.

    Args:
        database: the booking database.
        settings: say whether there is a calendar, and which.
    """
    waiting: dict[str, list[tuple[Any, int]]] = defaultdict(list)
    for row in pending_events(database):
        waiting[row["event_id"]].append((row["cleanup_id"], row["row_id"]))
    if not waiting:
        return EventsRemoved()
    if not settings.calendar_enabled:
        return EventsRemoved(pending=len(waiting), problem="GOOGLE_CALENDAR_ENABLED is off, so they stay")
    removed, problem = 0, None
    try:
        for event_id in _remove(settings, list(waiting)):
            for cleanup_id, row_id in waiting[event_id]:
                database.call("event_removed", cleanup_id, row_id)
            removed += 1
    except ProdtestError as error:
        problem = str(error)
    return EventsRemoved(removed, len(waiting) - removed, problem)


def _remove(settings: Settings, event_ids: list[str]) -> Iterator[str]:
    from prodtest_assets.google_calendar import remove_pending_events as remove

    with calendar(settings) as opened:
        yield from remove(opened, event_ids)


def calendar(settings: Settings) -> "Calendar":
    """The configured calendar.

    Raises:
        ConfigurationError: the extra `calendar` is not installed, or there is no usable key.
    """
    from prodtest_assets.google_calendar import open_calendar

    account = settings.service_account_json
    return open_calendar(
        calendar_id=settings.calendar_id,
        service_account_json=account.get_secret_value() if account else None,
        api_url=settings.calendar_api_url,
    )
