"""`kill -9`, at every message that a cleanup sends, and at moments that nobody has chosen."""

import random
import signal
import time

import pytest

from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from tests.integration.faults.forked import forks
from tests.integration.faults.wire import wire_to

ROWS = 3
POLICY = Policy(batch_size=2)


def messages_of_a_whole_cleanup(scene, forking, wire) -> int:
    scene.leave_stale_rows(ROWS)
    wire.arm()
    child = forking.clean(wire.url, batch_size=1)
    assert child.end() == 0
    return wire.sent


@pytest.mark.parametrize("is_delivered", [False, True], ids=["before", "after"])
def test_a_cleanup_killed_at_any_message_leaves_every_row_in_one_place(scene, is_long, record_property, is_delivered):
    rounds, stride = (25, 1) if is_long else (1, 3)
    tried = kills = 0
    with forks() as forking, wire_to(scene.url) as wire:
        messages = messages_of_a_whole_cleanup(scene, forking, wire)
        for point in [*range(1 + is_delivered, messages + 1, stride)] * rounds:
            scene.leave_stale_rows(ROWS)
            plan = plan_cleanup(scene.world.database, POLICY, permit=scene.world.permit).id if point % 4 == 0 else None
            children = []
            wire.arm(point, lambda held=children: _kill(held), delivers=is_delivered)
            children.append(forking.clean(wire.url, batch_size=1, plan=plan))
            kills += children[0].end() == -signal.SIGKILL
            tried += 1
            scene.let_pass()
            scene.check()
        scene.drain()
    assert kills > tried * 0.8
    record_property("kills survived", kills)


def _kill(children) -> None:
    while not children:
        time.sleep(0.001)
    children[0].kill()


def test_a_cleanup_killed_at_any_moment_leaves_every_row_in_one_place(scene, is_long, record_property):
    kills = 3_000 if is_long else 15
    rng = random.Random(20301)
    killed = 0
    with forks() as forking:
        for _ in range(2):  # the first one fills the server's caches
            scene.leave_stale_rows(ROWS)
            started = time.monotonic()
            assert forking.clean(scene.url, batch_size=1).end() == 0
            whole = time.monotonic() - started
        for number in range(1, kills + 1):
            scene.leave_stale_rows(ROWS)
            child = forking.clean(scene.url, batch_size=rng.choice((1, 2, 50)))
            time.sleep(rng.uniform(0, whole))
            child.kill()
            killed += child.end() == -signal.SIGKILL
            scene.let_pass()
            scene.check()
            if number % 1_000 == 0:  # what the killed ones left must not outgrow what a cleanup may take
                scene.drain()
        scene.drain()
    assert killed > 0
    record_property("kills survived", killed)
