"""What happens between the moment a row is chosen and the moment it would go."""

import os
import subprocess
import sys
import time

from prodtest_assets.selftest.registry import promise
from prodtest_assets.selftest.world import World, expect, result_of, statement, wait_until
from prodtest_assets.testdata.cleanup.models import Policy

_KILLS = 5
_VICTIM_SECONDS = 30


@promise("A mark that is lifted while the delete waits saves the row.")
def lifted_mark_wins(world: World) -> None:
    """The application corrects a mark in a transaction that commits while the cleanup waits for the row."""
    row, other = world.book(), world.book()
    with world.application() as application:
        application.execute(statement("lift_mark"), {"row": row})
        cleanup = world.clean_meanwhile()
        world.until_somebody_waits()
        application.commit()
        result_of(cleanup)
    expect(world.is_there(row), "the row went")
    expect(world.is_archived(other), "the row beside it stayed")


@promise("A booking made for a test user between check and delete keeps the user.")
def concurrent_booking_wins(world: World) -> None:
    """A customer gets the number of a test caller; ON DELETE CASCADE would take the booking along."""
    row = world.book()
    user = world.owner(row)
    with world.application() as application:
        booking = {"user": user, "marked": False, "age": "0", "day": 9}
        made = application.execute(statement("add_appointment"), booking).fetchone()
        cleanup = world.clean_meanwhile()
        world.until_somebody_waits()
        application.commit()
        result_of(cleanup)
    expect(world.has_user(user), "the user went")
    expect(made and world.is_there(made["id"]), "the booking went with the user")


@promise("An application that keeps its locks delays its own rows and no others.")
def locked_rows_come_last(world: World) -> None:
    """One row is locked for long; the others must not wait for it."""
    locked, free = world.book(), [world.book() for _ in range(4)]
    with world.application() as application:
        application.execute(statement("lock_row"), {"row": locked})
        cleanup = world.clean_meanwhile()
        world.until_somebody_waits()
        expect(all(world.is_archived(row) for row in free), "rows waited behind the locked one")
        application.rollback()
        result_of(cleanup)
    expect(world.is_archived(locked), "the locked row stayed although its lock was gone")


@promise("Two cleanups at once take every row once.")
def two_cleanups_share(world: World) -> None:
    """Started together, with batches of two rows."""
    rows = [world.book() for _ in range(12)]
    cleanups = [world.clean_meanwhile(Policy(batch_size=2)) for _ in range(2)]
    removed = sum(result_of(cleanup).deleted.get("appointments", 0) for cleanup in cleanups)
    expect(removed == len(rows), f"they report {removed} of {len(rows)} rows")
    expect(all(world.is_archived(row) for row in rows), "a row stayed, or is archived twice")


@promise("A cleanup that is killed leaves every row in exactly one place.")
def killed_cleanup_loses_nothing(world: World) -> None:
    """`kill -9` at several moments; the next cleanup finishes the work."""
    rows: list[int] = []
    sessions = world.app("sessions")[0]["count"]
    for kill in range(_KILLS):
        rows += [world.book() for _ in range(6)]
        _kill_a_cleanup(world, after_seconds=0.015 * kill)
        places = world.app("places", rows=rows)
        strays = [place["id"] for place in places if place["present"] + place["archived"] != 1]
        expect(not strays, f"after kill {kill + 1}, {len(strays)} of {len(rows)} rows are in no place or in two")
        # The server notices only at the end of a statement that nobody waits for it any more.
        wait_until(lambda: world.app("sessions")[0]["count"] <= sessions, "the killed cleanup's session goes on")
        world.app("let_lease_end")
    world.clean()
    expect(all(world.is_archived(row) for row in rows), "the next cleanup did not finish the work")


def _kill_a_cleanup(world: World, *, after_seconds: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "prodtest_assets.selftest.victim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{os.getpid()}\n{world.url}\n".encode())
        process.stdin.close()
        expect(process.stdout.readline(), "the cleanup that was to be killed did not start")
        time.sleep(after_seconds)
        process.kill()
        process.wait(_VICTIM_SECONDS)
