"""Call scripts: what they make the caller say, and what is told about a wrong one."""

import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prodtest_assets.caller import PRESETS, load_script, preset_persona
from prodtest_assets.caller.script import KINDS, CallerWishes, CallScript, TargetWishes, suggestion
from prodtest_assets.caller.script_file import read_script, script_schema
from prodtest_assets.caller.spoken import PLACEHOLDERS, Facts
from prodtest_assets.caller.understanding import Reply, Understanding
from prodtest_assets.errors import ConfigurationError

FACTS = Facts("Jane Doe", "+12025550123", datetime(2026, 11, 23, 14, 30, tzinfo=UTC), 30)
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "call-scripts.md"


def answer(script: str, prompt: str, *, speech: bool = True, keypad: bool = False) -> Reply | None:
    understanding = Understanding(FACTS, script=read_script(script))
    return understanding.reply(prompt, speech=speech, keypad=keypad)


def test_what_a_script_made_the_caller_say_is_agreed_to_when_it_is_read_back() -> None:
    understanding = Understanding(
        FACTS, script=read_script('[answers]\n"your name" = "Bo Li"\n"how long" = "one hour"\n')
    )
    for prompt in ("What is your name?", "How long?"):
        understanding.reply(prompt, speech=True, keypad=False)

    for prompt in ("I heard Bo Li. Is that right?", "That is 60 minutes, correct?"):
        assert understanding.reply(prompt, speech=True, keypad=False) == Reply(speech="yes")
    assert understanding.reply("I heard Al Bo. Is that right?", speech=True, keypad=False) == Reply(speech="no")


def test_a_rule_says_what_no_caller_could_know() -> None:
    script = '[answers]\n"member code" = "four two"'

    assert answer(script, "And your Member  code, please?") == Reply(speech="four two")


def test_a_rule_comes_before_the_built_in_understanding() -> None:
    assert answer('[answers]\n"your name" = "Mister X"', "What is your name?") == Reply(speech="Mister X")
    assert answer('[answers]\n"your age" = "forty"', "What is your name?") == Reply(speech="Jane Doe")


def test_the_first_rule_that_fits_decides() -> None:
    script = '[answers]\n"name" = "one"\n"your name" = "two"'

    assert answer(script, "What is your name?") == Reply(speech="one")


def test_words_are_whole_words_and_dots_stand_for_anything_between() -> None:
    script = '[answers]\n"pet .. breed" = "a beagle"\n"age" = "seven"'

    assert answer(script, "For your pet, what is the breed?") == Reply(speech="a beagle")
    assert answer(script, "Which pages?") is None


def test_a_regular_expression_stands_between_slashes() -> None:
    assert answer("[answers]\n'/pet(s|ted)?$/' = \"none\"", "Any pets") == Reply(speech="none")


def test_a_rule_for_keys_waits_for_a_prompt_that_takes_keys() -> None:
    script = '[answers]\n"code" = { press = "12#" }\n"code number" = "twelve"'

    assert answer(script, "Your code number?", keypad=True) == Reply(keys="12#")
    assert answer(script, "Your code number?") == Reply(speech="twelve")


def test_facts_are_filled_in() -> None:
    text = (
        "{name}|{first_name}|{last_name}|{digits}|{weekday}|{time}|{date}|{hour}{minute}|{month}/{day_of_month}/{year}"
    )

    assert answer(f'[answers]\n"go" = "{text} {{{{kept}}}}"', "Go ahead.") == Reply(
        speech="Jane Doe|Jane|Doe|2025550123|Monday|2:30 PM|2026-11-23|1430|11/23/2026 {kept}"
    )


def test_a_prompt_can_be_declared_to_be_a_question_the_caller_knows() -> None:
    script = '[answers]\n"identify yourself" = { answer = "name" }\n"how to reach" = { answer = "phone" }'

    assert answer(script, "Identify yourself!") == Reply(speech="Jane Doe")
    assert answer(script, "How to reach you", speech=False, keypad=True) == Reply(keys="2025550123")


