"""The events of the calendar stand-in, kept beside the application's tables."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from prodtest_assets.sandbox.marker import calendar_event

CALENDAR_ID = "bookings@sandbox.invalid"
CANCELLED = "cancelled"
CONFIRMED = "confirmed"

Event = dict[str, Any]


class EventRefusedError(Exception):
    """The calendar does not take this event as it is."""


class EventExistsError(Exception):
    """An event has this id already."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are listed, as the parameters of Google's `events.list` say it.

    Attributes:
        ends_after: `timeMin`, exclusive, aware.
        starts_before: `timeMax`, exclusive, aware.
        updated_since: `updatedMin`, aware.
        private: `privateExtendedProperty` pairs, all of which must match.
        show_deleted: deleted events too, with status "cancelled".
    """

    ends_after: datetime | None = None
    starts_before: datetime | None = None
    updated_since: datetime | None = None
    private: tuple[tuple[str, str], ...] = ()
    show_deleted: bool = False
    by_start: bool = False


def insert_event(connection: Connection, calendar_id: str, body: Mapping[str, Any]) -> Event:
    """Store a new event and return it as the calendar shows it.

    Raises:
        EventRefusedError: start or end is missing, unreadable or in the wrong order.
        EventExistsError: `body` brings an id that is taken.
    """
    values = {"calendar_id": calendar_id, "id": body.get("id") or new_event_id(), **_columns(body)}
    added = connection.execute(
        insert(calendar_event).values(values).on_conflict_do_nothing().returning(calendar_event)
    ).first()
    if added is None:
        raise EventExistsError(str(values["id"]))
    return _shown(added)


def get_event(connection: Connection, calendar_id: str, event_id: str) -> Event | None:
    """One event, also a deleted one (with status "cancelled"); None when there never was one."""
    row = connection.execute(_one(calendar_id, event_id)).first()
    return _shown(row) if row else None


def patch_event(connection: Connection, calendar_id: str, event_id: str, changes: Mapping[str, Any]) -> Event | None:
    """Change the given fields of an event; nested objects are merged, null removes a field.

    Raises:
        EventRefusedError: what would come out is no event.
    """
    row = connection.execute(_one(calendar_id, event_id).with_for_update()).first()
    if row is None:
        return None
    return _rewrite(connection, calendar_id, event_id, _merged(row.content, changes), row.status)


def delete_event(connection: Connection, calendar_id: str, event_id: str) -> str | None:
    """Delete an event.

    Returns:
        The status it had before: "confirmed" when it is deleted now, "cancelled" when it was deleted before,
        None when there never was one.
    """
    row = connection.execute(_one(calendar_id, event_id).with_for_update()).first()
    if row is None:
        return None
    if row.status != CANCELLED:
        _rewrite(connection, calendar_id, event_id, row.content, CANCELLED)
    return str(row.status)


def list_events(
    connection: Connection, calendar_id: str, wanted: Wanted, *, limit: int, offset: int
) -> tuple[list[Event], bool]:
    """A page of events in a stable order, and whether more follow."""
    rows = connection.execute(_matching(calendar_id, wanted).limit(limit + 1).offset(offset)).all()
    return [_shown(row) for row in rows[:limit]], len(rows) > limit


def knows_calendar(connection: Connection, calendar_id: str) -> bool:
    """Whether there is such a calendar: the application's own, or one that has held an event."""
    held = select(calendar_event.c.id).where(calendar_event.c.calendar_id == calendar_id).limit(1)
    return calendar_id == CALENDAR_ID or connection.execute(held).first() is not None


def new_event_id() -> str:
    """An id in Google's alphabet (base32hex, 5 to 1024 characters)."""
    return secrets.token_hex(13)


def _one(calendar_id: str, event_id: str) -> Select[Any]:
    return select(calendar_event).where(calendar_event.c.calendar_id == calendar_id, calendar_event.c.id == event_id)


def _matching(calendar_id: str, wanted: Wanted) -> Select[Any]:
    columns = calendar_event.c
    query = select(calendar_event).where(columns.calendar_id == calendar_id)
    if not wanted.show_deleted:
        query = query.where(columns.status != CANCELLED)
    if wanted.ends_after:
        query = query.where(columns.ends_at > wanted.ends_after)
    if wanted.starts_before:
        query = query.where(columns.starts_at < wanted.starts_before)
    if wanted.updated_since:
        query = query.where(columns.updated_at >= wanted.updated_since)
    for key, value in wanted.private:
        query = query.where(columns.content.contains({"extendedProperties": {"private": {key: value}}}))
    return query.order_by(columns.starts_at if wanted.by_start else columns.created_at, columns.id)


def _rewrite(connection: Connection, calendar_id: str, event_id: str, body: Mapping[str, Any], status: str) -> Event:
    row = connection.execute(
        update(calendar_event)
        .where(calendar_event.c.calendar_id == calendar_id, calendar_event.c.id == event_id)
        .values(**(_columns(body) | {"status": status}), updated_at=func.clock_timestamp())
        .returning(calendar_event)
    ).one()
    return _shown(row)


def _columns(body: Mapping[str, Any]) -> dict[str, Any]:
    starts_at, ends_at = _moment(body, "start"), _moment(body, "end")
    if ends_at < starts_at:
        raise EventRefusedError("The specified time range is empty.")
    status = str(body.get("status") or CONFIRMED)
    kept = {key: value for key, value in body.items() if key not in ("id", "status")}
    return {"starts_at": starts_at, "ends_at": ends_at, "status": status, "content": kept}


def _moment(body: Mapping[str, Any], which: str) -> datetime:
    given = body.get(which)
    if not isinstance(given, Mapping):
        raise EventRefusedError(f"Missing {which} time.")
    try:
        moment = datetime.fromisoformat(str(given.get("dateTime") or given.get("date") or ""))
        zone = ZoneInfo(str(given.get("timeZone") or "UTC"))
    except (ValueError, ZoneInfoNotFoundError):
        raise EventRefusedError(f"Bad {which} time.") from None
    if given.get("dateTime") and moment.tzinfo is None and "timeZone" not in given:
        raise EventRefusedError(f"Missing time zone definition for {which} time.")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    changed = {key: _merged(old.get(key), value) for key, value in new.items() if value is not None}
    return {key: value for key, value in old.items() if key not in new} | changed


def _shown(row: Any) -> Event:
    return {
        **row.content,
        "kind": "calendar#event",
        "id": row.id,
        "etag": f'"{int(row.updated_at.timestamp() * 1000)}"',
        "status": row.status,
        "created": stamp(row.created_at),
        "updated": stamp(row.updated_at),
        "iCalUID": f"{row.id}@google.com",
    }


def stamp(moment: datetime) -> str:
    """`moment` as the calendar writes its own times: RFC 3339, UTC, milliseconds."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
