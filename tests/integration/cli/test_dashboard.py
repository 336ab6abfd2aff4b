"""`prodtest dashboard`: live in a terminal, once in a pipe, and never a traceback."""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl

import pytest

from tests.booking_world import BookingWorld
from tests.integration.cli.commands import command, environment, prodtest
from tests.integration.faults.wire import wire_to

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SECONDS = 30.0


class Terminal:
    """A command that runs in a terminal of 80 columns and 24 lines."""

    def __init__(self, url: str, *arguments: str) -> None:
        self.ours, self._theirs = pty.openpty()
        ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.manners = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            command("dashboard", *arguments),
            env=environment({"PRODUCTION_DB_URL": url, "TERM": "xterm-256color"}),
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
        )
        self._fresh = ""

    def press(self, key: str) -> None:
        """Type one key."""
        os.write(self.ours, key.encode())

    def awaits(self, text: str) -> str:
        """What came up to and with `text` since the last time."""
        deadline = time.monotonic() + SECONDS
        while text not in ESCAPES.sub("", self._fresh):
            assert time.monotonic() < deadline, f"no {text!r} in {self._fresh!r}"
            if select.select([self.ours], [], [], 0.1)[0]:
                self._fresh += os.read(self.ours, 1 << 16).decode()
        seen, self._fresh = self._fresh, ""
        return ESCAPES.sub("", seen)

    def ends(self) -> tuple[int, str]:
        """The exit code and the rest of what came."""
        deadline = time.monotonic() + SECONDS
        rest = self._fresh
        while self.process.poll() is None or select.select([self.ours], [], [], 0.1)[0]:
            assert time.monotonic() < deadline
            if select.select([self.ours], [], [], 0.1)[0]:
                rest += os.read(self.ours, 1 << 16).decode()
        return self.process.returncode, rest

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        os.close(self._theirs)
        os.close(self.ours)

    @property
    def is_as_before(self) -> bool:
        """Whether keys are echoed and lines are read as before."""
        return termios.tcgetattr(self._theirs)[3] == self.manners[3]


@contextmanager
def terminal(url: str, *arguments: str) -> Iterator[Terminal]:
    shown = Terminal(url, *arguments)
    try:
        yield shown
    finally:
        shown.close()


def test_keys_refresh_and_quit_and_the_terminal_is_as_before(world: BookingWorld) -> None:
    world.book()
    with terminal(world.url) as shown:
        assert "1 (1 active, 0 cancelled)" in shown.awaits("q quit")
        world.book(cancelled=True)
        shown.press("r")
        shown.awaits("2 (1 active, 1 cancelled)")
        shown.press("q")
        code, rest = shown.ends()
        assert code == 0
        assert "\x1b[?1049l" in rest
        assert shown.is_as_before


def test_the_figures_refresh_by_themselves(world: BookingWorld) -> None:
    with terminal(world.url, "--refresh-interval", "1") as shown:
        shown.awaits("0 (0 active, 0 cancelled)")
        world.book()
        shown.awaits("1 (1 active, 0 cancelled)")


def test_a_database_that_goes_away_is_shown_and_comes_back(world: BookingWorld) -> None:
    world.book()
    with wire_to(world.url) as wire, terminal(wire.url) as shown:
        shown.awaits("q quit")
        wire.arm(1, delivers=False, cuts=True)
        shown.press("r")
        seen = shown.awaits("q quit")
        assert "does not answer" in seen or "was lost" in seen
        assert "1 (1 active, 0 cancelled)" in seen
        assert "Traceback" not in seen
        world.book()
        shown.press("r")
        seen = shown.awaits("q quit")
        assert "2 (2 active, 0 cancelled)" in seen
        assert "does not answer" not in seen


@pytest.mark.parametrize(("end", "expected"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"])
def test_a_signal_ends_it_in_order(world: BookingWorld, end: signal.Signals, expected: int) -> None:
    with terminal(world.url) as shown:
        shown.awaits("q quit")
        shown.process.send_signal(end)
        code, rest = shown.ends()
        assert code == expected
        assert "Traceback" not in rest
        assert shown.is_as_before


def test_in_a_pipe_it_prints_once_in_80_columns_and_ends(world: BookingWorld) -> None:
    world.book()
    result = prodtest("dashboard", "--db-url", world.url)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Test data in booking_test")
    assert max(len(line) for line in result.out.splitlines()) <= 80
    assert "\x1b" not in result.out


def test_what_is_wrong_from_the_start_is_an_error(world: BookingWorld) -> None:
    result = prodtest("dashboard", "--db-url", "postgresql://nobody:secret@127.0.0.1:1/x")
    assert (result.code, result.out) == (4, "")
    assert "does not answer" in result.complaint


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "often"])
def test_an_absurd_interval_is_wrong_usage(seconds: str) -> None:
    result = prodtest("dashboard", f"--refresh-interval={seconds}")
    assert (result.code, result.out) == (2, "")
    assert "--refresh-interval" in result.complaint
