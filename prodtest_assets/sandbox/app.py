"""The reference booking application.

`python -m prodtest_assets.sandbox.app` serves it; the database and the secrets come in the environment, as
`SANDBOX_DATABASE_URL`, `SANDBOX_AUTH_TOKEN` and `SANDBOX_API_KEY`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prodtest_assets.errors import ConfigurationError, Unreachable
from prodtest_assets.sandbox.appointments_api import AppointmentsApi
from prodtest_assets.sandbox.calendar import calendar_routes
from prodtest_assets.sandbox.database import open_engine
from prodtest_assets.sandbox.faults import check_faults
from prodtest_assets.sandbox.marker import require_sandbox
from prodtest_assets.sandbox.misbehaviour import bookings_with, dialogue_with
from prodtest_assets.sandbox.models import Appointment
from prodtest_assets.sandbox.telephone import Telephone


def build_app(
    database_url: str,
    *,
    faults: Iterable[str] = frozenset(),
    auth_token: str | None = None,
    api_key: str | None = None,
    time_zone: str = "UTC",
) -> Starlette:
    """The application on a database of its own.

    Args:
        database_url: a migrated database that carries the sandbox's marker.
        faults: names from `faults.FAULTS`; none means that it works as it should.
        auth_token: with one, the telephone webhooks must be signed with it.
        api_key: with one, `/appointments` asks for it in `X-API-Key`.
        time_zone: IANA name; where spoken times and opening hours are meant.

    Raises:
        ConfigurationError: an unknown fault or time zone, or an unreadable URL.
        RefusedForSafety: the database is not the sandbox's own.
        Unreachable: the database does not answer.
    """
    wanted, zone, engine = check_faults(faults), _zone(time_zone), open_engine(database_url)
    try:
        _require_own_database(engine)
    except BaseException:
        engine.dispose()
        raise
    bookings = bookings_with(wanted, engine, zone)
    telephone = Telephone(dialogue_with(wanted, bookings, zone), wanted, auth_token)
    return Starlette(
        routes=[
            *telephone.routes(),
            *AppointmentsApi(bookings, zone, api_key).routes(),
            *calendar_routes(engine),
            Route("/healthz", _health(engine), methods=["GET"]),
        ],
        lifespan=_disposing(engine),
    )


def _disposing(engine: Engine) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        engine.dispose()

    return lifespan


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigurationError(f"{name!r} is not an IANA time zone such as Europe/Berlin") from None


def _require_own_database(engine: Engine) -> None:
    try:
        with engine.connect() as connection:
            require_sandbox(connection, "the reference application runs")
    except OperationalError as error:
        raise Unreachable("the sandbox's database does not answer") from error


def _health(engine: Engine) -> Callable[[Request], Awaitable[Response]]:
    def reads_its_tables() -> bool:
        try:
            with engine.connect() as connection:
                connection.execute(select(Appointment.id).limit(1))
        except SQLAlchemyError:
            return False
        return True

    async def health(request: Request) -> Response:
        if await run_in_threadpool(reads_its_tables):
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "the database does not answer"}, 503)

    return health


if __name__ == "__main__":
    from prodtest_assets.sandbox.serve import main

    main()
