"""A stand-in for Google Calendar v3: events insert, get, list, patch and delete.

Google's own client runs unchanged against it. https://developers.google.com/workspace/calendar/api/v3/reference/events
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prodtest_assets.sandbox import calendar_store as store
from prodtest_assets.sandbox.calendar_store import CALENDAR_ID, Wanted

API_PATH = "/calendar/v3/"
_EVENTS = API_PATH + "calendars/{calendar_id}/events"
_PAGE = 250
_LARGEST_PAGE = 2500

Endpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Connection, str, Mapping[str, str], Any], Response]


class _ProblemError(Exception):
    """What Google answers instead of a result."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.response = JSONResponse(
            {
                "error": {
                    "errors": [{"domain": "global", "reason": reason, "message": message}],
                    "code": code,
                    "message": message,
                }
            },
            code,
        )


def calendar_routes(engine: Engine) -> list[Route]:
    """The calendar's routes, served from the application's own process."""
    return [
        Route(_EVENTS, _endpoint(engine, _insert), methods=["POST"]),
        Route(_EVENTS, _list_endpoint(engine), methods=["GET"]),
        Route(_EVENTS + "/{event_id}", _endpoint(engine, _get), methods=["GET"]),
        Route(_EVENTS + "/{event_id}", _endpoint(engine, _patch), methods=["PATCH"]),
        Route(_EVENTS + "/{event_id}", _endpoint(engine, _delete), methods=["DELETE"]),
    ]


def _endpoint(engine: Engine, handler: Handler) -> Endpoint:
    async def answer(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_answer, engine, handler, request.path_params, body)

    return answer


def _list_endpoint(engine: Engine) -> Endpoint:
    async def answer(request: Request) -> Response:
        parameters = request.query_params.multi_items()

        def listing(connection: Connection, calendar_id: str, path: Mapping[str, str], body: Any) -> Response:
            return _list(connection, calendar_id, parameters)

        return await run_in_threadpool(_answer, engine, listing, request.path_params, b"")

    return answer


def _answer(engine: Engine, handler: Handler, path: Mapping[str, str], body: bytes) -> Response:
    try:
        with engine.begin() as connection:
            calendar_id = CALENDAR_ID if path["calendar_id"] == "primary" else path["calendar_id"]
            if not store.knows_calendar(connection, calendar_id):
                raise _ProblemError(404, "notFound", "Not Found")
            return handler(connection, calendar_id, path, _parsed(body))
    except store.EventRefusedError as error:
        return _ProblemError(400, "badRequest", str(error)).response
    except store.EventExistsError:
        return _ProblemError(409, "duplicate", "The requested identifier already exists.").response
    except _ProblemError as problem:
        return problem.response


def _parsed(body: bytes) -> Any:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        raise _ProblemError(400, "parseError", "Parse Error") from None
    if not isinstance(parsed, dict):
        raise _ProblemError(400, "parseError", "Parse Error")
    return parsed


def _insert(connection: Connection, calendar_id: str, path: Mapping[str, str], body: Any) -> Response:
    return JSONResponse(store.insert_event(connection, calendar_id, body))


def _get(connection: Connection, calendar_id: str, path: Mapping[str, str], body: Any) -> Response:
    event = store.get_event(connection, calendar_id, path["event_id"])
    if event is None:
        raise _ProblemError(404, "notFound", "Not Found")
    return JSONResponse(event)


def _patch(connection: Connection, calendar_id: str, path: Mapping[str, str], body: Any) -> Response:
    event = store.patch_event(connection, calendar_id, path["event_id"], body)
    if event is None:
        raise _ProblemError(404, "notFound", "Not Found")
    return JSONResponse(event)


def _delete(connection: Connection, calendar_id: str, path: Mapping[str, str], body: Any) -> Response:
    before = store.delete_event(connection, calendar_id, path["event_id"])
    if before is None:
        raise _ProblemError(404, "notFound", "Not Found")
    if before == store.CANCELLED:
        raise _ProblemError(410, "deleted", "Resource has been deleted")
    return Response(status_code=204)


def _list(connection: Connection, calendar_id: str, parameters: list[tuple[str, str]]) -> Response:
    given = dict(parameters)
    limit = min(_whole(given.get("maxResults"), _PAGE) or _PAGE, _LARGEST_PAGE)
    offset = _whole(given.get("pageToken"), 0)
    wanted = Wanted(
        ends_after=_moment(given.get("timeMin")),
        starts_before=_moment(given.get("timeMax")),
        updated_since=_moment(given.get("updatedMin")),
        private=tuple(_pair(value) for key, value in parameters if key == "privateExtendedProperty"),
        show_deleted=given.get("showDeleted", "false").lower() == "true",
        by_start=given.get("orderBy") == "startTime",
    )
    items, more = store.list_events(connection, calendar_id, wanted, limit=limit, offset=offset)
    page: dict[str, Any] = {
        "kind": "calendar#events",
        "summary": calendar_id,
        "timeZone": "UTC",
        "items": items,
    }
    if more:
        page["nextPageToken"] = str(offset + limit)
    return JSONResponse(page)


def _whole(value: str | None, default: int) -> int:
    if value is None:
        return default
    if not value.isdecimal():
        raise _ProblemError(400, "invalid", "Invalid value.")
    return int(value)


def _moment(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _ProblemError(400, "badRequest", "Bad Request") from None
    if moment.tzinfo is None:
        raise _ProblemError(400, "badRequest", "Bad Request")
    return moment


def _pair(value: str) -> tuple[str, str]:
    key, equals, wanted = value.partition("=")
    if not equals:
        raise _ProblemError(400, "invalid", "Invalid value for: privateExtendedProperty")
    return key, wanted
