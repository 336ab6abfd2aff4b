"""The application and its books: what it has stored, kept beside the database, so that any difference shows."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import TupleRow, tuple_row

from tests.integration.faults.texts import Texts

FIRST_START = datetime(2031, 3, 3, 9, 0, tzinfo=UTC)
# Among them clocks that run a day ahead or behind.
AGES = tuple(timedelta(hours=hours) for hours in (48, 0, 25, 23, 72, -24, 1, 24 * 30))
# Area codes in which 555-01xx is reserved for fiction; toll-free codes are not among them.
_TOLL_FREE = (800, 822, 833, 844, 855, 866, 877, 888)
_AREA_CODES = tuple(code for code in range(200, 1000) if code // 10 % 10 != 9 and code not in _TOLL_FREE)


@dataclass(slots=True)
class Person:
    """A user the application has stored.

    Attributes:
        text: the whole row.
        is_reserved: whether the number belongs to tests.
        is_caller: whether a test call made it.
        had_test_row: whether one of its appointments ever bore the mark.
        is_named: whether a human being has asked for it to go, by id.
    """

    id: int
    text: str
    is_reserved: bool
    is_caller: bool = False
    had_test_row: bool = False
    is_named: bool = False

    @property
    def may_be_a_test_user(self) -> bool:
        return self.is_caller or (self.is_reserved and (self.had_test_row or self.is_named))


@dataclass(slots=True)
class Booking:
    """An appointment the application has stored; `text` is the whole row."""

    id: int
    person: int
    text: str
    is_test: bool
    age: timedelta
    is_of_a_call: bool = False


@dataclass(slots=True)
class Application:
    """Books, changes and deletes rows like any application, and checks that nobody else touches a customer's.

    Args:
        connection: of its own, in autocommit mode.
        texts: what belongs to bookings, in tables of their own; None where there are no such tables.
    """

    connection: psycopg.Connection[TupleRow]
    people: dict[int, Person] = field(default_factory=dict)
    bookings: dict[int, Booking] = field(default_factory=dict)
    texts: Texts | None = None
    _starts: Iterator[int] = field(default_factory=itertools.count)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_start(self) -> datetime:
        """A time that nobody has booked."""
        return FIRST_START + timedelta(minutes=next(self._starts))

    def customers_number(self) -> str:
        """A new number that no test may have."""
        return f"+4915{next(self._numbers):09d}"

    def reserved_number(self) -> str:
        """A new number that belongs to tests."""
        code, line = divmod(next(self._numbers), 100)
        return f"+1{_AREA_CODES[code]}55501{line:02d}"

    # What it stores.

    def begin_texts(self) -> None:
        """From now on each booking has a message."""
        self.texts = Texts(self.connection)
        self.texts.create()

    def register(
        self, number: str, *, is_reserved: bool, name: str = "Paying Customer", is_caller: bool = False
    ) -> int:
        """A new user, a year old."""
        row = self._one(
            "INSERT INTO users (full_name, mobile, created_at) VALUES (%s, %s, now() - interval '1 year') "
            "RETURNING id, users::text",
            name, number,
        )  # fmt: skip
        assert row is not None
        self.people[row[0]] = Person(row[0], row[1], is_reserved, is_caller)
        return int(row[0])

    def book(
        self, person: int, *, is_test: bool, age: timedelta = timedelta(), start: datetime | None = None,
        is_of_a_call: bool = False, is_marked: bool | None = None,
    ) -> int | None:  # fmt: skip
        """A new appointment, or None when the user is gone.

        Args:
            is_test: whether it counts as a test's in the books.
            age: how long ago it was created, by the application's own clock.
            is_marked: the mark that is stored, if that is another one.
        """
        marked = is_test if is_marked is None else is_marked
        row = self._one(
            "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at) "
            "SELECT id, %s, %s, now() - %s FROM users WHERE id = %s FOR KEY SHARE RETURNING id, appointments::text",
            start or self.new_start(), marked, age, person,
        )  # fmt: skip
        if row is None:
            return None
        self.bookings[row[0]] = Booking(row[0], person, row[1], is_test, age, is_of_a_call)
        self.people[person].had_test_row |= marked
        if self.texts is not None:
            self.texts.write("messages", row[0], None)
        return int(row[0])

    def learn(self, person: int, booking: int) -> None:
        """What a test call has made the application store from another process."""
        found = self._one("SELECT id, u::text FROM users u WHERE id = %s", person)
        row = self._one("SELECT id, a::text FROM appointments a WHERE id = %s", booking)
        assert found is not None
        assert row is not None
        self.people[person] = Person(person, found[1], is_reserved=True, is_caller=True, had_test_row=True)
        self.bookings[booking] = Booking(booking, person, row[1], is_test=True, age=timedelta(), is_of_a_call=True)

    def person_with(self, number: str) -> int | None:
        """Who holds a number now."""
        row = self._one("SELECT id FROM users WHERE mobile = %s", number)
        return None if row is None else int(row[0])

    # What it does with what it has stored. Whatever is gone stays gone.

    def cancel(self, booking: int) -> None:
        """Cancel an appointment."""
        self._change(booking, "status = 'cancelled', cancelled_at = now()")

    def reschedule(self, booking: int) -> None:
        """Move an appointment to another time."""
        self._change(
            booking,
            "starts_at = %s, modified_at = now(), modification_count = modification_count + 1",
            self.new_start(),
        )

    def flip_mark(self, booking: int) -> None:
        """Call a test's row a customer's, or the other way round."""
        row = self._change(booking, "is_test_data = NOT is_test_data", returning="is_test_data")
        entry = self.bookings[booking]
        if row is not None and not entry.is_of_a_call:
            entry.is_test = bool(row[1])
            self.people[entry.person].had_test_row |= entry.is_test

    def delete(self, booking: int) -> None:
        """Delete an appointment."""
        with self._texts_going_along():
            if self._one("DELETE FROM appointments WHERE id = %s RETURNING id", booking):
                del self.bookings[booking]

    def forget(self, person: int) -> None:
        """Delete a user and, by cascade, whatever they have booked."""
        with self._texts_going_along(), self.connection.transaction():
            if self._one("SELECT id FROM users WHERE id = %s FOR UPDATE", person) is None:
                return
            # Locked, since a cleanup that is about to take one of them needs no lock on the user.
            rows = self.connection.execute(
                "SELECT id FROM appointments WHERE user_id = %s FOR UPDATE", [person]
            ).fetchall()
            self.connection.execute("DELETE FROM users WHERE id = %s", [person])
        for (booking,) in rows:
            del self.bookings[booking]
        del self.people[person]

    def _texts_going_along(self) -> AbstractContextManager[None]:
        return nullcontext() if self.texts is None else self.texts.going_along()

    # Its books.

    def is_a_customer(self, person: int) -> bool:
        """Whether nobody but the application may touch this user."""
        return person in self._with_customers_rows() or not self.people[person].may_be_a_test_user

    def _with_customers_rows(self) -> set[int]:
        return {row.person for row in self.bookings.values() if not row.is_test}

    def check(self) -> None:
        """Every customer's row is what the application made it; every test row is in exactly one of two places."""
        present = {
            (table, key): text
            for table, key, text in self.connection.execute(
                "SELECT 'appointments', id, a::text FROM appointments a "
                "UNION ALL SELECT 'users', id, u::text FROM users u"
            )
        }
        archived = Counter(
            (str(table), int(key))
            for table, key in self.connection.execute(
                "SELECT (SELECT relname FROM pg_class WHERE oid = table_oid), row_id FROM prodtest.archived_row"
                " WHERE table_oid IN ('users'::regclass, 'appointments'::regclass)"
            )
        )
        owned = {("appointments", key) for key in self.bookings} | {("users", key) for key in self.people}
        assert present.keys() | archived.keys() == owned, "a row was lost, or came from nowhere"
        assert not present.keys() & archived.keys(), "a row is in the table and in the archive"
        assert all(count == 1 for count in archived.values()), "a row was archived twice"
        for booking in self.bookings.values():
            if not booking.is_test:
                assert present.get(("appointments", booking.id)) == booking.text
        having = self._with_customers_rows()
        for person in self.people.values():
            if person.id in having or not person.may_be_a_test_user:
                assert present.get(("users", person.id)) == person.text

    def _change(
        self, booking: int, assignment: LiteralString, *values: object, returning: LiteralString = "id"
    ) -> TupleRow | None:
        row = self._one(
            f"UPDATE appointments SET {assignment} WHERE id = %s RETURNING appointments::text, {returning}",
            *values,
            booking,
        )
        if row is not None:
            self.bookings[booking].text = row[0]
        return row

    def _one(self, statement: LiteralString, *values: Any) -> TupleRow | None:
        return self.connection.execute(statement, values).fetchone()


def open_application(url: str, *, first: int = 0) -> Application:
    """The application, with nothing in its books. Its connection must be closed.

    Args:
        first: where its callers' numbers begin, for several applications on one database; there are 71,200.
    """
    connection = psycopg.connect(url, autocommit=True, row_factory=tuple_row)
    return Application(connection, _numbers=itertools.count(first))
