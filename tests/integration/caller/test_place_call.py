"""Real calls to real web servers."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.types import ASGIApp

from prodtest_assets.caller import Ended, Persona, Target, Turn, place_call
from prodtest_assets.errors import NumberTaken, Unreachable

from .conftest import ListLedger
from .dentist import TOKEN, Dentist

Serve = Callable[[ASGIApp], str]
PERSONA = Persona("quick", datetime(2026, 11, 23, 19, 30, tzinfo=UTC))
NEW_YORK = ZoneInfo("America/New_York")


def test_an_application_with_other_words_paths_and_manners_is_booked(serve: Serve, ledger: ListLedger) -> None:
    dentist = Dentist()
    target = Target(serve(dentist.app()), "/ivr", auth_token=TOKEN, zone=NEW_YORK)

    call = place_call(PERSONA, target, ledger)

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
    assert dentist.visits == [
        {"from": call.number, "name": "Jane Quick", "day": "Monday, November 23", "time": "2:30 PM", "minutes": 30}
    ]
    assert [turn.text for turn in call.turns if turn.speaker == "caller"] == [
        "(keypad) 2", "Jane Quick", "Monday, November 23", "2:30 PM", "(keypad) 2", "yes",
    ]  # fmt: skip
    assert call.turns[-1].text == "Wonderful, see you then!"
    assert ledger.closed[call.call_sid] == (True, [turn.as_json() for turn in call.turns])


def test_every_request_names_the_call_and_the_run(serve: Serve, ledger: ListLedger) -> None:
    dentist = Dentist()
    call = place_call(PERSONA, Target(serve(dentist.app()), "/ivr", auth_token=TOKEN), ledger)

    assert {headers["x-test-data"] for _, _, headers, _ in dentist.seen} == {"true"}
    assert {headers["x-test-run"] for _, _, headers, _ in dentist.seen} == {str(ledger.run_id)}
    carrying = [fields for _, path, _, fields in dentist.seen if path != "/day" or fields]
    assert {(fields["CallSid"], fields["From"], fields["Direction"]) for fields in carrying} == {
        (call.call_sid, call.number, "inbound")
    }
    assert [fields["CallStatus"] for fields in carrying] == ["ringing"] + ["in-progress"] * (len(carrying) - 1)


def test_two_calls_on_one_client_do_not_share_cookies(serve: Serve, ledger: ListLedger) -> None:
    dentist = Dentist()
    target = Target(serve(dentist.app()), "/ivr", auth_token=TOKEN, zone=NEW_YORK)
    with httpx.Client() as client:
        first = place_call(PERSONA, target, ledger, client=client)
        second = place_call(Persona("other", PERSONA.start), target, ledger, client=client)

    assert [visit["from"] for visit in dentist.visits] == [first.number, second.number]
    assert len({headers["cookie"] for _, _, headers, _ in dentist.seen if "cookie" in headers}) == 2


def test_a_wrong_token_is_refused_by_the_application_and_told_without_the_token(
    serve: Serve, ledger: ListLedger
) -> None:
    call = place_call(PERSONA, Target(serve(Dentist().app()), "/ivr", auth_token="stolen-token"), ledger)

    assert call.ended is Ended.failed
    assert call.problem == "POST /ivr answered 403 Forbidden (provider error 11200)"
    assert "stolen-token" not in str((call.turns, call.problem))


def test_credentials_in_the_address_are_sent_as_basic_auth_and_told_to_nobody(serve: Serve, ledger: ListLedger) -> None:
    dentist = Dentist()
    base_url = serve(dentist.app()).replace("//", "//anna:geheim@")

    call = place_call(PERSONA, Target(base_url, "/ivr", auth_token=TOKEN), ledger)

    assert call.problem is None
    assert all(headers["authorization"].startswith("Basic ") for _, _, headers, _ in dentist.seen)
    assert "geheim" not in str((call.turns, call.problem))


def test_the_ledger_is_asked_before_the_first_request(serve: Serve) -> None:
    dentist = Dentist()
    taken = ListLedger(taken=frozenset({"+12025550150"}))

    with pytest.raises(NumberTaken):
        place_call(Persona("quick", PERSONA.start, number="+12025550150"), Target(serve(dentist.app()), "/ivr"), taken)

    assert dentist.seen == []
    assert taken.closed == {}


def test_nothing_that_listens_is_told_apart_and_the_call_is_closed(ledger: ListLedger) -> None:
    with pytest.raises(Unreachable, match=r"nothing answers at http://127\.0\.0\.1:1$"):
        place_call(PERSONA, Target("http://user:secret@127.0.0.1:1"), ledger)

    assert ledger.closed == {ledger.opened[0].call_sid: (False, [])}


def test_a_name_that_does_not_resolve_is_unreachable(ledger: ListLedger) -> None:
    with pytest.raises(Unreachable, match=r"the name in http://nowhere\.invalid:80 does not resolve$"):
        place_call(PERSONA, Target("http://nowhere.invalid"), ledger, client=httpx.Client(trust_env=False))


def test_an_interrupted_call_is_closed_with_what_was_said(serve: Serve, ledger: ListLedger) -> None:
    def interrupt(turn: Turn) -> None:
        if len(turns) == 3:
            raise KeyboardInterrupt
        turns.append(turn)

    turns: list[Turn] = []

    target = Target(serve(Dentist().app()), "/ivr", auth_token=TOKEN)
    with pytest.raises(KeyboardInterrupt):
        place_call(PERSONA, target, ledger, on_turn=interrupt)

    ((completed, transcript),) = ledger.closed.values()
    assert not completed
    assert [entry["speaker"] for entry in transcript] == ["application", "caller", "application", "application"]


def test_a_call_names_nobody_where_a_test_report_shows_it(serve: Serve, ledger: ListLedger) -> None:
    call = place_call(PERSONA, Target(serve(Dentist().app()), "/ivr", auth_token=TOKEN), ledger)

    shown = f"{call!r} {ledger.opened[0]!r} {Persona('quick', PERSONA.start, number=call.number, name=call.name)!r}"
    assert call.name not in shown
    assert call.number[-7:] not in shown
