"""Connections to the booking database, with errors a person can act on."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import LiteralString
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg.abc import Buffer, Params
from psycopg.rows import DictRow, dict_row
from psycopg.types.datetime import TimedeltaDumper, TimestamptzLoader

from prodtest_assets.errors import (
    CanaryMissing,
    ConfigurationError,
    NumberTaken,
    ProdtestError,
    RefusedForSafety,
    RunClosed,
    Unreachable,
)
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.statements import query

_SCHEMES = re.compile(r"^(postgresql|postgres)(\+(asyncpg|psycopg|psycopg2))?://")
_CONNECT_SECONDS = 10
_OUR_CODES: dict[str, type[ProdtestError]] = {
    "PT001": RunClosed,
    "PT002": RefusedForSafety,
    "PT003": NumberTaken,
    "PT004": CanaryMissing,
    "PT005": CanaryMissing,
    "PT006": RefusedForSafety,
    "PT008": RefusedForSafety,
    "PT010": RefusedForSafety,
    "PT011": RefusedForSafety,
    "PT012": RefusedForSafety,
}


def normalize_url(url: str) -> str:
    """`url` as libpq takes it.

    Args:
        url: any of `postgresql://`, `postgres://`, `postgresql+asyncpg://`, `+psycopg`, `+psycopg2`; a password may
            hold `@:/%` unescaped. `ssl=require`, as asyncpg has it, is the `sslmode=require` of libpq.

    Raises:
        ConfigurationError: it is no PostgreSQL URL; the message does not repeat it.
    """
    bare, found = _SCHEMES.subn("postgresql://", url.strip())
    if not found:
        raise ConfigurationError("the database URL must start with postgresql:// (PRODUCTION_DB_URL or --db-url)")
    credentials, at, place = bare.removeprefix("postgresql://").rpartition("@")
    user, colon, password = credentials.partition(":")
    place = re.sub(r"([?&])ssl=", r"\1sslmode=", place)
    if not at:
        return f"postgresql://{place}"
    return f"postgresql://{user}{colon}{quote(unquote(password), safe='')}@{place}"


def masked_url(url: str) -> str:
    """`url` without its password and query, for people to read."""
    try:
        parts = urlsplit(normalize_url(url))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "postgresql://***"
    user = f"{parts.username}:***@" if parts.username else ""
    return urlunsplit((parts.scheme, f"{user}{parts.hostname or ''}{port}", parts.path, "", ""))


def repeated_url(url: str) -> str:
    """`url` with every password in it masked, for a command that is to mean the same database.

    Raises:
        ConfigurationError: it is no PostgreSQL URL.
    """
    without = re.sub(r"^(postgresql://[^/?@:]*):[^/?@]+@", r"\1:***@", normalize_url(url))
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", without)


@dataclass(slots=True)
class Database:
    """An open connection and what is known about the database behind it.

    Attributes:
        connection: in autocommit mode; rows come as dictionaries.
        name: what `current_database()` says.
        has_schema: whether schema `prodtest` stands here and this role may use it.
        reserved: the numbers that belong to tests.
        is_stricter: whether this database's transactions are stricter than READ COMMITTED unless they say otherwise.
            Then ours say so, since a function that waits for a lock must see what was committed meanwhile.
        on_statement: told each statement with its parameters before it is asked; none of them holds a secret.
    """

    connection: psycopg.Connection[DictRow]
    url: str = field(repr=False)
    name: str
    has_schema: bool
    reserved: ReservedNumbers
    is_stricter: bool = False
    on_statement: Callable[[str], None] | None = None

    def rows(self, statement: str, /, **parameters: object) -> list[DictRow]:
        """The rows of a statement of `queries/`.

        Args:
            statement: its name.
            parameters: its named parameters; `reserved` is added, and that no row is foreseen to be blocked.
        """
        text = query(statement, with_schema=self.has_schema)
        bound = {"reserved": self.reserved.pattern, "blocked": [], "blocked_users": [], **parameters}
        self._tell(text, bound)
        with self._asking():
            return self.connection.execute(text, bound).fetchall()

    def row(self, statement: str, /, **parameters: object) -> DictRow:
        """The single row of a statement of `queries/`."""
        return self.rows(statement, **parameters)[0]

    def made(self, statement: str) -> list[DictRow]:
        """The rows of a statement that a statement of `queries/` has made, with names only the database knows."""
        if self.on_statement:
            self.on_statement(statement)
        with self._asking():
            return self.connection.execute(statement.encode()).fetchall()

    def call(self, function: LiteralString, /, *arguments: object) -> object:
        """The value that a function of schema `prodtest` returns.

        Raises:
            ConfigurationError: schema `prodtest` does not stand here.
        """
        places: LiteralString = ", ".join(["%s"] * len(arguments))
        isolated = self.connection.transaction() if self.is_stricter else nullcontext()
        text: LiteralString = f"SELECT prodtest.{function}({places}) AS value"
        self._tell(text, arguments)
        with self._asking(), isolated:
            row = self.connection.execute(text, arguments).fetchone()
        return row["value"] if row else None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Our errors instead of the driver's, and a connection that answers after Ctrl-C.

        psycopg reads what is left of an answer only when Ctrl-C meets it waiting. Where it comes between sending and
        waiting, the next statement, which is to clean up, would find the connection busy.
        """
        try:
            with translated_errors():
                yield
        except KeyboardInterrupt:
            if self.connection.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                with suppress(psycopg.Error):
                    self.connection.cancel_safe()
                    while self.connection.pgconn.get_result():
                        pass
            raise

    def _tell(self, text: LiteralString, parameters: Params) -> None:
        if self.on_statement:
            self.on_statement(psycopg.ClientCursor(self.connection).mogrify(text, parameters))

    @contextmanager
    def transaction(self, *, lock_timeout: str = "2s", statement_timeout: str = "300s") -> Iterator[None]:
        """One transaction with settings of its own, which end with it, also behind a pooler.

        Rows that row-level security hides from us raise an error there instead of vanishing.
        """
        with translated_errors(), self.connection.transaction():
            self.row("begin", lock_timeout=lock_timeout, statement_timeout=statement_timeout)
            yield


