"""The conversation: name, is the name right, time, duration, shall it be booked.

Pure of HTTP and TwiML: what was heard goes in, what is said next comes out.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from zoneinfo import ZoneInfo

from prodtest_assets.sandbox.bookings import Bookings, Clash, Order
from prodtest_assets.sandbox.hours import DURATIONS, OPENS, next_free, reason_against
from prodtest_assets.sandbox.speech import say_time, spoken_duration, spoken_name, spoken_time, yes_or_no
from prodtest_assets.sandbox.twiml import Answer

_MOST_TURNS = 30
_MOST_MISSES = 5
_YES_OR_NO = "Please say yes or no."


class Step(Enum):
    """What the caller has been asked last."""

    NAME = auto()
    CONFIRM_NAME = auto()
    TIME = auto()
    DURATION = auto()
    CONFIRM = auto()
    ALTERNATIVE = auto()


@dataclass(slots=True)
class CallState:
    """What is known in the middle of a call.

    Attributes:
        number: the caller's, in E.164.
        is_test: a test caller is on the line.
        start: what was asked for, aware, in the application's zone.
        minutes: the duration asked for.
        misses: answers in a row that could not be used.
    """

    number: str
    is_test: bool
    step: Step = Step.NAME
    name: str = ""
    start: datetime | None = None
    minutes: int = 0
    turns: int = 0
    misses: int = 0


class Dialogue:
    """Walks a call from the greeting to the goodbye."""

    def __init__(self, bookings: Bookings, zone: ZoneInfo) -> None:
        self._bookings = bookings
        self._zone = zone

    def greet(self, call: CallState) -> Answer:
        """Open the call; a returning caller is greeted by name."""
        known = self._bookings.name_of(call.number)
        greeting = f"Welcome back, {known}." if known else "Thank you for calling the booking line."
        return self._ask(call, Step.NAME, f"{greeting} May I have your full name, please?")

    def reply(self, call: CallState, *, speech: str, digits: str, now: datetime) -> Answer:
        """Answer what the caller said or pressed, and move the call on.

        Args:
            speech: what the provider understood; empty for silence.
            digits: the keys pressed.
            now: aware; a booking lies after it.
        """
        before, call.turns = call.step, call.turns + 1
        answer = self._next(call, speech, digits, now)
        call.misses = call.misses + 1 if call.step is before else 0
        if answer.listens and (call.misses >= _MOST_MISSES or call.turns >= _MOST_TURNS):
            return _hang_up("I am sorry, I could not understand you, so no appointment was made. Goodbye.")
        return answer

    def read_back(self, call: CallState) -> Answer:
        """Repeat what would be booked and ask for the go-ahead."""
        assert call.start is not None  # the step before has set it
        said = self._say(call.start)
        question = f"I have {call.name} on {said} for {call.minutes} minutes. Shall I book it?"
        return self._ask(call, Step.CONFIRM, f"{question} {_YES_OR_NO}")

    def _next(self, call: CallState, speech: str, digits: str, now: datetime) -> Answer:
        match call.step:
            case Step.NAME:
                return self._hear_name(call, speech)
            case Step.CONFIRM_NAME:
                return self._hear_whether_the_name_is_right(call, speech, now)
            case Step.TIME:
                return self._hear_time(call, speech, now)
            case Step.DURATION:
                return self._hear_duration(call, digits or speech, now)
            case Step.CONFIRM:
                return self._hear_confirmation(call, speech, now)
            case Step.ALTERNATIVE:
                return self._hear_about_the_alternative(call, speech)

    def _hear_name(self, call: CallState, speech: str) -> Answer:
        name = spoken_name(speech)
        if name is None:
            return self._ask(call, Step.NAME, "Sorry, I did not get that. May I have your full name, please?")
        call.name = name
        return self._ask(call, Step.CONFIRM_NAME, f"I heard {name}. Is that correct? {_YES_OR_NO}")

    def _hear_whether_the_name_is_right(self, call: CallState, speech: str, now: datetime) -> Answer:
        match yes_or_no(speech):
            case True:
                return self._ask_time(call, "Thank you.", now)
            case False:
                return self._ask(call, Step.NAME, "I am sorry. May I have your full name again, please?")
        return self._ask(call, Step.CONFIRM_NAME, f"I heard {call.name}. Is that correct? {_YES_OR_NO}")

    def _hear_time(self, call: CallState, speech: str, now: datetime) -> Answer:
        start = spoken_time(speech, now, self._zone)
        if start is None:
            return self._ask_time(call, "Sorry, I did not understand the day and the time.", now)
        if against := reason_against(start, min(DURATIONS), now=now, zone=self._zone):
            return self._ask_time(call, against, now)
        call.start = start
        return self._ask_duration(call, "")

    def _hear_duration(self, call: CallState, said: str, now: datetime) -> Answer:
        minutes = spoken_duration(said)
        if minutes is None or call.start is None:
            return self._ask_duration(call, "Sorry, I did not get that.")
        if against := reason_against(call.start, minutes, now=now, zone=self._zone):
            return self._ask_time(call, against, now)
        call.minutes = minutes
        return self.read_back(call)

    def _hear_confirmation(self, call: CallState, speech: str, now: datetime) -> Answer:
        match yes_or_no(speech):
            case True:
                return self._book(call)
            case False:
                return self._ask_time(call, "All right, then let us find another time.", now)
        return self.read_back(call)

    def _hear_about_the_alternative(self, call: CallState, speech: str) -> Answer:
        match yes_or_no(speech):
            case True:
                return self._book(call)
            case False:
                return _hang_up("All right, no new appointment was made. Goodbye.")
        return self._offer(call, "Sorry, I did not get that.")

    def _book(self, call: CallState) -> Answer:
        assert call.start is not None  # nobody is asked to confirm before it is set
        order = Order(call.number, call.name, call.start, call.minutes, call.is_test)
        outcome = self._bookings.book(order)
        if isinstance(outcome, Clash):
            refused = f"You already have an appointment on {self._say(call.start)}, so I did not book another."
            call.start = outcome.alternative
            return self._offer(call, refused)
        return _hang_up(f"You are booked for {self._say(call.start)}, for {call.minutes} minutes. Goodbye.")

    def _offer(self, call: CallState, before: str) -> Answer:
        assert call.start is not None  # it is the alternative
        question = f"I could offer you {self._say(call.start)} instead. Would you like that?"
        return self._ask(call, Step.ALTERNATIVE, f"{before} {question} {_YES_OR_NO}")

    def _ask_time(self, call: CallState, before: str, now: datetime) -> Answer:
        tomorrow = now.astimezone(self._zone).replace(hour=OPENS.hour, minute=0)
        example = say_time(next_free(max(tomorrow, now), min(DURATIONS), (), zone=self._zone))
        return self._ask(call, Step.TIME, f"{before} What day and time would you like? For example, {example}.")

    def _ask_duration(self, call: CallState, before: str) -> Answer:
        question = "How long should the appointment be: 15, 30 or 60 minutes? You may say it or press the keys."
        return self._ask(call, Step.DURATION, f"{before} {question}".strip(), keys=2)

    def _ask(self, call: CallState, step: Step, text: str, *, keys: int | None = None) -> Answer:
        call.step = step
        return Answer(text, keys=keys)

    def _say(self, moment: datetime) -> str:
        local = moment.astimezone(self._zone)
        return say_time(local, year=local.year != datetime.now(self._zone).year)


def _hang_up(text: str) -> Answer:
    return Answer(text, listens=False)
