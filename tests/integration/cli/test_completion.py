"""Completion, asked for by a real shell with Tab."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.commands import environment, prodtest

_SECONDS = 20.0
# The folder of this Python's scripts, where pip has put `prodtest`.
_SCRIPTS = str(Path(sys.executable).parent)
_ACTIVATION = 'eval "$(_PRODTEST_COMPLETE=bash_source prodtest)"'


class Bash:
    """An interactive bash on a terminal of its own."""

    def __init__(self) -> None:
        self._here, there = pty.openpty()
        settings = {"PATH": f"{_SCRIPTS}:{os.environ['PATH']}", "PS1": "ready> ", "TERM": "dumb"}
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=there, stdout=there, stderr=there, env=environment(settings), start_new_session=True,
        )  # fmt: skip
        os.close(there)
        self.expect("ready> ")

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._here, keys.encode())

    def expect(self, text: str) -> str:
        """Wait until `text` is shown, and give everything shown since the last time."""
        shown, deadline = "", time.monotonic() + _SECONDS
        while text not in shown:
            left = deadline - time.monotonic()
            assert left > 0, shown
            if select.select([self._here], [], [], left)[0]:
                shown += os.read(self._here, 4096).decode(errors="replace")
        return shown

    def end(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait()
        os.close(self._here)


@pytest.fixture
def bash() -> Iterator[Bash]:
    """A shell in which completion has been turned on as the documents say."""
    shell = Bash()
    shell.press(f"{_ACTIVATION}\n")
    shell.expect("ready> ")
    yield shell
    shell.end()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("prodtest prefl", "preflight "),
        ("prodtest demo --fault drop", "drop-call "),
        ("prodtest demo --fault slow --fault leave", "leave-orphans "),
        ("prodtest hold rel", "release "),
        ("prodtest cleanup --no-dry", "--no-dry-run "),
    ],
)
def test_tab_completes_commands_options_and_values(bash: Bash, typed: str, completed: str) -> None:
    bash.press(f"{typed}\t")
    bash.expect(completed)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_activation(shell: str) -> None:
    result = prodtest(_PRODTEST_COMPLETE=f"{shell}_source")
    assert (result.code, result.err) == (0, "")
    assert f"_PRODTEST_COMPLETE={shell}_complete" in result.out


def test_names_are_completed_without_importing_any_command() -> None:
    asked = {"_PRODTEST_COMPLETE": "bash_complete", "COMP_WORDS": "prodtest c", "COMP_CWORD": "1"}
    result = prodtest(**asked, PYTHONPROFILEIMPORTTIME="1")
    assert "plain,cleanup" in result.out.splitlines()
    imported = {line.rpartition("|")[2].strip() for line in result.err.splitlines()}
    assert "prodtest_assets.cli.entry" in imported
    assert not imported & {"prodtest_assets.cli.cleanup", "prodtest_assets.settings", "psycopg"}
