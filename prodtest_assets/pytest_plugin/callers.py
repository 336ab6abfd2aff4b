"""What the fixture `caller` hands to a test: a telephone whose calls are remembered and taken back."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from prodtest_assets.caller import Call, Habits, Persona, Target, preset_persona
from prodtest_assets.caller.raw import RawCall
from prodtest_assets.errors import ProdtestError
from prodtest_assets.pytest_plugin.accuracy import Difference, differences
from prodtest_assets.pytest_plugin.calls import Calls, Notebook
from prodtest_assets.pytest_plugin.context import CallContext
from prodtest_assets.testdata.models import StoredBooking

_PERSONA = "books_an_appointment"
_MINUTES = 30


class Caller:
    """Phones the application, and knows what each call left in the database.

    Raises:
        RefusedForSafety: the database may not be written to, so nobody may call.
        ConfigurationError, Unreachable: the database does not open.
    """

    def __init__(self, calls: Calls, context: CallContext) -> None:
        self._calls = calls
        self._context = context
        self._ledger = calls.ledger()
        self._notebook = Notebook(self._ledger)
        self._rng = random.SystemRandom()

    @property
    def target(self) -> Target:
        """Whom the calls go to."""
        return self._calls.target

    def call(self, persona: Persona, *, target: Target | None = None) -> Call:
        """Place one call.

        Args:
            persona: who calls.
            target: the same application, called in another way: `replace(caller.target, auth_token=None)`.

        Raises:
            RefusedForSafety: it must not be placed; no request was sent.
            Unreachable: nothing listens at the target.
        """
        return self._calls.place(persona, self._notebook, target)

    def by_hand(self, persona: Persona) -> AbstractContextManager[RawCall]:
        """A call that stands in the ledger like any other, and whose requests the test makes itself.

        Raises:
            RefusedForSafety: as `call`.
        """
        return self._calls.by_hand(persona, self._notebook)

    def call_at_once(self, personas: Sequence[Persona], *, at_once: int | None = None) -> list[Call]:
        """Place one call for each of `personas`, all at the same time; the answers are in their order.

        Args:
            personas: who calls.
            at_once: so many at a time; all of them if None.

        Raises:
            RefusedForSafety, Unreachable: as `call`, after all calls have ended.
        """
        with ThreadPoolExecutor(at_once or len(personas), thread_name_prefix="call") as threads:
            return list(threads.map(self.call, personas))

    def book(
        self,
        start: datetime | None = None,
        *,
        duration_min: int | None = None,
        number: str | None = None,
        name: str | None = None,
    ) -> Call:
        """Call and ask for an appointment.

        Args:
            start: timezone-aware; a slot that no other call of this run wants if None.
            duration_min: minutes; what the call script wishes, else 30, if None.
            number: reserved for tests, E.164; drawn if None.
            name: letters and spaces; drawn if None.

        Raises:
            RefusedForSafety, Unreachable: as `call`.
        """
        return self.call(self.persona(start, duration_min=duration_min, number=number, name=name))

    def persona(
        self,
        start: datetime | None = None,
        *,
        duration_min: int | None = None,
        number: str | None = None,
        name: str | None = None,
    ) -> Persona:
        """Who would call with the arguments of `book`. The call script says how they press keys and speak."""
        wishes = self._calls.wishes
        minutes = duration_min or wishes.duration_min or _MINUTES
        persona = Persona(
            key=_PERSONA,
            start=start or self._context.draw_start(minutes),
            duration_min=minutes,
            number=number,
            name=name,
            use_keypad=bool(wishes.use_keypad),
        )
        return persona if wishes.confidence is None else replace(persona, confidence=wishes.confidence)

    def preset(self, key: str, *, habits: Habits | None = None) -> Persona:
        """A caller of a known kind, with a slot that no other call of this run wants.

        The call script says how long they want, how sure the provider is of them, and whether they press keys.

        Args:
            key: one of `prodtest_assets.caller.PRESETS`.
            habits: how they behave, if not as their kind does.
        """
        # One name and one number are for a single call; here many may be on the line.
        wishes = replace(self._calls.wishes, name=None, number=None)
        persona = preset_persona(key, self._context.draw_start, self._rng, wishes=wishes)
        return replace(persona, habits=habits) if habits else persona

    def stored(self, call: Call | RawCall) -> StoredBooking | None:
        """What the database holds for a call; None when no row is provably its."""
        return self._ledger.stored_booking(call.call_sid)

    @property
    def call_sids(self) -> tuple[str, ...]:
        """The calls of this test so far, as the ledger knows them."""
        return tuple(self._notebook.opened)

    def differences(self, call: Call) -> tuple[Difference, ...]:
        """What was stored other than it was said. A call without a row differs in one field, `row`."""
        stored = self.stored(call)
        if stored is None:
            return (Difference("row", "one appointment", "none"),)
        return differences(call, stored, self._context.zone)

    def remove(self, call: Call) -> int:
        """Archive and delete what a call left, before the test ends. Returns the number of rows removed."""
        return self._calls.remove(call.call_sid)

    def remove_all(self) -> None:
        """Take back what all calls of this test left; one that cannot be removed does not keep the others.

        Raises:
            ProdtestError: the first problem.
        """
        problems = []
        for call_sid in reversed(self._notebook.opened):
            try:
                self._calls.remove(call_sid)
            except ProdtestError as error:
                problems.append(error)
        self._calls.remove_events()
        if problems:
            raise problems[0]
