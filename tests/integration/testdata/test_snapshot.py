"""Every figure of a snapshot equals an independent count done in plain SQL."""

import random
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.ledger import RunLedger
from prodtest_assets.testdata.models import AGE_BUCKETS, FUTURE_BUCKET, Snapshot
from prodtest_assets.testdata.offenders import appointments_with, orphaned_users, unmarked_rows
from prodtest_assets.testdata.snapshot import store_snapshot, take_snapshot
from prodtest_assets.testdata.stored import stored_snapshots
from tests.booking_world import START, BookingWorld

DAY = timedelta(hours=24)


def snapshot_of(world: BookingWorld, **options: object) -> Snapshot:
    return take_snapshot(world.database, retention=DAY, **options)  # type: ignore[arg-type]


def counted(world: BookingWorld, condition: str) -> int:
    return int(world.sql(f"SELECT count(*) AS n FROM appointments WHERE is_test_data AND {condition}")[0]["n"])


def test_an_empty_database_is_clean(world):
    snapshot = snapshot_of(world)
    assert (snapshot.total, snapshot.stale.total, snapshot.residue.total) == (0, 0, 0)
    assert snapshot.alerts == ()
    assert snapshot.recommendations == ()


def test_customers_are_not_counted(world):
    world.customer(bookings=4)
    assert snapshot_of(world).total == 0


def test_totals_and_range_equal_plain_counts(world):
    for hours in (0, 2, 30, 100):
        world.book(age=timedelta(hours=hours), cancelled=hours > 20)
    snapshot = snapshot_of(world)
    assert snapshot.total == counted(world, "true")
    assert snapshot.active == counted(world, "cancelled_at IS NULL")
    assert snapshot.cancelled == counted(world, "cancelled_at IS NOT NULL")
    edges = world.sql("SELECT min(created_at) AS low, max(created_at) AS high FROM appointments")[0]
    assert (snapshot.oldest, snapshot.newest) == (edges["low"], edges["high"])
    assert snapshot.test_users == world.sql("SELECT count(*) AS n FROM users")[0]["n"]


def test_every_age_bucket_takes_its_own_rows(world):
    for hours in (0.5, 3, 3.5, 8, 18, 36, 60, 61, 100, -2):
        world.book(age=timedelta(hours=hours))
    ages = snapshot_of(world).ages
    assert [ages[bucket] for bucket in AGE_BUCKETS] == [1, 2, 1, 1, 1, 2, 1]
    assert ages[FUTURE_BUCKET] == 1


def test_a_row_exactly_at_an_edge_belongs_to_the_older_bucket(world):
    with world.database.connection.transaction():
        world.database.connection.execute(
            "WITH u AS (INSERT INTO users (full_name, mobile) VALUES ('Edge Case', '+12125550100') RETURNING id) "
            "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at) "
            "SELECT id, now() + h * interval '1 day', true, now() - h * interval '1 hour' FROM u, "
            "unnest(ARRAY[0, 1, 6, 12, 24, 48, 72]) h"
        )
        ages = snapshot_of(world).ages
    assert [ages[bucket] for bucket in AGE_BUCKETS] == [1] * 7


def test_the_hourly_trend_covers_24_hours(world):
    for hours in (0.2, 0.4, 1.5, 23.5, 24.5):
        world.book(age=timedelta(hours=hours))
    trend = snapshot_of(world).trend
    assert [entry.hours_ago for entry in trend] == list(range(24))
    assert {entry.hours_ago: entry.count for entry in trend if entry.count} == {0: 2, 1: 1, 23: 1}


def test_stale_rows_are_split_into_eligible_held_and_suspect(world):
    for _ in range(3):
        world.book(age=2 * DAY)
    held = world.book(age=2 * DAY)
    world.book(world.user(mobile="+4915112345678"), age=2 * DAY)
    world.sql(
        "INSERT INTO prodtest.hold (table_oid, row_id, until, reason, actor) "
        "VALUES ('appointments'::regclass, %s, now() + interval '1 hour', 'evidence', 'qa')",
        held,
    )
    stale = snapshot_of(world).stale
    assert (stale.eligible, stale.held, stale.suspect) == (3, 1, 1)


def test_an_aged_row_of_a_dead_run_is_stale_as_well(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name))
        run.close_call(call.call_sid, completed=True, transcript=[])
        run._ended.set()
        world.kill_run(run.run_id)
        world.sql("UPDATE prodtest.test_call SET opened_at = opened_at - interval '2 days'")
        assert snapshot_of(world).stale.eligible == 1
        assert appointments_with(world.database, ("stale",), DAY).total == 1


