"""The callers every booking line knows: one by one, many at once, and at their oddest.

A call counts as a success when the database holds what was said, field by field. What an answer may cost is
counted in the application's own seconds, all answers of a call together. A failed assert shows what it
compared, so only counts, times and masked texts stand in one.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from prodtest_assets.caller import Call, Ended, Habits
from prodtest_assets.pytest_plugin import Caller, ending_of, explain

pytestmark = [pytest.mark.production, pytest.mark.prod_e2e, pytest.mark.prod_db, pytest.mark.prod_db_write]

_SCENARIO_SECONDS = 15.0
_PEAK_CALLS = 12
_PEAK_AT_ONCE = 6
_PEAK_SUCCESS, _PEAK_SECONDS = 0.90, 3.0
_DAY = {"early": 1, "morning": 3, "noon": 2, "afternoon": 3, "evening": 1}
"""How many callers phone at the same time, at each time of the day."""
_DAILY_SUCCESS, _DAILY_SECONDS = 0.95, 2.0
_FIRST_WORDS = {
    "empty": None,
    "very_long": " ".join(["well you see the thing is that"] * 60),
    "special_characters": '<&> "O\'Brien" ñ ü 你好 \N{SNOWMAN} 100% {x} \\ ;--',
    "digits_only": "4711 0815",
}
_AGREEING = frozenset({"yes", "confirm"})
_ABOUT_THE_CALL = ("row", "number", "start", "duration", "status")


class TestRealWorldCallScenarios:
    """Whoever calls, and however many of them: what they asked for is what the database holds."""

    @pytest.mark.essential
    def test_quick_booking(self, caller: Caller) -> None:
        """A caller who knows what they want is booked as they said, within 15 seconds."""
        _hold_scenario(caller, "quick_booking")

    def test_detailed_booking(self, caller: Caller) -> None:
        """A caller who wants an hour is booked for an hour, within 15 seconds."""
        _hold_scenario(caller, "detailed_booking")

    def test_unclear_speech(self, caller: Caller) -> None:
        """A caller who says nothing at first and is heard with little confidence is booked, within 15 seconds."""
        _hold_scenario(caller, "unclear_speech")

    def test_international_caller(self, caller: Caller) -> None:
        """A caller from another country is booked under their own number, within 15 seconds."""
        _hold_scenario(caller, "international_caller")

    def test_reschedule_request(self, caller: Caller) -> None:
        """A caller who takes back the time they asked for is booked for the other one only, within 15 seconds."""
        persona = caller.preset("reschedule_request")
        call = _again_if_declined(caller, caller.call(persona))
        _must_be_booked_in_time(caller, call)
        if call.requested_start == persona.first_start:
            pytest.skip("the application never asks whether the time is right, so nobody can take it back")

    def test_elderly_caller(self, caller: Caller) -> None:
        """A caller who misses questions and pauses in mid-sentence is booked, within 15 seconds."""
        _hold_scenario(caller, "elderly_caller")

    def test_all_scenarios_at_once(self, caller: Caller) -> None:
        """All kinds of callers who know what they want phone at the same time, and each is booked as they said."""
        kinds = ("quick_booking", "detailed_booking", "unclear_speech", "international_caller", "elderly_caller")
        calls = caller.call_at_once([caller.preset(kind) for kind in kinds])
        failures = _failures(caller, calls)
        assert not failures, "; ".join(failures)

    def test_peak_hour(self, caller: Caller) -> None:
        """In a rush, 90 % of the calls are stored as said, with less than 3 seconds of waiting on average."""
        personas = [caller.preset("quick_booking") for _ in range(_PEAK_CALLS)]
        calls = caller.call_at_once(personas, at_once=_PEAK_AT_ONCE)
        _judge(caller, calls, success=_PEAK_SUCCESS, seconds=_PEAK_SECONDS)

    def test_daily_pattern(self, caller: Caller) -> None:
        """Through a day's ebb and flow, 95 % are stored as said, with less than 2 seconds of waiting on average."""
        calls = [
            call
            for callers in _DAY.values()
            for call in caller.call_at_once([caller.preset("quick_booking") for _ in range(callers)])
        ]
        _judge(caller, calls, success=_DAILY_SUCCESS, seconds=_DAILY_SECONDS)

    @pytest.mark.parametrize("first_words", _FIRST_WORDS)
    def test_edge_case_in_the_first_answer(self, caller: Caller, first_words: str) -> None:
        """Silence, a flood of words, special characters or digits instead of an answer break nothing."""
        words = _FIRST_WORDS[first_words]
        habits = Habits(silent_at=frozenset({0})) if words is None else Habits(says_first=words)
        call = caller.call(caller.preset("quick_booking", habits=habits))
        ended, said = call.ended, [turn.text for turn in call.turns if turn.speaker == "caller"]
        assert ended is not Ended.failed, f"the call broke off: {ending_of(call)}"
        if words is not None:
            if all(text.startswith("(keypad)") for text in said):
                pytest.skip("the application takes keys only, so nobody can say odd words to it")
            is_said = words in said
            assert is_said, f"the odd words were never said: {ending_of(call)}"
        call = _again_if_declined(caller, call)
        _must_be_stored(caller, call)
        # Whether odd words can be a name is for the application to say; all else must be as it was said.
        wrong = [str(found) for found in caller.differences(call) if found.field in _ABOUT_THE_CALL]
        assert not wrong, "; ".join(wrong)


