"""The commands that the documents quote, and a reader who types them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(?:\.venv/bin/)?((?:prodtest|make) [^`]+)`")
_SHELLS = ("", "sh", "bash")
# What a checkout holds that the commands use; whatever else lies in this one (an `.env`, say) is not for them.
_CHECKED_OUT = (
    "alembic.ini",
    "docs",
    "examples",
    "migrations",
    "prodtest_assets",
    "scripts",
    "tests",
    "workspace.yaml",
)
# Settings and functions of the shell.
_STAYS = re.compile(r"export |eval |\w+\(\) \{")
_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Quoted:
    """A command line of a document.

    Attributes:
        text: as it stands there, without the comment behind it.
    """

    document: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader sees who types a command.

    Attributes:
        shows: texts that stdout or stderr must hold.
        code: the exit code.
        until: the command goes on until it is interrupted; Ctrl-C is pressed when this is shown.
    """

    shows: tuple[str, ...] = ()
    code: int = 0
    until: str | None = None


def quoted_commands(document: Path) -> list[Quoted]:
    """The command lines of a document's fenced shell blocks, in their order."""
    text = document.read_text()
    name = document.relative_to(ROOT).as_posix()
    return [
        Quoted(name, text[: fence.start(3)].count("\n") + 1 + place, command)
        for fence in _FENCE.finditer(text)
        if fence[2] in _SHELLS
        for place, line in enumerate(fence[3].splitlines())
        if (command := _without_comment(line))
    ]


def inline_commands(document: Path) -> set[str]:
    """The commands of this project that are named within the text of a document."""
    prose = _FENCE.sub("", document.read_text())
    return {" ".join(found.split()) for found in _INLINE.findall(prose)}


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#\s.*$", "", line).strip()


@dataclass
class Reader:
    """Types commands in a folder of their own, one after the other; what is exported stays.

    Attributes:
        environment: of the first command.
        placeholders: what a reader puts in the place of what has to be filled in, given the command.
    """

    folder: Path
    environment: Mapping[str, str]
    placeholders: Mapping[str, Callable[[str], str]]
    exports: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Lay out the checkout."""
        for name in _CHECKED_OUT:
            (self.folder / name).symlink_to(ROOT / name)

    def type(self, command: str, expected: Expected) -> str:
        """Type a command, insist that it ends as expected, and give what it printed."""
        filled_in = self._filled_in(command)
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", "\n".join([*self.exports, filled_in])],
            cwd=self.folder, env=self._whole_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_hear_ctrl_c,
        )  # fmt: skip
        output = _interrupted(process, expected.until) if expected.until else _ended(process)
        assert process.returncode == expected.code, f"exit code {process.returncode} of: {command}\n{output}"
        missing = [text for text in expected.shows if text not in output]
        assert not missing, f"{missing} not shown by: {command}\n{output}"
        assert "Traceback" not in output, f"{command}\n{output}"
        if _STAYS.match(command):
            self.exports.append(filled_in)
        return output

    def _filled_in(self, command: str) -> str:
        for name, value in self.placeholders.items():
            if name in command:
                command = command.replace(name, value(command))
        return command

    def _whole_environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **self.environment}


def _hear_ctrl_c() -> None:
    """As on a terminal, also where these tests run in the background of a shell, which ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _ended(process: "subprocess.Popen[bytes]") -> str:
    try:
        output, _ = process.communicate(timeout=_SECONDS)
    finally:
        _kill(process)
    return output.decode(errors="replace")


def _interrupted(process: "subprocess.Popen[bytes]", until: str) -> str:
    """Press Ctrl-C as soon as `until` is shown."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    shown, deadline = b"", time.monotonic() + _SECONDS
    try:
        while until.encode() not in shown:
            assert time.monotonic() < deadline, shown.decode(errors="replace")
            assert process.poll() is None or process.stdout.peek(), shown.decode(errors="replace")
            shown += process.stdout.read() or b""
            time.sleep(0.05)
        os.set_blocking(process.stdout.fileno(), True)
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=_SECONDS)
    finally:
        _kill(process)
    return (shown + rest).decode(errors="replace")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def documents() -> Iterator[Path]:
    """The documents whose commands people type."""
    yield ROOT / "README.md"
    yield ROOT / "docs" / "operations.md"
    yield from sorted((ROOT / "tests" / "production").glob("*.md"))