def test_a_caller_can_be_told_to_say_nothing_or_to_hang_up() -> None:
    script = '[answers]\n"hold" = { silent = true }\n"survey" = { hang_up = true }'

    assert answer(script, "Please hold the line?") == Reply()
    assert answer(script, "Do you want to take a survey?") == Reply(hangs_up=True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[answers]\n"a" = 1', 'line 2: answers.a: must be words in quotes, or a table like { press = "1" }'),
        ('[answers]\n\n"a" = { shout = "x" }', "line 3: answers.a.shout: is not known here; there are say, press"),
        ('[answers]\n"a" = {}', "line 2: answers.a: must say exactly one of say, press, answer, silent, hang_up"),
        ('[answers]\n"a" = { say = "x", press = "1" }', "line 2: answers.a: must say exactly one of"),
        ('[answers]\n"a" = " "', "line 2: answers.a.say: must be a text that is not empty"),
        ('[answers]\n"a" = "{nmae}"', "line 2: answers.a.say: knows no {nmae}; there are {name}, {first_name}"),
        ('[answers]\n"a" = "{name!r}"', "line 2: answers.a.say: knows no {name}"),
        ('[answers]\n"a" = "{"', "line 2: answers.a.say: has an odd brace"),
        ('[answers]\n"a" = { press = "one" }', "line 2: answers.a.press: may hold 0-9, *, # and w (a pause) only"),
        ('[answers]\n"a" = { answer = "age" }', "line 2: answers.a.answer: must be one of name, first_name"),
        ('[answers]\n"a" = { silent = false }', "line 2: answers.a.silent: must be true"),
        ('[answers]\n"?!" = "x"', "line 2: answers.?!: has no word to look for in a prompt"),
        ("[answers]\n'/(/' = \"x\"", "line 2: answers./(/: is not a regular expression"),
        ('[answers.a]\nsay = "x"\npress = "1"', "line 1: answers.a: must say exactly one of"),
        ('answers.a = """\n[caller]\n"""\nanswers.b = 1', "line 4: answers.b: must be words in quotes"),
        ("answers = 1", "line 1: answers: must be a table; write [answers]"),
        ('[anwsers]\n"a" = "x"', "line 1: anwsers: is not known here; there are caller, answers"),
        ("# who\n[caller]\nconfidence = 2", "line 3: caller.confidence: must be a number from 0 to 1"),
        ('[caller]\npersona = "nobody"', "line 2: caller.persona: must be one of quick_booking"),
        ('[caller]\nname = "R2 D2"', "line 2: caller.name: must be letters and single spaces only"),
        ('[caller]\nnumber = "555"', "line 2: caller.number: must be in international form"),
        ("[caller]\nduration_min = 0.5", "line 2: caller.duration_min: must be whole minutes from 1 to 480"),
        ("[caller]\nworkdays_ahead = 30", "line 2: caller.workdays_ahead: must be a whole number from 1 to 20"),
        ("[caller]\nuse_keypad = 1", "line 2: caller.use_keypad: must be true or false"),
        ('[target]\nother_hosts = "a.example"', "line 2: target.other_hosts: must be names of hosts"),
        ('[target]\nother_hosts = ["http://a.example"]', "line 2: target.other_hosts: must be names of hosts"),
        ('[target]\nfallback_url = "sorry"', "line 2: target.fallback_url: must be a path like /fallback"),
        ("[target]\nstatus_callback_path = 1", "line 2: target.status_callback_path: must be a path like /status"),
        ('[target]\nvoice_method = "PUT"', "line 2: target.voice_method: must be GET or POST"),
        ("[target]\nport = 80", "line 2: target.port: is not known here; there are other_hosts, fallback_url"),
        ('[answers]\nwhat day = "x"', "line 2: not valid TOML"),
        ('[answers]\n"a" = "x"\n"a" = "y"', "line 3: not valid TOML"),
        ('[answers]\n"a" = "x', "line 2: not valid TOML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_script(text, source="calls.toml")

    assert str(refused.value).startswith(f"calls.toml, {complaint}")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"calls\.toml: the call script cannot be read: No such file"):
        load_script(tmp_path / "calls.toml")
    (tmp_path / "calls.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"calls\.toml: the call script is not UTF-8"):
        load_script(tmp_path / "calls.toml")


def test_an_empty_script_leaves_everything_to_the_understanding() -> None:
    assert read_script("") == CallScript()
    assert answer("", "What is your name?") == Reply(speech="Jane Doe")


def test_the_line_that_is_suggested_is_a_rule_for_that_prompt() -> None:
    prompt = 'Welcome to "Paws". Thanks for calling. What is your pet\'s favourite toy, and does it squeak?'
    line = suggestion(prompt, speech=True)

    assert line == '"what is your pet\'s favourite toy, and does it squeak" = "..."'
    assert answer(f"[answers]\n{line.replace('...', 'a ball')}", prompt) == Reply(speech="a ball")


def test_a_suggestion_for_keys_presses_and_a_long_one_is_cut_at_a_word() -> None:
    prompt = "Key in the fourteen digit customer reference that stands at the top of your last letter from us"
    line = suggestion(prompt, speech=False)

    assert line == '"key in the fourteen digit customer reference that stands at" = { press = "..." }'
    assert answer(f"[answers]\n{line.replace('...', '1')}", prompt, speech=False, keypad=True) == Reply(keys="1")


def test_a_script_says_how_the_provider_s_account_is_configured() -> None:
    script = read_script(
        '[target]\nother_hosts = ["Phone.Example.org"]\nfallback_url = "/sorry"\n'
        'status_callback_path = "https://a.example/status"\nvoice_method = "GET"'
    )

    assert script.target == TargetWishes(("phone.example.org",), "/sorry", "https://a.example/status", "GET")
    assert read_script("").target == TargetWishes((), None, None, "POST")


def test_the_schema_knows_what_the_reader_knows() -> None:
    schema = script_schema()
    caller, answers = schema["properties"]["caller"], schema["properties"]["answers"]
    table = answers["additionalProperties"]["anyOf"][1]["properties"]

    assert caller["properties"].keys() == CallerWishes.__dataclass_fields__.keys()
    assert schema["properties"]["target"]["properties"].keys() == TargetWishes.__dataclass_fields__.keys()
    assert caller["properties"]["persona"]["enum"] == list(PRESETS)
    assert table["answer"]["enum"] == list(KINDS)
    assert list(table) == ["say", "press", "answer", "silent", "hang_up"]


def test_every_example_of_the_documentation_is_a_script() -> None:
    text = DOCUMENTATION.read_text("utf-8")
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)

    assert examples
    assert all(read_script(example).rules or read_script(example).caller for example in examples)
    for name in (*PLACEHOLDERS, *KINDS, *PRESETS):
        assert f"`{name}`" in text or f"`{{{name}}}`" in text, name


@pytest.mark.parametrize("key", PRESETS)
def test_every_preset_is_a_persona_that_wants_one_slot(key: str) -> None:
    starts = iter([datetime(2026, 11, day, 14, tzinfo=UTC) for day in (23, 24)])

    persona = preset_persona(key, lambda minutes: next(starts), random.Random(1))

    assert persona.key == key
    assert persona.start == datetime(2026, 11, 23, 14, tzinfo=UTC)
    assert persona.first_start in (None, datetime(2026, 11, 24, 14, tzinfo=UTC))
    assert persona.number is None or re.fullmatch(r"\+1\d{3}55501\d\d", persona.number)


def test_what_a_script_says_of_the_caller_wins_over_the_preset() -> None:
    script = '[caller]\nduration_min = 15\nconfidence = 0.0\nuse_keypad = true\nnumber = "+12025550123"\nname = "Bo Li"'
    wanted: list[int] = []

    def draw(minutes: int) -> datetime:
        wanted.append(minutes)
        return datetime(2026, 11, 23, 14, tzinfo=UTC)

    wishes = read_script(script).caller
    persona = preset_persona("international_caller", draw, random.Random(1), wishes=wishes)

    assert wanted == [15]
    assert (persona.duration_min, persona.confidence, persona.use_keypad) == (15, 0, True)
    assert (persona.number, persona.name) == ("+12025550123", "Bo Li")