class TestCallFlowValidation:
    """What is heard is what is kept, and nothing is kept before its time."""

    def test_extraction_accuracy(self, caller: Caller) -> None:
        """Names, numbers, days, times and lengths are stored as they were said, whoever said them and however."""
        personas = [
            replace(caller.preset(kind), use_keypad=use_keypad)
            for kind in ("quick_booking", "detailed_booking")
            for use_keypad in (False, True, False)
        ]
        calls = caller.call_at_once(personas, at_once=3)
        failures, said = _failures(caller, calls), len(calls)
        assert not failures, f"{said - len(failures)} of {said} calls stored as said; {'; '.join(failures)}"

    def test_state_progression(self, caller: Caller) -> None:
        """A call goes from question to question to its end, and one left before the caller agreed stores nothing."""
        whole = caller.call(caller.preset("quick_booking"))
        _must_be_stored(caller, whole)
        _must_be_led_to_its_end(whole)
        statuses = sorted({str(turn.status) for turn in whole.turns if turn.speaker == "application"})
        assert statuses == ["200"], f"HTTP statuses: expected only 200, answered {statuses}"
        answers = [turn.text for turn in whole.turns if turn.speaker == "caller"]
        asked = len(answers)
        assert asked >= 2, f"questions: expected at least 2 before a booking, asked {asked}"

        left = caller.call(caller.preset("quick_booking", habits=Habits(hangs_up_at=_before_booking(answers))))
        ended = left.ended
        assert ended is Ended.caller_hung_up, f"the call was not the same a second time: {ending_of(left)}"
        is_stored = caller.stored(left) is not None
        assert not is_stored, "row: expected none of a caller who hung up before agreeing, stored one"


def _before_booking(answers: Sequence[str]) -> int:
    """The question that is surely asked before anything is booked: the last one that was agreed to, else half-way.

    What comes after that one may be asked after the booking: "Is there anything else?"
    """
    agreed = [place for place, answer in enumerate(answers) if answer in _AGREEING]
    return agreed[-1] if agreed else len(answers) // 2


def _must_be_stored(caller: Caller, call: Call) -> None:
    is_stored = caller.stored(call) is not None
    assert is_stored, explain(call)


def _must_be_led_to_its_end(call: Call) -> None:
    ended = call.ended
    assert ended is Ended.hung_up_by_application, f"the call was not led to its end: {ending_of(call)}"


def _again_if_declined(caller: Caller, call: Call) -> Call:
    """The call, or another one of the same caller: an application may end a call on a "no" without a booking."""
    if caller.stored(call) is not None or call.ended is not Ended.hung_up_by_application:
        return call
    start = call.requested_start
    return caller.book(start, duration_min=call.duration_min, number=call.number, name=call.name)


def _hold_scenario(caller: Caller, kind: str) -> None:
    _must_be_booked_in_time(caller, caller.call(caller.preset(kind)))


def _must_be_booked_in_time(caller: Caller, call: Call) -> None:
    _must_be_stored(caller, call)
    wrong = [str(difference) for difference in caller.differences(call)]
    assert not wrong, "; ".join(wrong)
    _must_be_led_to_its_end(call)
    seconds = call.answering_seconds
    assert seconds < _SCENARIO_SECONDS, f"seconds: expected less than {_SCENARIO_SECONDS:g}, took {seconds:.1f}"


def _failures(caller: Caller, calls: Sequence[Call]) -> list[str]:
    """One line for each call that was not stored as said."""
    lines = []
    for place, call in enumerate(calls, start=1):
        wrong = caller.differences(call)
        if wrong:
            reason = explain(call) if caller.stored(call) is None else ", ".join(map(str, wrong))
            lines.append(f"caller {place} ({call.persona}): {reason}")
    return lines


def _judge(caller: Caller, calls: Sequence[Call], *, success: float, seconds: float) -> None:
    failures = _failures(caller, calls)
    wanted = math.ceil(success * len(calls))
    stored = len(calls) - len(failures)
    assert stored >= wanted, f"calls stored as said: expected {wanted} of {len(calls)}, got {stored}; {failures[0]}"
    average = sum(call.answering_seconds for call in calls) / len(calls)
    assert average < seconds, f"seconds: expected less than {seconds:g} a call on average, took {average:.1f}"
