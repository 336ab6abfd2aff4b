"""The pages that are written from the code: they are up to date, and nothing undocumented gets into them."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from prodtest_assets.cli.entry import COMMANDS
from prodtest_assets.settings import SettingDoc, documented

ROOT = Path(__file__).parents[2]
GENERATOR = ROOT / "docs" / "generate.py"
README = (ROOT / "README.md").read_text()

_spec = importlib.util.spec_from_file_location("generate", GENERATOR)
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


def run(generator: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the generator as make does."""
    command = [sys.executable, str(generator), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_page_says_what_the_code_says_or_make_docs_renews_it(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == generate.PAGES[name](), "run make docs"


def test_a_stale_page_is_named_and_then_renewed(tmp_path: Path) -> None:
    generator = Path(shutil.copy(GENERATOR, tmp_path))
    (tmp_path / "settings.md").write_text("nothing")
    checked = run(generator, "--check")
    assert checked.returncode == 1
    assert {"commands.md", "settings.md"} <= set(checked.stderr.split())
    assert run(generator).returncode == 0
    assert run(generator, "--check").returncode == 0


def test_a_command_without_help_is_refused_by_name() -> None:
    program = click.Group("prodtest", commands=[click.Command("mute")])
    with pytest.raises(ValueError, match="command prodtest mute has no help"):
        generate.commands_page(program)


def test_an_option_without_help_is_refused_by_name() -> None:
    command = click.Command("speak", help="Speak.", params=[click.Option(["--loud"])])
    with pytest.raises(ValueError, match="option --loud of prodtest group speak"):
        generate.commands_page(click.Group("prodtest", commands=[click.Group("group", [command], help="Speech.")]))


def test_a_setting_without_meaning_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="PRODTEST_NEW has no meaning"):
        generate.settings_page([SettingDoc(("PRODTEST_NEW",), "none", "")])


def test_every_setting_and_every_command_has_its_place() -> None:
    settings, commands = generate.settings_page(), generate.commands_page()
    assert all(f"`{name}`" in settings for setting in documented() for name in setting.names)
    assert all(f"\n## prodtest {name}\n" in commands for name in COMMANDS)


def test_the_readme_shows_every_command_and_every_setting_as_the_code_does() -> None:
    shown = {word for cell in re.findall(r"^\| (`prodtest .*?) \|", README, re.MULTILINE) for word in _commands(cell)}
    assert shown == set(COMMANDS)
    rows = [generate.setting_row(setting) for setting in documented()]
    assert re.findall(r"^\| `[A-Z].*\|$", README, re.MULTILINE) == rows


def _commands(cell: str) -> list[str]:
    return re.findall(r"`prodtest (\w+)`", cell)
