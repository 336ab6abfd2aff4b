"""The check on the calendar: asked, not assumed."""

from typing import Any

import dagster as dg

from prodtest_assets.calendar_audit import CalendarAudit, Kind, audit_calendar
from prodtest_assets.calendar_events import configured_calendar
from prodtest_assets.defs.booking_tables import CALENDAR_EVENTS
from prodtest_assets.defs.cleanup import TEST_DATA_CLEANUP
from prodtest_assets.defs.metadata import NOT_MEASURED, markdown_table, not_measured, repair
from prodtest_assets.defs.resources import BookingDatabase
from prodtest_assets.errors import ProdtestError
from prodtest_assets.testdata.offenders import pending_events

_SAMPLE = 20
_FIX = "prodtest cleanup --no-dry-run"


@dg.asset_check(asset=CALENDAR_EVENTS.key, additional_deps=[TEST_DATA_CLEANUP])
def no_orphaned_calendar_events(booking_database: BookingDatabase) -> dg.AssetCheckResult:
    """No event is left whose test appointment has been removed, and the others fit theirs.

    What cleanup should have removed is an error; what the application has to repair is a warning.
    """
    settings = booking_database.settings()
    with booking_database.reading() as database:
        if not settings.calendar_enabled:
            left = len(pending_events(database))
            return not_measured(
                f"calendar is off (GOOGLE_CALENDAR_ENABLED); {left} removed rows had an event", is_settled=True
            )
        try:
            with configured_calendar(settings) as calendar:
                audit = audit_calendar(database, calendar, zone=settings.zone)
        except ProdtestError as error:
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"not measured: {error}",
                metadata=NOT_MEASURED,
            )
    return _result(audit)


def _result(audit: CalendarAudit) -> dg.AssetCheckResult:
    left = Kind.LEFT_BEHIND in audit.counts
    found = ", ".join(f"{count} {kind}" for kind, count in audit.counts.items())
    return dg.AssetCheckResult(
        passed=not audit.findings,
        severity=dg.AssetCheckSeverity.ERROR if left or not audit.findings else dg.AssetCheckSeverity.WARN,
        description=found or f"no {Kind.LEFT_BEHIND}, and {audit.compared} events fit their appointments",
        metadata=_metadata(audit) | (repair(_FIX, "orphaned-calendar-events") if left else {}),
    )


def _metadata(audit: CalendarAudit) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "count": len(audit.findings),
        "truncated": len(audit.findings) > _SAMPLE,
        "compared": audit.compared,
        "not_asked": audit.not_asked,
    }
    metadata |= {kind.name.lower(): audit.counts.get(kind, 0) for kind in Kind}
    if audit.findings:
        metadata["sample"] = markdown_table(
            [
                {
                    "what": finding.kind.name.lower().replace("_", " "),
                    "appointment": finding.appointment_id,
                    "event": finding.event_id,
                    "detail": finding.detail,
                }
                for finding in audit.findings[:_SAMPLE]
            ]
        )
    return metadata
