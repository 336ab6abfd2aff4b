"""The check on the calendar: asked, not assumed."""

import dagster as dg

from prodtest_assets.calendar_events import configured_calendar
from prodtest_assets.defs.booking_tables import CALENDAR_EVENTS
from prodtest_assets.defs.cleanup import TEST_DATA_CLEANUP
from prodtest_assets.defs.metadata import none_left, not_measured
from prodtest_assets.defs.resources import BookingDatabase
from prodtest_assets.errors import ProdtestError
from prodtest_assets.testdata.models import Offenders
from prodtest_assets.testdata.offenders import pending_events

_MOST_QUESTIONS = 50


@dg.asset_check(asset=CALENDAR_EVENTS.key, additional_deps=[TEST_DATA_CLEANUP])
def no_orphaned_calendar_events(booking_database: BookingDatabase) -> dg.AssetCheckResult:
    """No event is left whose test appointment has been removed."""
    settings = booking_database.settings()
    with booking_database.reading() as database:
        pending = pending_events(database)
    if not settings.calendar_enabled:
        return not_measured(f"calendar is off (GOOGLE_CALENDAR_ENABLED); {len(pending)} removed rows had an event")
    try:
        with configured_calendar(settings) as calendar:
            left = [row for row in pending[:_MOST_QUESTIONS] if calendar.event(row["event_id"]) is not None]
    except ProdtestError as error:
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"not measured: {error}",
            metadata={"measured": False},
        )
    unasked = len(pending) - len(pending[:_MOST_QUESTIONS])
    return none_left(
        Offenders(len(left) + unasked, tuple(left)),
        what="calendar events of removed test rows",
        fix="prodtest cleanup --no-dry-run",
    )
