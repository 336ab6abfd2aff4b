"""What a promise works with: the application's side of the scratch database, and ours."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from prodtest_assets.errors import ProdtestError
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, Scope
from prodtest_assets.testdata.connection import Database, normalize_url, open_database
from prodtest_assets.testdata.guard import WritePermit, WriteRules
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.ledger import RunLedger
from prodtest_assets.testdata.statements import named_statements

OLD = timedelta(hours=48)
YOUNG = timedelta(hours=1)
RULES = WriteRules(test_mode=True)
_CUSTOMERS = 150
_PATIENCE_SECONDS = 20.0
_lines = itertools.count()


class Broken(ProdtestError):
    """A promise did not hold."""


class NotTested(Exception):
    """This server does not let the self-test try the promise; the message says why."""


@cache
def _statements() -> dict[str, LiteralString]:
    return named_statements(files("prodtest_assets.selftest").joinpath("statements.sql").read_text(encoding="utf-8"))


def statement(name: str) -> LiteralString:
    """A statement of `statements.sql`."""
    return _statements()[name]


def filled(name: str, /, **parts: sql.Composable) -> sql.Composed:
    """A statement of `statements.sql` with names put into its braces."""
    return sql.SQL(statement(name)).format(**parts)


def expect(holds: object, otherwise: str) -> None:
    """Raise `Broken` unless `holds`; `otherwise` says what was seen instead."""
    if not holds:
        raise Broken(otherwise)


@dataclass(slots=True)
class World:
    """The scratch database.

    Attributes:
        url: of the scratch database, with the password.
        session: the application's own, in autocommit mode.
        database: a session of the cleanup's.
        roles: names for roles that a promise may make; None where this server does not let us.
        is_superuser: whether the self-test's own role is one.
    """

    url: str = field(repr=False)
    session: psycopg.Connection[DictRow]
    database: Database
    permit: WritePermit
    reserved: ReservedNumbers
    threads: ThreadPoolExecutor
    roles: tuple[str, str] | None
    is_superuser: bool

    # The application's side

    @contextmanager
    def application(self) -> Iterator[psycopg.Connection[DictRow]]:
        """A session of the application with a transaction open; left behind, it is rolled back."""
        connection = psycopg.connect(normalize_url(self.url), row_factory=dict_row, prepare_threshold=None)
        try:
            yield connection
        finally:
            connection.close()

    def app(self, name: str, /, **parameters: object) -> list[dict[str, Any]]:
        """Run a statement of `statements.sql` as the application, in a transaction of its own."""
        # Several statements at once may not have parameters.
        with self.session.transaction():
            cursor = self.session.execute(statement(name), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def add_customers(self) -> None:
        """Fill the tables with customers."""
        self.app("add_customers", count=_CUSTOMERS)

    def sweep(self) -> None:
        """Leave nothing but the customers."""
        self.app("sweep")

    def user(self, *, mobile: str | None = None, name: str = "Test Person", age: timedelta = OLD) -> int:
        """A user, with a reserved number of its own unless one is given."""
        return int(self.app("add_user", name=name, mobile=mobile or fiction_number(), age=age)[0]["id"])

    def book(self, user: int | None = None, *, marked: bool = True, age: timedelta = OLD, day: int = 1) -> int:
        """An appointment, of a new test user unless one is given."""
        owner = user or self.user(age=age)
        return int(self.app("add_appointment", user=owner, marked=marked, age=age, day=day)[0]["id"])

    def owner(self, row: int) -> int:
        """Whose appointment it is."""
        return int(self.app("user_of", row=row)[0]["user_id"])

    def is_there(self, row: int) -> bool:
        """Whether the appointment is in its table and in no archive."""
        place = self.app("places", rows=[row])[0]
        return (place["present"], place["archived"]) == (1, 0)

    def is_archived(self, row: int) -> bool:
        """Whether the appointment is in the archive and not in its table."""
        place = self.app("places", rows=[row])[0]
        return (place["present"], place["archived"]) == (0, 1)

    def has_user(self, user: int) -> bool:
        """Whether the user is in its table."""
        return bool(self.app("user_places", row=user)[0]["present"])

    # Our side

    def clean(self, policy: Policy | None = None, **question: Any) -> CleanupReport:
        """Clean up now."""
        return cleanup_now(self.database, self.permit, policy or Policy(), **question)

    def clean_named(self, *, rows: tuple[int, ...] = (), users: tuple[int, ...] = ()) -> CleanupReport:
        """Clean up what a person names."""
        return self.clean(scope=Scope.NAMED, named=rows, named_users=users)

    def clean_meanwhile(self, policy: Policy | None = None) -> Future[CleanupReport]:
        """Start a cleanup that goes on in a session of its own."""

        def work() -> CleanupReport:
            with open_database(self.url, reserved=self.reserved) as database:
                return cleanup_now(database, self.permit, policy or Policy())

        return self.threads.submit(work)

    def run(self, run_id: UUID | None = None) -> RunLedger:
        """A run of test calls; a context manager."""
        return RunLedger(self.url, run_id or uuid4(), "selftest", RULES, reserved=self.reserved)

    def until_somebody_waits(self) -> None:
        """Wait until a session waits for a lock."""
        wait_until(lambda: self.app("waiting")[0]["count"], "no session came to wait for the lock")


def wait_until(holds: Callable[[], object], otherwise: str) -> None:
    """Wait until `holds`; `Broken` with `otherwise` when it never does."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        expect(time.monotonic() < deadline, otherwise)
        time.sleep(0.01)


def result_of(cleanup: Future[CleanupReport]) -> CleanupReport:
    """What a cleanup that went on meanwhile came to."""
    return cleanup.result(_PATIENCE_SECONDS)


def fiction_number() -> str:
    """A number reserved for fiction that no other row of this self-test has."""
    place = next(_lines)
    return f"+1{212 + place // 100}55501{place % 100:02d}"