def test_residue_counts_a_row_once(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("passed", passed=1)
        residue = snapshot_of(world, run_id=run.run_id).residue
    assert (residue.unmarked, residue.from_this_run, residue.total) == (1, 1, 1)


@pytest.mark.parametrize("seed", range(4))
def test_rows_counted_together_are_counted_as_if_each_were_judged_alone(world, seed):
    rng = random.Random(seed)
    with ExitStack() as at_the_end:
        runs = [at_the_end.enter_context(world.run()) for _ in range(4)]
        populate(world, rng, runs)
        compare(world, runs[0].run_id)


def compare(world: BookingWorld, mine: UUID) -> None:
    question = {"cutoff": None, "retention": DAY, "run_id": mine, "named": [], "named_users": [], "limit": 10_000}
    marked = world.database.rows("test_rows", older_than=None, active_only=False, **question)
    judged = world.database.rows("judged_rows", verdicts=EVERY_VERDICT, **question)
    snapshot = snapshot_of(world, run_id=mine)
    old = [row for row in marked if row["aged_from"] < snapshot.cutoff]
    eligible = {row["id"] for row in old if row["verdict"] in ("stale", "call")}
    unmarked = {row["id"] for row in judged if not row["is_test_data"]}
    of_this_run = {row["id"] for row in judged if row["run_id"] == mine}
    assert snapshot.stale.eligible == len(eligible)
    assert snapshot.stale.held == sum(row["verdict"] == "held" for row in old)
    assert snapshot.stale.suspect == sum(row["verdict"] == "suspect" for row in marked)
    assert (snapshot.residue.unmarked, snapshot.residue.from_this_run) == (len(unmarked), len(of_this_run))
    assert snapshot.residue.total - snapshot.residue.orphaned == len(eligible | unmarked | of_this_run)
    assert snapshot.total == len(marked)
    assert {row["verdict"] for row in marked} >= {"stale", "suspect", "held", "live", "young"}


EVERY_VERDICT = ["held", "live", "named", "call", "suspect", "stale", "future", "young"]


def populate(world: BookingWorld, rng: random.Random, runs: list[RunLedger]) -> None:
    """Rows of every kind, several for each user, on both sides of the cutoff; the first two runs stay alive."""
    ages = [timedelta(hours=hours) for hours in (-3, 1, 20, 25, 60, 200)]
    tester, suspect, customer = world.user(), world.user(mobile="+4915100000001"), world.customer(bookings=2)
    held = world.user()
    callers = []
    for run in runs:
        call = run.open_call(persona="quick", requested_start=START)
        callers.append(world.user(mobile=call.number, name=call.name))
        world.book(callers[-1], age=rng.choice(ages), marked=rng.random() < 0.5)
        run.close_call(call.call_sid, completed=True, transcript=[])
    dead, over = runs[2:]
    rows = [
        world.book(user, age=age, start=START + (n + 5) * DAY, cancelled=rng.random() < 0.3)
        for user in (tester, suspect, customer, held, *callers)
        for n, age in enumerate(rng.choices(ages, k=6))
    ]
    world.sql("UPDATE prodtest.test_call SET opened_at = opened_at - %s WHERE run_id = %s", 2 * DAY, dead.run_id)
    over.finish("passed", passed=1)
    dead._ended.set()
    world.kill_run(dead.run_id)
    world.sql(
        "INSERT INTO prodtest.hold (table_oid, row_id, until, reason, actor) "
        "SELECT 'appointments'::regclass, unnest(%s::bigint[]), now() + interval '1 hour', 'evidence', 'qa' "
        "UNION ALL SELECT 'users'::regclass, %s, now() + interval '1 hour', 'evidence', 'qa'",
        rng.sample(rows, 5),
        held,
    )


def test_an_orphaned_user_is_residue(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        user = world.user(mobile=call.number, name=call.name)
        run.close_call(call.call_sid, completed=False, transcript=[])
        run.finish("failed", failed=1)
        residue = snapshot_of(world, run_id=run.run_id).residue
        orphans = orphaned_users(world.database, DAY, run.run_id)
    assert (residue.orphaned, residue.total) == (1, 1)
    assert [row["id"] for row in orphans.sample] == [user]


def test_an_unmarked_row_of_this_run_counts_after_it_was_removed(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.remove_call(call.call_sid)
        assert unmarked_rows(world.database, run.run_id).total == 1
        assert unmarked_rows(world.database, uuid4()).total == 0


def test_offenders_are_counted_exactly_and_sampled_masked(world):
    for _ in range(25):
        world.book(age=2 * DAY)
    stale = appointments_with(world.database, ("stale",), DAY)
    assert (stale.total, len(stale.sample), stale.is_truncated) == (25, 20, True)
    assert all("*" in row["mobile"] for row in stale.sample)


def test_storage_is_measured_not_guessed(world):
    for _ in range(5):
        world.book()
    exact = world.sql("SELECT sum(pg_column_size(a.*))::bigint AS n FROM appointments a")[0]["n"]
    assert snapshot_of(world).storage.test_row_bytes == exact


def test_a_snapshot_is_stored_and_read_again(world):
    world.book()
    snapshot = snapshot_of(world)
    store_snapshot(world.database, world.permit, snapshot)
    assert stored_snapshots(world.database) == [snapshot]


def test_reading_needs_no_schema_of_ours(world):
    world.book(age=2 * DAY)
    world.sql("DROP SCHEMA prodtest CASCADE")
    with open_database(world.url) as database:
        snapshot = take_snapshot(database, retention=DAY)
        assert stored_snapshots(database) == []
    assert snapshot.stale.eligible == 1


def test_a_missing_mark_is_a_clear_error(world):
    world.sql("DROP SCHEMA prodtest CASCADE")
    world.sql("ALTER TABLE appointments DROP COLUMN is_test_data")
    with open_database(world.url) as database, pytest.raises(ConfigurationError, match="prodtest migrate"):
        take_snapshot(database, retention=DAY)


@pytest.mark.parametrize(
    ("rows", "level"), [(501, "warning"), (1001, "critical")], ids=["many rows warn", "too many are critical"]
)
def test_the_volume_raises_an_alert(world, rows, level):
    world.sql("INSERT INTO users (full_name, mobile) VALUES ('Many Rows', '+12125550100')")
    world.sql(
        "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at) SELECT 1, now() + n * interval '1 h', "
        "true, now() - interval '2 hours' FROM generate_series(1, %s) n",
        rows,
    )
    assert level in {alert.level for alert in snapshot_of(world).alerts}
