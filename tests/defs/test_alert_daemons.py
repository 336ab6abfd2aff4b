"""Daemons in processes of their own: two by mistake, and one that is killed at the worst moment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.booking_world import BookingWorld
from tests.defs.alerting import Deployment, told
from tests.mailbox import WebReceiver

CHECKOUT = Path(__file__).resolve().parents[2]
Start = Callable[[int], subprocess.Popen[str]]
_SECONDS = 150.0


@pytest.fixture
def start(tmp_path: Path, world: BookingWorld) -> Iterator[Start]:
    """Starts a daemon that ticks so many times."""
    started: list[subprocess.Popen[str]] = []

    def run(ticks: int) -> subprocess.Popen[str]:
        daemon = [sys.executable, "-W", "ignore", "-m", "tests.defs.alert_daemon"]
        started.append(
            subprocess.Popen(
                [*daemon, str(tmp_path / "dagster_home"), str(ticks)],
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        kill(process)


def kill(daemon: subprocess.Popen[str]) -> None:
    """As `kill -9` does."""
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    if daemon.stdout:
        daemon.stdout.close()


def ticked(daemon: subprocess.Popen[str], times: int = 1) -> None:
    """Wait for so many ticks."""
    for _ in range(times):
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "ticked\n"


def lease_is_over(world: BookingWorld) -> None:
    """As if the claim of the killed process had run out, which takes two minutes."""
    world.sql("UPDATE prodtest.alert_delivery SET claimed_until = now() WHERE delivered_at IS NULL")


def wait_until(done: Callable[[], object], *, seconds: float = _SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_two_daemons_by_mistake_tell_each_cause_once(
    deployment: Deployment, web: WebReceiver, start: Start, world: BookingWorld
) -> None:
    daemons = [start(1_000), start(1_000)]
    for daemon in daemons:
        ticked(daemon)
    for place in range(4):
        deployment.red = {f"check_{place}", "lasting"}
        deployment.run(f"check_{place}", "lasting")
    deployment.red = set()
    deployment.run("lasting")
    wait_until(lambda: len(web.received) >= 5)
    for daemon in daemons:
        ticked(daemon, times=3)

    titles = told(web)
    assert [title for title in titles if "lasting" in title] == ["2 fail: check_0, lasting", "lasting has recovered"]
    assert titles[1:4] == ["check_1 fails", "check_2 fails", "check_3 fails"]
    assert len(titles) == 5


def test_a_daemon_killed_between_recording_and_sending_loses_nothing(
    deployment: Deployment, web: WebReceiver, start: Start, world: BookingWorld
) -> None:
    with world.database.connection.transaction():
        # Recording goes on, claiming waits: the daemon stands exactly between the two.
        world.database.connection.execute("LOCK TABLE prodtest.alert_delivery IN ACCESS EXCLUSIVE MODE")
        deployment.red = {"stale"}
        deployment.run("stale")
        daemon = start(1)
        wait_until(lambda: world.sql("SELECT 1 FROM prodtest.alert_message"))
        kill(daemon)
        # Its session still waits for the lock, and would claim the message for nobody.
        world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        assert web.received == []
    assert start(1).wait(_SECONDS) == 0

    assert told(web) == ["stale fails"]


def test_a_daemon_killed_between_the_channels_answer_and_its_note_repeats_the_message_under_its_id(
    deployment: Deployment, web: WebReceiver, start: Start, world: BookingWorld
) -> None:
    web.hold.clear()
    deployment.red = {"stale"}
    deployment.run("stale")
    daemon = start(1)
    wait_until(web.arrived.is_set)
    kill(daemon)
    web.hold.set()
    assert start(1).wait(_SECONDS) == 0
    assert len(web.received) == 1
    lease_is_over(world)
    assert start(1).wait(_SECONDS) == 0

    assert told(web) == ["stale fails", "stale fails"]
    first, second = (document["message"].rpartition("message id: ")[2] for document in web.received)
    assert first == second
