"""The tools under their documented paths are the same commands as those of `prodtest`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from prodtest_assets.booking_flow.discovery import suite_tests
from prodtest_assets.cli.doors import DOORS
from tests.booking_world import BookingWorld
from tests.integration.cli.commands import CHECKOUT, Result, environment, prodtest

TOOLS = CHECKOUT / "tests" / "production"
_READING = [
    ("cleanup.py", "count"),
    ("cleanup.py", "list"),
    ("cleanup.py", "cleanup"),
    ("monitor_test_data.py", "export"),
]
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d.\d\d:\d\d:\d\d\S*|[0-9a-f]{8}-[0-9a-f-]{27}")


def tool(name: str, *arguments: str, python: tuple[str, ...] = (), **settings: str) -> Result:
    """Run a tool by its path, from wherever this process is."""
    done = subprocess.run(
        [sys.executable, *python, str(TOOLS / name), *arguments],
        env={name: text for name, text in environment(settings).items() if name != "PYTHONPATH"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("name", "command"), _READING)
def test_a_door_answers_as_the_command_does(world: BookingWorld, name: str, command: str) -> None:
    world.book()
    by_path = tool(name, command, PRODUCTION_DB_URL=world.url)
    assert (by_path.code, by_path.err) == (0, "")
    assert _INSTANT.sub("", by_path.out) == _INSTANT.sub("", prodtest(command, PRODUCTION_DB_URL=world.url).out)


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("cleanup.py", ("count", "list", "cleanup", "verify", "summary")),
        ("monitor_test_data.py", ("dashboard", "snapshot", "export", "watch")),
    ],
)
def test_its_help_names_itself_and_what_it_offers(name: str, offered: tuple[str, ...]) -> None:
    shown = tool(name, "--help")
    assert shown.code == 0
    assert shown.out.startswith(f"Usage: {name} ")
    assert all(f"\n  {command} " in shown.out for command in offered)


def test_what_a_door_does_not_offer_is_wrong_usage(world: BookingWorld) -> None:
    refused = tool("cleanup.py", "run", PRODUCTION_DB_URL=world.url)
    assert refused.code == 2
    assert "cleanup.py --help" in refused.complaint


@pytest.mark.parametrize("name", DOORS)
def test_a_python_without_the_package_is_told_so_in_one_line(name: str) -> None:
    refused = tool(name, "--help", python=("-S",))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"{name}: this Python has no prodtest-assets")
    assert len(refused.err.splitlines()) == 1


def test_pytest_takes_no_door_for_a_test() -> None:
    assert not {Path(test.node_id.partition("::")[0]).name for test in suite_tests(TOOLS)} & set(DOORS)
