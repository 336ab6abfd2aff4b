"""The telephony provider's webhooks: what they answer, whom they believe, and what they survive.

Every request belongs to a call that stands in the ledger, also those that no provider would send. A failed assert shows
what it compared, so only counts, times and masked texts stand in one.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from prodtest_assets.caller import Call, Ended, Habits
from prodtest_assets.caller.faults import BadTwiml
from prodtest_assets.caller.raw import RawCall
from prodtest_assets.caller.twiml import parse
from prodtest_assets.pytest_plugin import Caller, ending_of, explain
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.models import StoredBooking

pytestmark = [pytest.mark.production, pytest.mark.prod_e2e, pytest.mark.prod_db, pytest.mark.prod_db_write]

_TWIML = frozenset({"text/xml", "application/xml", "text/html"})
_REFUSED = frozenset({400, 401, 403})
_CALLS, _AT_ONCE = 10, 5
_LONGEST_ANSWER = 15.0
"""Seconds the provider waits. https://www.twilio.com/docs/api/errors/11205"""

Book = Callable[..., tuple[Call, StoredBooking]]


class TestWebhookBasics:
    """The first contact."""

    @pytest.mark.essential
    def test_first_webhook_answers_twiml(self, book: Book, caller: Caller) -> None:
        """The first request of a call is answered with TwiML that speaks to the caller, and stores no appointment."""
        book()  # the run's first call must leave a row
        with caller.by_hand(caller.persona()) as call:
            answer = call.send()
        _must_not_be_stored(caller, call)
        status = answer.status or answer.problem
        assert status == 200, f"HTTP status: expected 200, answered {status}"
        media_type = answer.content_type.partition(";")[0].strip().lower()
        assert media_type in _TWIML, f"Content-Type: expected XML, {media_type or 'there is none'}"
        verbs, problems = _read(answer.body)
        assert not problems, "; ".join(problems)
        assert verbs, "TwiML: expected something to do for the caller, the document is empty"

    def test_every_answer_of_a_call_is_free_of_warnings(self, book: Book) -> None:
        """A whole call is stored, and the provider has nothing to warn of on the way."""
        call, _ = book()
        ended, has_problem = call.ended, call.problem is not None
        assert ended is Ended.hung_up_by_application, f"the call was not led to its end: {ending_of(call)}"
        assert not has_problem, ending_of(call)


class TestWebhookSecurity:
    """Who may speak in the provider's name."""

    def test_unsigned_request_is_refused(self, book: Book, caller: Caller) -> None:
        """A request without signature is refused, and nothing is stored for it."""
        _need_token(caller)
        book()
        _must_be_refused(caller, caller.call(caller.persona(), target=replace(caller.target, auth_token=None)))

    def test_wrongly_signed_request_is_refused(self, book: Book, caller: Caller) -> None:
        """A request signed with another token is refused, and nothing is stored for it."""
        token = _need_token(caller)
        book()
        _must_be_refused(caller, caller.call(caller.persona(), target=replace(caller.target, auth_token=f"{token}?")))

    def test_replayed_request_books_nothing_twice(self, book: Book, caller: Caller, prod_db: Database) -> None:
        """Every answer of a call arrives a second time, as anyone can send it who saw it: one appointment is stored."""
        book()
        habits = Habits(delivered_twice_at=frozenset(range(40)))
        call = caller.call(caller.preset("quick_booking", habits=habits))
        _must_be_stored_once(caller, prod_db, call)


class TestMalformedInput:
    """What no provider sends, and everyone else may."""

    def test_malformed_requests_break_nothing(self, book: Book, caller: Caller) -> None:
        """Odd requests are answered without an internal error, store nothing, and the next caller is booked."""
        book()
        with caller.by_hand(caller.persona()) as call:
            without_caller = {name: text for name, text in call.fields.items() if name not in ("From", "Caller")}
            answers = {
                "no fields": call.send({}),
                "no CallSid": call.send({name: text for name, text in call.fields.items() if name != "CallSid"}),
                "no caller": call.send(without_caller),
                "a long field": call.send({**call.fields, "SpeechResult": "la " * 20_000}),
                "control characters": call.send({**call.fields, "SpeechResult": "\x00\x07\x1b"}),
                "no form": call.send(content=b"\xff\xfe\x00garbage%%%&&&==="),
                "JSON": call.send(content=b'{"CallSid": ["no", "form"]}', content_type="application/json"),
                "a broken upload": call.send(content=b"--x\r\n", content_type="multipart/form-data; boundary=x"),
                "a GET": call.send(method="GET"),
            }
        _must_not_be_stored(caller, call)
        broken = {
            name: answer.status or answer.problem
            for name, answer in answers.items()
            if answer.status is None or answer.status >= 500
        }
        assert not broken, f"HTTP status: expected none of 500 or more, answered {broken}"
        book()


