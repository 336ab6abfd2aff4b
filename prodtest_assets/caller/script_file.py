"""Reading call scripts from TOML; what is wrong is told with its line. The format is in `docs/call-scripts.md`."""

import json
import re
import string
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from prodtest_assets.caller.persona import WORKDAYS_AHEAD
from prodtest_assets.caller.presets import PRESETS
from prodtest_assets.caller.script import KINDS, CallerWishes, CallScript, Rule, TargetWishes, compile_words
from prodtest_assets.caller.spoken import PLACEHOLDERS
from prodtest_assets.errors import ConfigurationError

_KEYS = re.compile(r"[0-9*#wW]+")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_NAME = re.compile(r"[^\W\d_]+(?: [^\W\d_]+)*")
_TRIPLE_QUOTED = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'', re.DOTALL)
_DOES = ("say", "press", "answer", "silent", "hang_up")
_TABLES = ("caller", "answers", "target")
_HOST = re.compile(r"[A-Za-z0-9.-]+")

_Known = Mapping[str, tuple[Callable[[Any], bool], str]]
"""By the name of a key: whether a value of it is right, and what it must be."""


class _Wrong(Exception):
    """A value is wrong: its path, and why."""

    def __init__(self, path: tuple[str, ...], reason: str) -> None:
        super().__init__(reason)
        self.path = path


def load_script(path: Path) -> CallScript:
    """Read a call script.

    Args:
        path: a TOML file, UTF-8.

    Raises:
        ConfigurationError: it cannot be read, or a line of it is wrong; the message names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: the call script is not UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: the call script cannot be read: {error.strerror}") from error
    return read_script(text, source=str(path))


def read_script(text: str, *, source: str = "call script") -> CallScript:
    """Read a call script from its text.

    Args:
        text: TOML.
        source: how errors name it.

    Raises:
        ConfigurationError: as `load_script`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        line = place[1] if place else str(text.count("\n") + 1)
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise ConfigurationError(f"{source}, line {line}: not valid TOML: {reason}") from None
    try:
        return _script(document)
    except _Wrong as wrong:
        shown = ".".join(wrong.path)
        raise ConfigurationError(f"{source}, line {_line_of(text, wrong.path)}: {shown}: {wrong}") from None


def script_schema() -> dict[str, Any]:
    """The JSON Schema of call scripts, for editors; shipped beside this module."""
    schema: dict[str, Any] = json.loads(
        files("prodtest_assets.caller").joinpath("call-script.schema.json").read_text("utf-8")
    )
    return schema


def _script(document: Mapping[str, Any]) -> CallScript:
    _only(document, _TABLES, ())
    tables = {name: document.get(name, {}) for name in _TABLES}
    for name, table in tables.items():
        _must(isinstance(table, dict), (name,), f"must be a table; write [{name}]")
    rules = tuple(_rule(when, value) for when, value in tables["answers"].items())
    target = _wishes("target", tables["target"], _OF_TARGET)
    if hosts := target.get("other_hosts"):
        target["other_hosts"] = tuple(host.lower() for host in hosts)
    return CallScript(rules, CallerWishes(**_wishes("caller", tables["caller"], _OF_CALLER)), TargetWishes(**target))


def _rule(when: str, value: object) -> Rule:
    path = ("answers", when)
    try:
        pattern = compile_words(when)
    except ValueError as error:
        raise _Wrong(path, str(error)) from None
    if isinstance(value, str):
        value = {"say": value}
    _must(isinstance(value, dict), path, 'must be words in quotes, or a table like { press = "1" }')
    assert isinstance(value, dict)
    _only(value, _DOES, path)
    _must(len(value) == 1, path, f"must say exactly one of {', '.join(_DOES)}")
    ((does, what),) = value.items()
    return Rule(when, pattern, **_ACTIONS[does](what, (*path, does)))


def _say(what: object, path: tuple[str, ...]) -> dict[str, Any]:
    return {"say": _template(what, path)}


def _press(what: object, path: tuple[str, ...]) -> dict[str, Any]:
    template = _template(what, path)
    bare = "".join(text for text, *_ in string.Formatter().parse(template))
    _must(not bare or _KEYS.fullmatch(bare), path, "may hold 0-9, *, # and w (a pause) only")
    return {"press": template}


def _answer(what: object, path: tuple[str, ...]) -> dict[str, Any]:
    _must(isinstance(what, str) and what in KINDS, path, f"must be one of {', '.join(KINDS)}")
    return {"kind": KINDS[str(what)]}


