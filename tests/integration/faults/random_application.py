"""Random steps of an application: one number chooses what it does, another one the row it does it to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from tests.integration.faults.application import AGES, Application
from tests.integration.faults.texts import Texts

_T = TypeVar("_T")


@dataclass
class Call:
    """A call in the ledger.

    Attributes:
        booking: the row that the application made of it.
        person: the user that the application made for it.
    """

    sid: str
    run: UUID
    number: str
    name: str
    start: datetime
    booking: int | None = None
    person: int | None = None
    is_closed: bool = False

    def let_go(self) -> None:
        """A run that asks for its own rows may lose them."""
        self.booking = self.person = None


@dataclass
class RandomApplication:
    """An application that does anything to anybody, and what it must respect.

    Attributes:
        calls: the test calls so far.
        runs: each run of test calls: `alive`, `alive elsewhere`, `dead` or `over`.
        held: rows that somebody has asked to keep.
    """

    app: Application
    calls: list[Call] = field(default_factory=list)
    runs: dict[UUID, str] = field(default_factory=dict)
    held: set[tuple[str, int]] = field(default_factory=set)

    def begin(self) -> None:
        """A customer, two with numbers that were anonymised to reserved ones, and leftovers of tests."""
        for number, reserved in ((self.app.customers_number(), False), (self.app.reserved_number(), True)):
            person = self.app.register(number, is_reserved=reserved)
            self.app.book(person, is_test=False, age=timedelta(days=40))
        self.app.register(self.app.reserved_number(), is_reserved=True)
        for age in AGES[:3]:
            self._test_row(age)

    @property
    def texts(self) -> Texts:
        """What belongs to the bookings."""
        assert self.app.texts is not None
        return self.app.texts

    def kept(self) -> set[int]:
        """The bookings from which no cleanup may take anything: customers', held ones, and those of living calls."""
        return {
            row.id for row in self.app.bookings.values()
            if not row.is_test or ("appointments", row.id) in self.held or ("users", row.person) in self.held
            or self._is_of_a_living_call(row.id)
        }  # fmt: skip

    def is_alive(self, call: Call) -> bool:
        """Whether the call's run is alive, here or in another process."""
        return self.runs[call.run].startswith("alive")

    def take(self, step: tuple[int, int]) -> None:
        """One step."""
        kinds: list[Callable[[int], object]] = [
            self._customer_books, self._customer_with_reserved_number_books, self._test_row_by_seed,
            self._another_row_of_anybody, self._another_row_of_anybody, self._suspect_row,
            self._takes_a_callers_number, self._takes_a_callers_number, self._takes_a_callers_number,
            self._delete_customers_row, self._forget_customer,
            self._on_booking(self.app.cancel), self._on_booking(self.app.reschedule),
            self._on_booking(self.app.flip_mark), self._on_booking(self.app.flip_mark),
        ]  # fmt: skip
        if self.app.texts is not None:
            kinds += [self._writes, self._writes, self._writes, self._gives_away, self._gives_away]
        kinds[step[0] % len(kinds)](step[1])

    def _customer_books(self, seed: int) -> None:
        person = self.app.register(self.app.customers_number(), is_reserved=False)
        self.app.book(person, is_test=False, age=AGES[seed % len(AGES)])

    def _customer_with_reserved_number_books(self, seed: int) -> None:
        person = self.app.register(self.app.reserved_number(), is_reserved=True)
        self.app.book(person, is_test=False, age=AGES[seed % len(AGES)])

    def _test_row_by_seed(self, seed: int) -> None:
        self._test_row(AGES[seed % len(AGES)])

    def _test_row(self, age: timedelta) -> None:
        person = self.app.register(self.app.reserved_number(), is_reserved=True, name="Test Person")
        self.app.book(person, is_test=True, age=age)

    def _suspect_row(self, seed: int) -> None:
        person = self.app.register(self.app.customers_number(), is_reserved=False)
        self.app.book(person, is_test=True, age=AGES[seed % len(AGES)])

    def _another_row_of_anybody(self, seed: int) -> None:
        """A customer returns, or the user of a test is taken for a customer, or the other way round."""
        person = one_of([key for key in self.app.people if not self._is_in_doubt(key)], seed)
        if person is not None:
            self.app.book(person, is_test=seed % 3 == 0, age=AGES[seed // 3 % len(AGES)])

    def _takes_a_callers_number(self, seed: int) -> None:
        """A customer with the number of a test caller: known to the application, or new after a cleanup."""
        call = one_of(self.calls, seed)
        if call is None or self._awaits_a_row(call.number):
            return
        person = self.app.person_with(call.number) or self.app.register(call.number, is_reserved=True)
        self.app.book(person, is_test=False, age=AGES[seed % len(AGES)])

    def _on_booking(self, change: Callable[[int], object]) -> Callable[[int], None]:
        def step(seed: int) -> None:
            booking = one_of(list(self.app.bookings), seed)
            if booking is not None and not self._is_of_a_living_call(booking):
                change(booking)

        return step

    def _writes(self, seed: int) -> None:
        """A message that may answer one of anybody, a delivery that knows an appointment too, or a receipt."""
        table = ("messages", "messages", "deliveries", "receipts")[seed % 4]
        of, message = self._a_booking(seed // 4), self._a_message(seed // 8)
        if table == "receipts":
            of = None if seed % 3 else of
        if (of if table != "receipts" else message) is not None:
            self.texts.write(table, of, message if table == "receipts" or seed % 5 else None)

    def _gives_away(self, seed: int) -> None:
        """A text goes over to another appointment, which may be a customer's, or to another message."""
        text = one_of(self.texts.standing(), seed)
        column = "message" if seed % 3 == 0 else "of"
        to = self._a_message(seed // 3) if column == "message" else self._a_booking(seed // 3)
        if text is not None and to is not None:
            self.texts.give(text, column, to)

    def _a_booking(self, seed: int) -> int | None:
        rows = self.app.connection.execute("SELECT id FROM appointments ORDER BY id").fetchall()
        return one_of([row[0] for row in rows], seed)

    def _a_message(self, seed: int) -> str | None:
        return one_of([key for table, key in self.texts.standing() if table == "messages"], seed)

    def _delete_customers_row(self, seed: int) -> None:
        booking = one_of([row.id for row in self.app.bookings.values() if not row.is_test], seed)
        if booking is not None and ("appointments", booking) not in self.held:
            self.app.delete(booking)

    def _forget_customer(self, seed: int) -> None:
        asked_to_keep = {key for table, key in self.held if table == "users"} | {
            row.person for row in self.app.bookings.values() if ("appointments", row.id) in self.held
        }
        customers = [
            key for key, person in self.app.people.items() if not person.is_caller and self.app.is_a_customer(key)
        ]
        candidates = [key for key in customers if key not in asked_to_keep]
        person = one_of(candidates, seed)
        if person is not None and seed % 4 == 0:
            self.app.forget(person)

    def _is_of_a_living_call(self, booking: int) -> bool:
        return any(call.booking == booking and self.is_alive(call) for call in self.calls)

    def _is_in_doubt(self, person: int) -> bool:
        number = self.app.connection.execute("SELECT mobile FROM users WHERE id = %s", [person]).fetchone()
        return number is not None and self._awaits_a_row(number[0])

    def _awaits_a_row(self, number: str) -> bool:
        """Whether a booking with this number now would count as the booking of a test call, which it might be."""
        found = self.app.connection.execute(
            "SELECT 1 FROM prodtest.test_call WHERE caller_number = %s AND appointment_id IS NULL", [number]
        ).fetchone()
        return found is not None


def one_of(candidates: Sequence[_T], seed: int) -> _T | None:
    """The candidate that `seed` picks; None when there is none."""
    return candidates[seed % len(candidates)] if candidates else None
