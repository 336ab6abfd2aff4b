"""Many calls at once against the reference application: none lost, none mixed up, ledger and rows agree."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from prodtest_assets.caller import Call, Ended, Persona, Target, draw_start, place_call
from prodtest_assets.caller.wire import new_client
from prodtest_assets.sandbox.seed import seed_customers
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, Scope, StopReason
from prodtest_assets.testdata.offenders import unmarked_rows
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from tests.booking_world import BookingWorld

_TOKEN = "the sandbox's token"


def phone(world: BookingWorld, calls: int, at_once: int) -> None:
    """Place so many calls, compare every row with what was said, and take all of them back."""
    seed_customers(world.url)
    customers, rng, now = customer_fingerprints(world.database), random.Random(calls), datetime.now(UTC)
    lengths = [rng.choice((15, 30, 60)) for _ in range(calls)]
    wishes = [
        Persona(
            key=f"caller {place}",
            start=draw_start(now, UTC, rng, duration_min=minutes),
            duration_min=minutes,
            use_keypad=place % 3 == 0,
        )
        for place, minutes in enumerate(lengths)
    ]
    with running_app(world.url, auth_token=_TOKEN) as app, world.run() as run:
        target = Target(app.url, auth_token=_TOKEN)
        with new_client(target) as client:

            def ring(wish: Persona) -> Call:
                return place_call(wish, target, run, client=client)

            first = ring(wishes[0])
            with ThreadPoolExecutor(at_once) as pool:
                placed = [first, *pool.map(ring, wishes[1:])]
        stored = {call.call_sid: run.stored_booking(call.call_sid) for call in placed}
        ledger = {row["call_sid"]: row for row in world.database.rows("calls_of_run", run_id=run.run_id)}
        report = cleanup_now(world.database, world.permit, Policy(), scope=Scope.CALL, run_id=run.run_id)

    assert [call.problem for call in placed if call.problem or call.ended is not Ended.hung_up_by_application] == []
    assert len({call.number for call in placed}) == len({call.name for call in placed}) == calls
    for call in placed:
        row = stored[call.call_sid]
        assert row is not None
        said = (call.name, call.number, call.requested_start, call.duration_min, True)
        assert said == (row.full_name, row.mobile, row.starts_at, row.duration_min, row.is_test_data)
        entry = ledger[call.call_sid]
        assert (entry["outcome"], entry["persona"], entry["appointment_id"]) == (
            "booked",
            call.persona,
            row.appointment_id,
        )
    assert len(ledger) == len({row.appointment_id for row in stored.values() if row}) == calls
    assert unmarked_rows(world.database, run.run_id).total == 0
    assert (report.stop_reason, dict(report.deleted)) == (StopReason.DRAINED, {"appointments": calls, "users": calls})
    assert rows_changed(world.database, customers) == 0


def test_sixty_calls_twenty_at_a_time_are_neither_lost_nor_mixed_up(world: BookingWorld) -> None:
    phone(world, 60, 20)


@pytest.mark.soak
def test_a_thousand_calls_fifty_at_a_time_are_neither_lost_nor_mixed_up(world: BookingWorld) -> None:
    phone(world, 1_000, 50)
