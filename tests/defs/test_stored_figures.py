"""Assets show stored snapshots, whatever else stands among them, and advise what the settings allow."""

from datetime import timedelta

import pytest
from psycopg.types.json import Jsonb

from prodtest_assets.testdata.snapshot import store_snapshot, take_snapshot, to_json
from tests.booking_world import BookingWorld
from tests.defs.conftest import RunJob

ALONE = "__ASSET_JOB"
DAY = timedelta(hours=24)
VIEWS = ["age_distribution", "storage_metrics", "creation_trend"]


def store(world: BookingWorld, figures: object) -> None:
    world.sql("INSERT INTO prodtest.snapshot (taken_at, figures) VALUES (clock_timestamp(), %s)", Jsonb(figures))


def test_figures_of_another_version_are_passed_over(run_job: RunJob, world: BookingWorld) -> None:
    world.book()
    snapshot = take_snapshot(world.database, retention=DAY)
    whole = to_json(snapshot)
    store_snapshot(world.database, world.permit, snapshot)
    for odd in ({}, [], {"total": "many"}, {**whole, "trend": None}, {**whole, "stale": {"eligible": 1}}):
        store(world, odd)
    store(world, {key: value for key, value in whole.items() if key not in ("usage", "sensors", "undelivered_alerts")})
    store(world, {**whole, "ages": {}, "trend": [], "of_a_newer_version": 1})
    store(world, {key: value for key, value in whole.items() if key != "storage"})
    ended = run_job(ALONE, selection=[*VIEWS, "test_data_report"])
    assert ended.success
    assert ended.value("creation_trend", "snapshots") == 3
    assert ended.value("storage_metrics", "test_rows") == 1
    assert ended.value("age_distribution", "< 1 hour") == 0


def test_without_figures_that_can_be_read_an_asset_says_what_makes_them(run_job: RunJob, world: BookingWorld) -> None:
    store(world, {"total": 1})
    ended = run_job(ALONE, selection=["creation_trend"])
    assert not ended.success
    assert "materialize test_data_snapshot first" in ended.failure("creation_trend")


def test_recommended_cleanups_know_the_limit_of_the_settings(
    run_job: RunJob, world: BookingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODTEST_MAX_DELETE", "3")
    for _ in range(5):
        world.book(age=2 * DAY)
    ended = run_job(ALONE, selection=["test_data_snapshot"])
    assert "prodtest cleanup --max-delete 3 --no-dry-run" in str(ended.value("test_data_snapshot", "next"))
