"""Applications that share nothing with the sandbox: one is booked by the built-in rules, one needs a script."""

import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp

from prodtest_assets.caller import Call, Ended, Persona, Target, draw_start, load_script, place_call
from prodtest_assets.caller.script_file import read_script
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, Scope, StopReason
from prodtest_assets.testdata.offenders import unmarked_rows
from tests.booking_world import BookingWorld
from tests.suites import BOOKING_FLOW, CALL_SCENARIOS, TWILIO_SIMULATION, run_suite

from .clinic import open_clinic
from .conftest import ListLedger
from .dentist import TOKEN, Dentist
from .kennel import Kennel
from .practice import ZONE, Practice
from .test_faulty_applications import answering

Serve = Callable[[ASGIApp], str]
START = datetime(2026, 11, 23, 14, tzinfo=UTC)


def wish(seed: int = 1) -> Persona:
    return Persona("patient", draw_start(datetime.now(UTC), ZONE, random.Random(seed)))


def settings_for(world: BookingWorld, target: Target) -> dict[str, str]:
    """The environment in which a suite calls `target`."""
    return {
        "PRODUCTION_DB_URL": world.url,
        "PRODUCTION_DB_TEST_MODE": "true",
        "PRODUCTION_TEST_URL": target.base_url,
        "PRODTEST_VOICE_PATH": target.voice_path,
        "PRODTEST_TIME_ZONE": ZONE.key,
        "TWILIO_AUTH_TOKEN": TOKEN,
    }


@pytest.fixture
def dentist(world: BookingWorld, serve: Serve) -> Target:
    """The dentist with a database of the contract, in which no row is ever marked."""
    world.customer()
    return Target(serve(Dentist(Practice(world.url).book).app()), "/ivr", auth_token=TOKEN, zone=ZONE)


def test_unmarked_rows_of_another_application_are_found_adopted_by_proof_and_cleaned(
    world: BookingWorld, dentist: Target
) -> None:
    before = world.sql("SELECT * FROM users u JOIN appointments a ON a.user_id = u.id")
    run_id = uuid4()
    with world.run(run_id) as run:
        calls = [place_call(wish(seed), dentist, run) for seed in range(3)]

        for call in calls:
            assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
            stored = run.stored_booking(call.call_sid)
            assert stored is not None
            assert (stored.full_name, stored.mobile, stored.starts_at, stored.duration_min, stored.is_test_data) == (
                call.name,
                call.number,
                call.requested_start,
                30,
                False,
            )
        assert unmarked_rows(world.database, run_id).total == 3

        report = cleanup_now(world.database, world.permit, Policy(), scope=Scope.CALL, run_id=run_id)

    assert report.stop_reason is StopReason.DRAINED
    assert len(world.archived()) == 6
    assert world.sql("SELECT * FROM users u JOIN appointments a ON a.user_id = u.id") == before
    assert unmarked_rows(world.database, run_id).total == 3


def test_fifty_calls_at_once_to_another_application_are_each_led_to_their_own_row(
    world: BookingWorld, dentist: Target
) -> None:
    with world.run() as run:

        def book(seed: int) -> Call:
            return place_call(wish(seed), dentist, run)

        book(0)
        with ThreadPoolExecutor(50) as pool:
            calls = list(pool.map(book, range(1, 51)))
        rows = [run.stored_booking(call.call_sid) for call in calls]

    assert [(row.full_name, row.mobile, row.starts_at) for row in rows if row] == [
        (call.name, call.number, call.requested_start) for call in calls
    ]


def test_the_suites_report_an_application_that_marks_nothing_as_red(
    world: BookingWorld, dentist: Target, tmp_path: Path
) -> None:
    tests = "data_accuracy or complete_booking or concurrent"
    result = run_suite(BOOKING_FLOW, tmp_path, settings_for(world, dentist), "-k", tests)

    assert result.outcomes == {
        "test_complete_booking_saves_to_database": "passed",
        "test_appointment_data_accuracy": "failed",
        "test_concurrent_bookings_isolation": "passed",
    }
    assert "mark: expected is_test_data = true, stored is_test_data = false" in str(result.messages)
    assert "; " not in result.messages["test_appointment_data_accuracy"].splitlines()[0]
    assert len(world.sql("SELECT 1 FROM users")) == 1


@pytest.mark.parametrize("suite", [CALL_SCENARIOS, TWILIO_SIMULATION], ids=["scenarios", "webhooks"])
def test_the_suites_pass_on_another_application_that_has_learnt_to_mark(
    world: BookingWorld, serve: Serve, tmp_path: Path, suite: Path
) -> None:
    url = serve(Dentist(Practice(world.url, marks=True).book).app())
    target = Target(url, "/ivr", auth_token=TOKEN, zone=ZONE)

    result = run_suite(suite, tmp_path, settings_for(world, target))

    assert set(result.outcomes.values()) == {"passed"}, result.output
    assert world.sql("SELECT 1 FROM users") == []


@pytest.mark.parametrize("suite", [CALL_SCENARIOS, TWILIO_SIMULATION, BOOKING_FLOW], ids=["calls", "webhooks", "flow"])
def test_the_suites_pass_on_an_application_that_asks_less_and_ends_otherwise(
    world: BookingWorld, tmp_path: Path, suite: Path
) -> None:
    script = tmp_path / "calls.toml"
    script.write_text('[caller]\nworkdays_ahead = 4\n[target]\nvoice_method = "GET"\n')
    with open_clinic(world.url) as clinic:
        settings = settings_for(world, Target(clinic.root, "/phone/incoming"))
        del settings["TWILIO_AUTH_TOKEN"]
        result = run_suite(suite, tmp_path, settings | {"PRODTEST_CALL_SCRIPT": str(script)})

    assert set(result.outcomes.values()) <= {"passed", "skipped"}, result.output
    assert len(result.named("passed")) >= 8
    assert world.sql("SELECT 1 FROM users") == []


