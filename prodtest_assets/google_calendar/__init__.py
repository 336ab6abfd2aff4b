"""The calendar in which the application mirrors its appointments, through Google's own client.

The client comes with the extra `calendar` and is imported on first use, so that nobody else waits for it.
Whatever offers the same REST API can stand in for Google's, given its address.
"""

from prodtest_assets.google_calendar.calendar import Calendar, Event, open_calendar, remove_pending_events

__all__ = ["Calendar", "Event", "open_calendar", "remove_pending_events"]
