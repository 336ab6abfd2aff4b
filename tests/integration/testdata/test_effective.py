"""Whether cleanups do what they are for, over several of them."""

from datetime import timedelta

from prodtest_assets.testdata.cleanup.effective import cleanup_past, reasons_ineffective
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from tests.booking_world import BookingWorld

OLD = timedelta(hours=48)
GROWN = "grown older over 3 cleanups"


def after_cleanup(world: BookingWorld, **limits: object) -> str:
    """What is wrong after a cleanup with these limits, in one text."""
    policy = Policy(**limits)  # type: ignore[arg-type]
    report = cleanup_now(world.database, world.permit, policy)
    return "; ".join(reasons_ineffective(cleanup_past(world.database), report, report.eligible_left))


def after_dry_run(world: BookingWorld) -> str:
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    return "; ".join(reasons_ineffective(cleanup_past(world.database), None, plan.total))


def pass_hours(world: BookingWorld, hours: int) -> None:
    """As if the dry runs and cleanups so far had been so long ago."""
    world.sql("UPDATE prodtest.plan SET created_at = created_at - make_interval(hours => %s)", hours)
    world.sql(
        "UPDATE prodtest.cleanup_run SET started_at = started_at - make_interval(hours => %s),"
        " finished_at = finished_at - make_interval(hours => %s)",
        hours, hours,
    )  # fmt: skip


def test_a_cleanup_that_takes_everything_is_effective(world):
    world.book(age=OLD)
    assert after_cleanup(world) == ""


def test_a_cleanup_that_takes_nothing_of_what_may_go_is_not(world):
    world.book(age=OLD)
    assert "nothing went although 2 rows may go" in after_cleanup(world, max_runtime=timedelta())


def test_a_backlog_that_grows_older_over_three_cleanups_is_seen_and_over_two_not_yet(world):
    world.book(age=OLD)
    no_time = {"max_runtime": timedelta()}
    assert GROWN not in after_cleanup(world, **no_time)
    pass_hours(world, 10)
    assert GROWN not in after_cleanup(world, **no_time)
    pass_hours(world, 10)
    assert f"{GROWN}, from 28.0 h to 48.0 h" in after_cleanup(world, **no_time)


def test_a_backlog_that_is_worked_off_from_its_old_end_is_no_fault(world):
    for hours in (100, 80, 60, 40):
        world.book(world.user(), age=timedelta(hours=hours))
    for _ in range(3):
        assert after_cleanup(world, max_delete=1, accept_partial=True) == ""


def test_an_emptied_backlog_begins_anew(world):
    world.book(age=OLD)
    no_time = {"max_runtime": timedelta()}
    after_cleanup(world, **no_time)
    after_cleanup(world)
    world.book(age=OLD)
    after_cleanup(world, **no_time)
    assert GROWN not in after_cleanup(world, **no_time)


def test_a_day_of_dry_runs_alone_is_seen(world):
    world.book(age=OLD)
    assert after_dry_run(world) == ""
    pass_hours(world, 23)
    assert after_dry_run(world) == ""
    pass_hours(world, 1)
    assert "only dry runs since" in after_dry_run(world)


def test_a_cleanup_ends_the_day_of_dry_runs_and_a_refused_one_does_not(world):
    world.book(age=OLD)
    after_dry_run(world)
    pass_hours(world, 25)
    after_cleanup(world, max_delete=1)
    assert "only dry runs since" in after_dry_run(world)
    after_cleanup(world)
    world.book(age=OLD)
    assert after_dry_run(world) == ""


def test_dry_runs_that_had_nothing_to_do_are_no_fault(world):
    after_dry_run(world)
    pass_hours(world, 48)
    world.book(age=OLD)
    assert after_dry_run(world) == ""


def test_without_our_schema_there_is_no_past(world):
    world.sql("DROP SCHEMA prodtest CASCADE")
    world.database.has_schema = False
    assert cleanup_past(world.database) is None
    assert reasons_ineffective(None, None, 5) == ()