class TestSessionPersistence:
    """What was said earlier in a call is remembered, and only in that call."""

    def test_answers_are_kept_from_turn_to_turn(self, book: Book, caller: Caller) -> None:
        """What was said in the first turns stands in the row that the last turn stores."""
        call, _ = book()
        wrong = [str(found) for found in caller.differences(call) if found.field in ("name", "start", "duration")]
        assert not wrong, "; ".join(wrong)

    def test_broken_off_call_is_not_continued_by_the_next(self, book: Book, caller: Caller) -> None:
        """A caller who hung up in the middle and calls again starts anew, and is booked once, as said then."""
        book()
        left = caller.call(caller.preset("quick_booking", habits=Habits(hangs_up_at=1)))
        ended = left.ended
        assert ended is Ended.caller_hung_up, f"the call was not left in its middle: {ending_of(left)}"
        again, _ = book(number=left.number, name=left.name)
        wrong = [str(found) for found in caller.differences(again)]
        assert not wrong, "; ".join(wrong)
        _must_not_be_stored(caller, left)

    def test_interleaved_calls_do_not_mix(self, book: Book, caller: Caller) -> None:
        """Two callers answer in turns, and each finds their own words in their own row."""
        book()
        calls = caller.call_at_once([caller.persona(), caller.preset("detailed_booking")])
        wrong = [str(found) for call in calls for found in caller.differences(call)]
        assert not wrong, "; ".join(wrong)


class TestLoad:
    """More callers than usual."""

    def test_calls_under_load_are_answered_in_time(self, book: Book, caller: Caller) -> None:
        """No answer takes longer than the provider waits, and every call is stored under its own number."""
        book()
        calls = caller.call_at_once([caller.persona() for _ in range(_CALLS)], at_once=_AT_ONCE)
        lost = [explain(call) for call in calls if caller.stored(call) is None]
        assert not lost, f"rows: expected {_CALLS}, {len(lost)} are missing; {lost[0]}"
        wrong = [str(found) for call in calls for found in caller.differences(call) if found.field == "number"]
        assert not wrong, "; ".join(wrong)
        slowest = max(turn.latency or 0.0 for call in calls for turn in call.turns)
        assert slowest < _LONGEST_ANSWER, f"seconds: expected less than {_LONGEST_ANSWER:g}, took {slowest:.1f}"


def _read(body: bytes) -> tuple[int, tuple[str, ...]]:
    """How many verbs a document has, and what is wrong with it."""
    try:
        document = parse(body)
    except BadTwiml as fault:
        return 0, (str(fault),)
    return len(document.verbs), document.warnings


def _need_token(caller: Caller) -> str:
    if caller.target.auth_token is None:
        pytest.skip("TWILIO_AUTH_TOKEN not configured")
    return caller.target.auth_token


def _must_be_refused(caller: Caller, call: Call) -> None:
    statuses = [turn.status for turn in call.turns if turn.speaker == "application"]
    is_refused = len(statuses) == 1 and statuses[0] in _REFUSED
    assert is_refused, f"HTTP status: expected one of {sorted(_REFUSED)}, answered {statuses[:1]}"
    _must_not_be_stored(caller, call)


def _must_not_be_stored(caller: Caller, call: Call | RawCall) -> None:
    is_stored = caller.stored(call) is not None
    assert not is_stored, "row: expected none of this call, stored one"


def _must_be_stored_once(caller: Caller, prod_db: Database, call: Call) -> None:
    stored = caller.stored(call)
    assert stored is not None, explain(call)
    bookings = len(prod_db.rows("bookings_of_user", user_id=stored.user_id))
    assert bookings == 1, f"appointments: expected 1, stored {bookings}"
    wrong = [str(found) for found in caller.differences(call) if found.field in ("start", "number")]
    assert not wrong, "; ".join(wrong)