KNOWN = {
    "whisper the password of the pack": "good boy",
    "bark it now": "{name}",
    "month star day": "{month}*{day_of_month}",
    "tail wag in": "{hour}",
    "aye or nay": "aye",
}
"""What the owner of the kennel knows, by the words of the prompts."""


@pytest.mark.parametrize(
    "without_answer", ["", "<Redirect/>", "<Say>We did not receive any input. Goodbye!</Say>"], ids=["", "again", "bye"]
)
def test_an_odd_application_tells_line_by_line_the_script_it_needs(
    serve: Serve, ledger: ListLedger, tmp_path: Path, without_answer: str
) -> None:
    kennel, script = Kennel(without_answer), tmp_path / "kennel.toml"
    url = serve(kennel.app())
    script.write_text("[answers]\n")
    problems = []

    def phone() -> Call:
        return place_call(Persona("owner", START), Target(url, "/woof", script=load_script(script)), ledger)

    while (call := phone()).ended is Ended.caller_gave_up:
        problems.append(call.problem or "")
        line = problems[-1].split("a call script would: ")[1]
        (answer,) = [answer for words, answer in KNOWN.items() if words in line]
        script.write_text(script.read_text() + line.replace("...", answer) + "\n")

    assert call.problem is None
    assert kennel.stays == [{"number": call.number, "name": call.name, "date": "11*23", "hour": "14"}]
    assert len(problems) == len(KNOWN)
    assert problems[0] == (
        'the caller does not know what to answer to: "Woof! Whisper the password of the pack."; '
        'a call script would: "whisper the password of the pack" = "..."'
    )
    assert script.read_text() == (
        "[answers]\n"
        '"whisper the password of the pack" = "good boy"\n'
        '"your human\'s handle, bark it now" = "{name}"\n'
        '"paw in the arrival as month star day" = { press = "{month}*{day_of_month}" }\n'
        '"at sun\'s how-many-th hour does the tail wag in" = "{hour}"\n'
        '"aye or nay, shipmate" = "aye"\n'
    )


def test_a_script_only_speaks_where_its_words_stand(serve: Serve, ledger: ListLedger) -> None:
    script = read_script('[answers]\n"never said by anyone" = "boo"')

    call = place_call(Persona("owner", START), Target(serve(Kennel().app()), "/woof", script=script), ledger)

    assert re.search(r"Whisper the password", call.problem or "")


def played(*names: str) -> Starlette:
    """An application that plays recordings and says nothing."""
    asks = (f"<Gather input='speech'><Play>/prompts/{name}.mp3?v=2</Play></Gather><Redirect/>" for name in names)
    return answering(*asks, "<Hangup/>")


def test_a_recording_that_no_rule_knows_ends_the_call_with_the_line_that_would(
    serve: Serve, ledger: ListLedger
) -> None:
    call = place_call(Persona("owner", START), Target(serve(played("ask-name")), "/voice"), ledger)

    assert call.ended is Ended.caller_gave_up
    assert call.problem == (
        'the caller does not know what to answer to: "ask-name."; a call script would: "ask-name" = "..."'
    )
    assert call.turns[0].text == "(plays /prompts/ask-name.mp3?v=2)"


def test_recordings_are_answered_by_rules_that_know_their_files_and_never_guessed_at(
    serve: Serve, ledger: ListLedger
) -> None:
    script = read_script('[answers]\n"ask-name" = "{name}"\n"ask .. day" = { answer = "day_and_time" }')
    target = Target(serve(played("ask-name", "ask%20for%20a%20day")), "/voice", script=script)

    call = place_call(Persona("owner", START), target, ledger)

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
    assert [turn.text for turn in call.turns if turn.speaker == "caller"] == [
        call.name,
        "Monday, November 23 at 2 PM",
    ]


def test_the_keys_of_a_script_reach_the_application_as_the_provider_sends_them(
    serve: Serve, ledger: ListLedger
) -> None:
    seen: list[dict[str, str]] = []
    code = "<Gather><Say>Type the code of the tribe.</Say></Gather>"
    pin = "<Gather finishOnKey='*' actionOnEmptyResult='true'><Say>Type the pin of the tribe.</Say></Gather>"
    script = read_script('[answers]\n"code" = { press = "ww4711#" }\n"pin" = { press = "*9" }')

    call = place_call(
        Persona("owner", START), Target(serve(answering(code, pin, "<Hangup/>", seen=seen)), script=script), ledger
    )

    assert [asked.get("Digits") for asked in seen] == [None, "4711", ""]
    assert [turn.text for turn in call.turns if turn.speaker == "caller"] == ["(keypad) ww4711#", "(keypad) *9"]


def test_a_closing_key_alone_is_no_input(serve: Serve, ledger: ListLedger) -> None:
    seen: list[dict[str, str]] = []
    ask = "<Gather action='/never'><Say>Type the code of the tribe.</Say></Gather><Redirect>/after</Redirect>"
    script = read_script('[answers]\n"code" = { press = "#" }')

    call = place_call(
        Persona("owner", START),
        Target(serve(answering(ask, "<Hangup/>", seen=seen)), "/voice", script=script),
        ledger,
    )

    assert [asked["path"] for asked in seen] == ["/voice", "/after"]
    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
