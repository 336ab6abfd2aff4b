"""`prodtest caller`: scripts that are checked, and calls that are listened to."""

from pathlib import Path

import pytest

from prodtest_assets.sandbox.server import running_app
from prodtest_assets.testdata.connection import open_database
from tests.integration.caller.conftest import serving
from tests.integration.caller.kennel import Kennel
from tests.integration.cli.commands import prodtest

SCRIPT = '[answers]\n"pet\'s name" = "Rex"\n"code" = { press = "42#" }\n"survey" = { hang_up = true }\n'


@pytest.fixture
def script(tmp_path: Path) -> str:
    """A script without a mistake."""
    path = tmp_path / "calls.toml"
    path.write_text(SCRIPT)
    return str(path)


def test_a_script_without_a_mistake_is_told_so(script: str) -> None:
    done = prodtest("caller", "check", script)

    assert (done.code, done.out, done.err) == (0, f"{script}: 3 answers, nothing wrong\n", "")


def test_a_mistake_is_told_with_its_line_and_the_exit_code_is_2(script: str) -> None:
    Path(script).write_text(SCRIPT.replace("press", "pres"))
    done = prodtest("caller", "check", script)

    assert done.code == 2
    assert done.complaint.startswith(f"{script}, line 3: answers.code.pres: is not known here")


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["--prompt", "What is your pet's name?"], "Rex"),
        (["--prompt", "Enter your code.", "--keys"], "(keypad) 42#"),
        (["--prompt", "Would you take a survey?"], "(hangs up)"),
        (["--prompt", "What is your name?"], "Jane Doe"),
    ],
)
def test_what_a_caller_would_answer_is_told(script: str, arguments: list[str], answer: str) -> None:
    done = prodtest("caller", "check", script, *arguments)

    assert (done.code, done.out) == (0, f"{answer}\n")


def test_a_prompt_nobody_can_answer_is_told_with_the_line_that_would(script: str) -> None:
    done = prodtest("caller", "check", script, "--prompt", "What is your date of birth?")

    assert done.code == 1
    assert done.out == 'nobody knows an answer; this line would: "what is your date of birth" = "..."\n'


def test_a_call_is_heard_compared_and_taken_back(booking_url: str) -> None:
    settings = {"PRODUCTION_DB_TEST_MODE": "true", "PRODTEST_TIME_ZONE": "America/New_York"}
    with running_app(booking_url, time_zone="America/New_York") as app:
        done = prodtest("caller", "try", app.url, "--db-url", booking_url, "--persona", "elderly_caller", **settings)

    assert done.code == 0, done.out + done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("application: Thank you for calling the booking line.")
    assert "caller:      yes" in lines
    assert lines[-3:] == ["ended: hung up by application", "stored: as it was said", "removed: 2 rows"]
    with open_database(booking_url) as database:
        assert database.rows("users_with_number", digits="") == []
        (call,) = database.connection.execute("SELECT * FROM prodtest.test_call").fetchall()
    assert (call["persona"], call["outcome"]) == ("elderly_caller", "booked")
    assert call["caller_name"] not in done.out
    assert call["caller_number"][-4:] not in done.out.replace(" ", "")


def test_what_was_stored_otherwise_is_told_and_the_exit_code_is_1(booking_url: str) -> None:
    with running_app(booking_url, faults=["wrong-time", "forget-mark"]) as app:
        done = prodtest("caller", "try", app.url, "--db-url", booking_url, "--json", PRODUCTION_DB_TEST_MODE="true")

    assert done.code == 1
    document = done.json()
    assert (document["ended"], document["stored"], document["removed"]) == ("hung_up_by_application", True, 2)
    assert [wrong["field"] for wrong in document["differences"]] == ["start", "mark"]
    said = {each["field"]: each["equal"] for each in document["said_and_stored"]}
    assert said == {"name": True, "number": True, "start": False, "duration": True, "status": True}
    assert document["turns"][0]["status"] == 200


def test_an_application_that_needs_a_script_says_which_line(booking_url: str, tmp_path: Path) -> None:
    script = tmp_path / "kennel.toml"
    script.write_text('[answers]\n"password of the pack" = "good boy"\n')
    with serving(Kennel().app()) as url:
        done = prodtest(
            "caller", "try", url, "--voice-path", "/woof", "--script", str(script), "--db-url", booking_url,
            PRODUCTION_DB_TEST_MODE="true",
        )  # fmt: skip

    assert done.code == 1
    assert "caller:      good boy" in done.out
    assert 'a call script would: "your human\'s handle, bark it now" = "..."' in done.out


def test_nobody_is_called_where_nothing_may_be_written(booking_url: str) -> None:
    with running_app(booking_url) as app:
        done = prodtest("caller", "try", app.url, "--db-url", booking_url)

    assert done.code == 3
    assert "PRODUCTION_DB_TEST_MODE" in done.complaint
    assert done.out == ""


def test_an_address_nobody_listens_at_ends_with_4(booking_url: str) -> None:
    done = prodtest("caller", "try", "http://127.0.0.1:1", "--db-url", booking_url, PRODUCTION_DB_TEST_MODE="true")

    assert (done.code, done.complaint) == (4, "nothing answers at http://127.0.0.1:1")