def _silent(what: object, path: tuple[str, ...]) -> dict[str, Any]:
    _must(what is True, path, "must be true")
    return {"silent": True}


def _hang_up(what: object, path: tuple[str, ...]) -> dict[str, Any]:
    _must(what is True, path, "must be true")
    return {"hangs_up": True}


_ACTIONS = {"say": _say, "press": _press, "answer": _answer, "silent": _silent, "hang_up": _hang_up}


def _template(what: object, path: tuple[str, ...]) -> str:
    _must(isinstance(what, str) and bool(what.strip()), path, "must be a text that is not empty")
    text = str(what)
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError as error:
        raise _Wrong(path, f"has an odd brace: {error}; a brace itself is written twice") from None
    for _, name, form, conversion in fields:
        is_known = name is None or (name in PLACEHOLDERS and not form and not conversion)
        _must(is_known, path, f"knows no {{{name}}}; there are {', '.join(f'{{{known}}}' for known in PLACEHOLDERS)}")
    return text


def _wishes(table: str, values: Mapping[str, Any], known: _Known) -> dict[str, Any]:
    _only(values, tuple(known), (table,))
    for name, value in values.items():
        is_right, reason = known[name]
        _must(is_right(value), (table, name), reason)
    return dict(values)


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_place(value: object) -> bool:
    return isinstance(value, str) and bool(re.match(r"(/|https?://[^/])", value))


def _are_hosts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(host, str) and _HOST.fullmatch(host) for host in value)


_OF_CALLER: _Known = {
    "persona": (lambda value: value in PRESETS, f"must be one of {', '.join(PRESETS)}"),
    "name": (
        lambda value: isinstance(value, str) and bool(_NAME.fullmatch(value)),
        "must be letters and single spaces only, so that every speech parser reads it alike",
    ),
    "number": (
        lambda value: isinstance(value, str) and bool(_NUMBER.fullmatch(value)),
        "must be in international form, like +12025550123",
    ),
    "duration_min": (
        lambda value: isinstance(value, int) and _is_number(value, 1, 480),
        "must be whole minutes from 1 to 480",
    ),
    "use_keypad": (lambda value: isinstance(value, bool), "must be true or false"),
    "confidence": (lambda value: _is_number(value, 0, 1), "must be a number from 0 to 1"),
    "workdays_ahead": (
        lambda value: isinstance(value, int) and _is_number(value, 1, WORKDAYS_AHEAD),
        f"must be a whole number from 1 to {WORKDAYS_AHEAD}",
    ),
}


_OF_TARGET: _Known = {
    "other_hosts": (_are_hosts, 'must be names of hosts, without http:// and port, like ["phone.example.org"]'),
    "fallback_url": (_is_place, "must be a path like /fallback, or an http or https address"),
    "status_callback_path": (_is_place, "must be a path like /status, or an http or https address"),
    "voice_method": (lambda value: value in ("GET", "POST"), "must be GET or POST"),
}


def _only(table: Mapping[str, Any], known: tuple[str, ...], path: tuple[str, ...]) -> None:
    for name in table:
        _must(name in known, (*path, name), f"is not known here; there are {', '.join(known)}")


def _must(holds: object, path: tuple[str, ...], reason: str) -> None:
    if not holds:
        raise _Wrong(path, reason)


def _line_of(text: str, path: tuple[str, ...]) -> int:
    """The line on which a value stands, counted from 1; the first one when it cannot be told."""
    lines = _TRIPLE_QUOTED.sub(lambda found: "\n" * found[0].count("\n"), text).splitlines()
    table: tuple[str, ...] = ()
    best = (0, 1)
    for number, line in enumerate(lines, start=1):
        if header := re.match(r"\s*\[\[?\s*(.+?)\s*\]\]?\s*(?:#.*)?$", line):
            table = _key_parts(header[1])
            here = table
        elif assignment := re.match(r"\s*((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|[\w.-]|\s*\.\s*)+?)\s*=", line):
            here = (*table, *_key_parts(assignment[1]))
        else:
            continue
        shared = len(here) if here == path[: len(here)] else 0
        best = max(best, (shared, number), key=lambda found: found[0])
    return best[1]


def _key_parts(dotted: str) -> tuple[str, ...]:
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(value, dict):
        ((part, value),) = value.items()
        parts.append(part)
    return tuple(parts)
