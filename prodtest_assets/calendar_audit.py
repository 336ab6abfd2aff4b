"""The calendar beside the test rows: what is missing, too much, or at the wrong time. Nothing is changed.

An application writes the event's id into `google_event_id`, and two private extended properties into the event:
`appointment_id`, the row's id, and `is_test_data`, the row's mark. Either way alone is enough to compare them;
rows without an event, of an application that has no calendar, are no finding. `appointment_id` is a number of one
database: a calendar should belong to one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from prodtest_assets.google_calendar import Calendar, Event
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.offenders import pending_events

MARK = {"is_test_data": "true"}
ROW = "appointment_id"
SETTLED = timedelta(minutes=5)
"""An application may write an event before its row, or the other way round; so long it is given."""

_MOST_EVENTS = 2_000
_MOST_ROWS = 1_000
_MOST_QUESTIONS = 50


class Kind(StrEnum):
    """What is wrong. Only the first is cleanup's to repair; the others are the application's, and are reported."""

    LEFT_BEHIND = "events of removed test rows"
    NO_EVENT = "test appointments whose event is gone"
    NO_ROW = "test events without an appointment"
    WRONG_TIME = "events at another time than their appointment"
    DUPLICATE = "second events of one appointment"
    NOT_NOTED = "events whose appointment does not name them, so that cleanup will leave them"


@dataclass(frozen=True, slots=True)
class Finding:
    """One event or appointment that does not fit. It names nobody.

    Attributes:
        appointment_id: None where the event does not say.
        detail: what was expected and what was found, where there is more to say.
    """

    kind: Kind
    event_id: str
    appointment_id: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CalendarAudit:
    """How the calendar fits the test rows.

    Attributes:
        findings: what does not fit.
        compared: appointments whose event was looked at.
        not_asked: events that were not asked for, since there were too many of them.
    """

    findings: tuple[Finding, ...]
    compared: int
    not_asked: int = 0

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many findings there are of each kind that occurs, in the order of `Kind`."""
        counted = Counter(finding.kind for finding in self.findings)
        return {kind: counted[kind] for kind in Kind if counted[kind]}


def audit_calendar(
    database: Database, calendar: Calendar, *, zone: tzinfo = UTC, settled: timedelta = SETTLED
) -> CalendarAudit:
    """Compare the calendar with the test rows.

    Args:
        database: may be read.
        calendar: the one into which the application writes.
        zone: in which times are shown; instants are compared.
        settled: events younger than this, by the database's clock, may still get their row.

    Raises:
        ConfigurationError, Unreachable: as `Calendar.event`.
    """
    # The calendar is read first: a row that goes meanwhile is then missed by nobody, and its event is asked for again.
    listed = {event.id: event for event in calendar.events(MARK, limit=_MOST_EVENTS)}
    cutoff = database.row("cutoff", cutoff=None, retention=settled)["cutoff"]
    ids = [row for event in listed.values() if (row := _row_of(event)) is not None]
    rows = {row["id"]: row for row in database.rows("mirrored_rows", run_id=None, ids=ids, limit=_MOST_ROWS)}
    look = _Look(calendar, listed, rows, cutoff, zone)
    pending = {row["event_id"]: row["row_id"] for row in pending_events(database)}
    findings = (*look.left_behind(pending), *look.of_rows(), *look.without_row(pending))
    return CalendarAudit(findings, look.compared, look.not_asked)


@dataclass(slots=True)
class _Look:
    calendar: Calendar
    listed: Mapping[str, Event]
    rows: Mapping[int, Mapping[str, Any]]
    cutoff: datetime
    zone: tzinfo
    compared: int = 0
    not_asked: int = 0
    _asked: int = field(default=0, init=False)

    def left_behind(self, pending: Mapping[str, int]) -> Iterator[Finding]:
        for event_id, row_id in pending.items():
            # What could not be asked for has not been seen gone.
            if not self._may_ask() or self.calendar.event(event_id) is not None:
                yield Finding(Kind.LEFT_BEHIND, event_id, row_id)

    def of_rows(self) -> Iterator[Finding]:
        by_row: dict[int, list[Event]] = defaultdict(list)
        for event in self.listed.values():
            row_id = _row_of(event)
            if row_id is not None and self._is_settled(event):
                by_row[row_id].append(event)
        for row in self.rows.values():
            # What becomes of the event of a cancelled appointment is for the application to say.
            if not row["is_cancelled"]:
                yield from self._of_row(row, by_row[row["id"]])

    def without_row(self, pending: Mapping[str, int]) -> Iterator[Finding]:
        named = {row["event_id"] for row in self.rows.values()} | pending.keys()
        for event in self.listed.values():
            row_id = _row_of(event)
            is_ours = row_id in self.rows or event.id in named
            # A row may have gone with its event since the calendar was read.
            if (
                not is_ours
                and self._is_settled(event)
                and self._may_ask()
                and self.calendar.event(event.id) is not None
            ):
                yield Finding(Kind.NO_ROW, event.id, row_id)

    def _of_row(self, row: Mapping[str, Any], found: list[Event]) -> Iterator[Finding]:
        event_id = row["event_id"]
        if event_id is None:
            if found:
                yield Finding(Kind.NOT_NOTED, found[0].id, row["id"])
                yield from self._at_its_time(row, found[0])
            others = found[1:]
        else:
            others = [event for event in found if event.id != event_id]
            event = self.listed.get(event_id)
            if event is None and self._may_ask():
                event = self.calendar.event(event_id)
                if event is None:
                    yield Finding(Kind.NO_EVENT, event_id, row["id"])
            if event is not None:
                yield from self._at_its_time(row, event)
        yield from (Finding(Kind.DUPLICATE, other.id, row["id"]) for other in others)

    def _at_its_time(self, row: Mapping[str, Any], event: Event) -> Iterator[Finding]:
        self.compared += 1
        start = row["starts_at"]
        wanted = (start, start + timedelta(minutes=row["duration_min"]))
        if (event.start, event.end) != wanted:
            detail = f"expected {self._shown(*wanted)}, found {self._shown(event.start, event.end)}"
            yield Finding(Kind.WRONG_TIME, event.id, row["id"], detail)

    def _shown(self, start: datetime | None, end: datetime | None) -> str:
        if start is None or end is None:
            return "whole days"
        local = start.astimezone(self.zone).isoformat(sep=" ", timespec="minutes")
        return f"{local} for {(end - start).total_seconds() / 60:g} minutes"

    def _is_settled(self, event: Event) -> bool:
        return event.created is None or event.created <= self.cutoff

    def _may_ask(self) -> bool:
        if self._asked == _MOST_QUESTIONS:
            self.not_asked += 1
            return False
        self._asked += 1
        return True


def _row_of(event: Event) -> int | None:
    text = event.private.get(ROW, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(2**63)) else None