@contextmanager
def open_database(
    url: str | None,
    *,
    reserved: ReservedNumbers | None = None,
    on_statement: Callable[[str], None] | None = None,
) -> Iterator[Database]:
    """Connect to the booking database, and close the connection in the end.

    Args:
        url: as a person gives it; None says that none was configured.
        reserved: the numbers that belong to tests; the fiction numbers by default.
        on_statement: told each statement before it is asked.

    Raises:
        ConfigurationError: there is no URL, or user, password or database name are wrong.
        Unreachable: nobody answers, or the connection is lost.
    """
    if not url:
        raise ConfigurationError("no database: set PRODUCTION_DB_URL or give --db-url")
    with translated_errors():
        connection = _connect(normalize_url(url))
        with connection:
            facts = connection.execute(query("connection_facts")).fetchone() or {}
            yield Database(
                connection=connection,
                url=url,
                name=str(facts["name"]),
                has_schema=bool(facts["has_schema"]),
                reserved=reserved or ReservedNumbers(),
                is_stricter=bool(facts["is_stricter"]),
                on_statement=on_statement,
            )


class _SpanDumper(TimedeltaDumper):
    """A span as seconds alone. Days of an interval are days of the calendar, which may have 23 or 25 hours."""

    def dump(self, obj: timedelta) -> bytes:
        """`172800.000000 seconds`."""
        return f"{obj.total_seconds():.6f} seconds".encode()


class _MomentLoader(TimestamptzLoader):
    """A moment; None for one beyond all dates that Python has, such as infinity."""

    def load(self, data: Buffer) -> datetime | None:  # type: ignore[override]
        try:
            return super().load(data)
        except psycopg.DataError:
            return None


def _connect(url: str) -> psycopg.Connection[DictRow]:
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=_CONNECT_SECONDS,
            prepare_threshold=None,  # a transaction pooler hands prepared statements to strangers
            fallback_application_name="prodtest",
        )
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        connection.adapters.register_dumper(timedelta, _SpanDumper)
        connection.adapters.register_loader("timestamptz", _MomentLoader)
        return connection
    except psycopg.OperationalError as error:
        raise _connection_error(error, url) from error
    except psycopg.ProgrammingError as error:
        raise ConfigurationError(f"the database URL cannot be read ({masked_url(url)})") from error


def _connection_error(error: psycopg.OperationalError, url: str) -> ProdtestError:
    text, where = str(error), masked_url(url)
    if "does not exist" in text:
        return ConfigurationError(f"no such database or role at {where}: check PRODUCTION_DB_URL")
    if "authentication failed" in text or "no password supplied" in text:
        return ConfigurationError(f"user or password is wrong for {where}: check PRODUCTION_DB_URL")
    if "connection is bad: invalid " in text or "Servname not supported" in text:
        return ConfigurationError(f"the database URL cannot be read ({where}): check its port and what follows the ?")
    return Unreachable(f"the database at {where} does not answer: is the server running and the host right?")


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the driver's errors into ours; the driver's own stays in `__cause__`."""
    try:
        yield
    except psycopg.Error as error:
        raise _translated(error) from error


def _translated(error: psycopg.Error) -> ProdtestError:
    message = error.diag.message_primary or type(error).__name__
    if error.sqlstate in _OUR_CODES:
        return _OUR_CODES[error.sqlstate](message)
    if isinstance(
        error,
        psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn | psycopg.errors.InvalidSchemaName,
    ):
        if "prodtest" in message:
            return ConfigurationError(f"schema prodtest is missing or old ({message}): run `prodtest migrate`")
        return ConfigurationError(
            f"the application's tables lack something ({message}): `prodtest migrate` adds it, or says who owes it"
        )
    if isinstance(error, psycopg.errors.UndefinedFunction):
        return ConfigurationError(f"schema prodtest is missing or old ({message}): run `prodtest migrate`")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ConfigurationError(f"the database role may not do this ({message})")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not error.sqlstate:
        return Unreachable("the connection to the database was lost; run the command again")
    if isinstance(error, psycopg.errors.AdminShutdown | psycopg.errors.CrashShutdown | psycopg.errors.CannotConnectNow):
        return Unreachable("the database server is shutting down or starting; run the command again")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return Unreachable("somebody else keeps the rows or tables locked; run the command again")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return Unreachable(f"the database took too long ({message}); run the command again")
    return ProdtestError(f"the database refused a statement: {message}")
