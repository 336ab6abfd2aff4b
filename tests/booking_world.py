"""The application's side of a test: users and appointments put straight into its tables."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import WritePermit, WriteRules
from prodtest_assets.testdata.ledger import RunLedger

RULES = WriteRules(test_mode=True)
START = datetime(2030, 6, 3, 14, 0, tzinfo=UTC)
_lines = itertools.count()


def fiction_number() -> str:
    """A reserved number that no other row of this process has."""
    place = next(_lines)
    return f"+1{212 + place // 100}55501{place % 100:02d}"


@dataclass(slots=True)
class BookingWorld:
    """A migrated database, a permit to write to it, and shortcuts for what the application would store."""

    url: str = field(repr=False)
    database: Database
    permit: WritePermit

    def sql(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run any SQL on a connection of its own, as the application or a person would."""
        with psycopg.connect(self.url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def user(self, *, mobile: str | None = None, name: str = "Test Person", age: timedelta = timedelta()) -> int:
        """A user, created `age` ago."""
        row = self.sql(
            "INSERT INTO users (full_name, mobile, created_at) VALUES (%s, %s, now() - %s) RETURNING id",
            name,
            mobile or fiction_number(),
            age,
        )
        return int(row[0]["id"])

    def book(
        self,
        user: int | None = None,
        *,
        marked: bool = True,
        age: timedelta = timedelta(),
        start: datetime = START,
        event: str | None = None,
        cancelled: bool = False,
    ) -> int:
        """An appointment, created `age` ago; of a new user with a reserved number if none is given."""
        row = self.sql(
            "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at, google_event_id, status,"
            " cancelled_at) VALUES (%s, %s, %s, now() - %s, %s, %s, CASE WHEN %s THEN now() END) RETURNING id",
            user or self.user(age=age),
            start,
            marked,
            age,
            event,
            "cancelled" if cancelled else "booked",
            cancelled,
        )
        return int(row[0]["id"])

    def customer(self, *, bookings: int = 1, mobile: str = "+4915112345678") -> int:
        """A customer with appointments of their own."""
        user = self.user(mobile=mobile, name="Paying Customer", age=timedelta(days=100))
        for day in range(bookings):
            self.book(user, marked=False, age=timedelta(days=90), start=START + timedelta(days=day))
        return user

    def has_appointment(self, row: int) -> bool:
        return bool(self.sql("SELECT 1 FROM appointments WHERE id = %s", row))

    def has_user(self, row: int) -> bool:
        return bool(self.sql("SELECT 1 FROM users WHERE id = %s", row))

    def archived(self) -> set[tuple[str, int]]:
        """Table and id of every archived row."""
        rows = self.sql("SELECT table_oid::regclass::text AS t, row_id FROM prodtest.archived_row")
        return {(row["t"].removeprefix("public."), row["row_id"]) for row in rows}

    def run(self, run_id: UUID | None = None) -> RunLedger:
        """A run of test calls; a context manager."""
        return RunLedger(self.url, run_id or uuid4(), "http://127.0.0.1:1", RULES)

    def kill_run(self, run_id: UUID, *, silent_for: timedelta = timedelta(minutes=5)) -> None:
        """Make a run look as if its process had died some time ago."""
        self.sql("UPDATE prodtest.test_run SET heartbeat_at = now() - %s WHERE id = %s", silent_for, run_id)
