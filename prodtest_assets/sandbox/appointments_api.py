"""The JSON API: `GET /appointments` and `POST /appointments`."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prodtest_assets.sandbox.bookings import Bookings, Clash, Order
from prodtest_assets.sandbox.callers import TEST_HEADER, is_test_caller, normalize_number
from prodtest_assets.sandbox.hours import DURATIONS, reason_against
from prodtest_assets.sandbox.models import Appointment, User
from prodtest_assets.sandbox.speech import spoken_name

PATH = "/appointments"
_MOST_LISTED = 100


class _InvalidError(Exception):
    """The body is no order."""


class AppointmentsApi:
    """Books and lists appointments for programs.

    Args:
        zone: where the opening hours are meant; a start without an offset is read there, too.
        api_key: with one, a request without it in `X-API-Key` is refused.
    """

    def __init__(self, bookings: Bookings, zone: ZoneInfo, api_key: str | None) -> None:
        self._bookings = bookings
        self._zone = zone
        self._api_key = api_key

    def routes(self) -> list[Route]:
        """Both methods on one path."""
        return [Route(PATH, self._get, methods=["GET"]), Route(PATH, self._post, methods=["POST"])]

    async def _get(self, request: Request) -> Response:
        if not self._may(request):
            return _problem(401, "X-API-Key is missing or wrong")
        mobile = request.query_params.get("mobile")
        number = normalize_number(mobile) if mobile else None
        if mobile and number is None:
            return _problem(422, "mobile is not a telephone number")
        rows = await run_in_threadpool(self._bookings.list_appointments, number, _MOST_LISTED)
        return JSONResponse({"appointments": [_as_json(row, user) for row, user in rows]})

    async def _post(self, request: Request) -> Response:
        if not self._may(request):
            return _problem(401, "X-API-Key is missing or wrong")
        try:
            order = self._order(await request.body(), request.headers.get(TEST_HEADER))
        except _InvalidError as error:
            return _problem(422, str(error))
        outcome = await run_in_threadpool(self._bookings.book, order)
        if isinstance(outcome, Clash):
            alternative = outcome.alternative.astimezone(self._zone).isoformat()
            return JSONResponse({"error": "the caller has an appointment then", "alternative": alternative}, 409)
        booked = outcome.appointment
        return JSONResponse({"id": booked.id if booked else None, "status": "booked"}, 201)

    def _may(self, request: Request) -> bool:
        given = request.headers.get("X-API-Key", "")
        return self._api_key is None or hmac.compare_digest(given.encode(), self._api_key.encode())

    def _order(self, body: bytes, test_header: str | None) -> Order:
        fields = _object(body)
        number = normalize_number(str(fields.get("mobile", "")))
        name = spoken_name(str(fields.get("full_name", "")))
        minutes = fields.get("duration_min", 30)
        if number is None:
            raise _InvalidError("mobile must be a telephone number in E.164")
        if name is None:
            raise _InvalidError("full_name must be a name")
        if minutes not in DURATIONS:
            raise _InvalidError("duration_min must be 15, 30 or 60")
        start = self._start(fields.get("starts_at"))
        if against := reason_against(start, minutes, now=datetime.now(UTC), zone=self._zone):
            raise _InvalidError(f"starts_at: {against}")
        notes = fields.get("notes")
        is_test = is_test_caller(number, test_header)
        return Order(number, name, start, minutes, is_test, None if notes is None else str(notes))

    def _start(self, given: object) -> datetime:
        try:
            start = datetime.fromisoformat(str(given))
        except ValueError:
            raise _InvalidError("starts_at must be an ISO 8601 date and time") from None
        return start if start.tzinfo else start.replace(tzinfo=self._zone)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError:
        raise _InvalidError("the body must be JSON") from None
    if not isinstance(fields, dict):
        raise _InvalidError("the body must be a JSON object")
    return fields


def _as_json(row: Appointment, user: User) -> dict[str, object]:
    return {
        "id": row.id,
        "full_name": user.full_name,
        "mobile": user.mobile,
        "starts_at": row.starts_at.isoformat(),
        "duration_min": row.duration_min,
        "status": row.status,
        "is_test_data": row.is_test_data,
        "google_event_id": row.google_event_id,
        "created_at": row.created_at.isoformat(),
    }


def _problem(code: int, message: str) -> Response:
    return JSONResponse({"error": message}, code)
