"""When an alert is raised, how grave it is, and what it says to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from prodtest_assets.testdata.advice import SILENT_SENSOR, alerts_for, recommendations_for
from prodtest_assets.testdata.checks import checks_of
from prodtest_assets.testdata.connection import repeated_url
from prodtest_assets.testdata.models import Residue, Snapshot, Staleness
from prodtest_assets.testdata.usage import Usage
from tests.unit.reports.figures import NOW, snapshot


def quiet(**changes: object) -> Snapshot:
    """Rows about which nobody needs to know."""
    calm = replace(snapshot(), stale=Staleness(0, 0, 0), residue=Residue(0, 0, 0, 0, 0))
    return replace(calm, **changes)  # type: ignore[arg-type]


def levels(taken: Snapshot) -> list[str]:
    return [alert.level for alert in alerts_for(taken)]


@pytest.mark.parametrize(
    ("total", "expected"), [(0, []), (500, []), (501, ["warning"]), (1_000, ["warning"]), (1_001, ["critical"])]
)
def test_the_volume_warns_above_500_and_is_critical_above_1000(total, expected):
    assert levels(quiet(total=total)) == expected


@pytest.mark.parametrize(("stale", "expected"), [(0, []), (1, ["info"]), (100, ["info"]), (101, ["warning"])])
def test_stale_rows_inform_up_to_100_and_warn_above(stale, expected):
    assert levels(quiet(stale=Staleness(stale, 0, 0))) == expected
    assert levels(quiet(stale=Staleness(0, stale, 0))) == expected


@pytest.mark.parametrize(("rows", "expected"), [(50, []), (51, ["info"])])
def test_more_than_50_new_rows_in_an_hour_inform(rows, expected):
    assert levels(quiet(ages=snapshot(under_1=rows).ages)) == expected


def test_rows_from_the_future_warn_and_are_to_be_looked_at():
    taken = quiet(ages=snapshot(future=1).ages)
    (alert,) = alerts_for(taken)
    assert (alert.level, alert.message) == ("warning", "1 test row was created in the future")
    assert recommendations_for(taken) == ("prodtest list --limit 10 | tail -n 1",)


def test_the_gravest_alert_comes_first_and_each_says_what_to_do():
    taken = quiet(total=2_000, stale=Staleness(5, 0, 0), residue=Residue(5, 1, 1, 0, 7))
    assert levels(taken) == ["critical", "warning", "info", "info"]
    assert all(alert.action for alert in alerts_for(taken))


def test_every_recommendation_is_a_command():
    taken = quiet(stale=Staleness(1, 0, 1), ages=snapshot(future=1).ages)
    assert all(command.startswith("prodtest ") for command in recommendations_for(taken))


def said(taken: Snapshot) -> str:
    """Everything that a person is told to do."""
    return "\n".join([*(alert.action for alert in alerts_for(taken)), *recommendations_for(taken)])


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({"total": 1_500}, "prodtest cleanup --older-than 1"),
        ({"total": 1_500, "stale": Staleness(0, 0, 1_500)}, "prodtest list --older-than 24"),
        ({"stale": Staleness(0, 0, 150)}, "prodtest list --older-than 24"),
        ({"stale": Staleness(0, 150, 0)}, "prodtest hold list"),
        ({"stale": Staleness(0, 5, 150)}, "prodtest list --older-than 24"),
    ],
    ids=["all fresh", "all in doubt", "stale in doubt", "stale on hold", "stale of both kinds"],
)
def test_a_cleanup_is_advised_only_where_it_takes_rows(changes, command):
    taken = quiet(**changes)
    assert recommendations_for(taken) == (command,)
    assert command in alerts_for(taken)[0].action
    assert "--no-dry-run" not in said(taken)


def test_an_alert_says_how_many_of_its_rows_a_cleanup_may_take():
    (alert,) = alerts_for(quiet(stale=Staleness(1, 4, 5)))
    assert alert.action == "run, it may take 1 of them: prodtest cleanup --no-dry-run"


def test_a_cleanup_that_would_be_refused_for_its_size_is_advised_with_a_limit():
    def advised(eligible: int, users: int) -> tuple[str, ...]:
        rows = Residue(eligible, 0, 0, 0, eligible)
        taken = quiet(stale=Staleness(eligible, 0, 0), residue=rows, test_users=users, usage=Usage(max_delete=5_000))
        return recommendations_for(taken)

    assert advised(4_999, 1) == ("prodtest cleanup --no-dry-run",)
    assert advised(5_000, 1) == ("prodtest cleanup --max-delete 5000 --no-dry-run",)
    assert advised(2_501, 9_000) == ("prodtest cleanup --max-delete 5000 --no-dry-run",)


def test_advice_means_the_database_and_the_age_that_were_asked_about():
    usage = Usage(repeated_url("postgresql+asyncpg://me:s3cr@t@h/d?sslpassword=s3cret&ssl=require"), 48.0)
    taken = quiet(stale=Staleness(1, 0, 0), ages=snapshot(future=1).ages, usage=usage)
    place = "--db-url 'postgresql://me:***@h/d?sslpassword=***&sslmode=require'"
    assert recommendations_for(taken) == (
        f"prodtest cleanup --older-than 48 {place} --no-dry-run",
        f"prodtest list --limit 10 {place} | tail -n 1",
    )
    assert "s3cr" not in said(taken)
    assert [check.do for check in checks_of(taken) if not check.passed] == [recommendations_for(taken)[0]]


def test_a_command_that_was_broken_into_lines_removes_nothing_before_its_end():
    usage = Usage(repeated_url("postgresql://me:s3cret@h/d"), 48.0, max_delete=1)
    rows = Residue(5, 0, 0, 0, 5)
    (command,) = recommendations_for(quiet(stale=Staleness(5, 0, 0), residue=rows, usage=usage))
    *before, last = command.split()
    assert last == "--no-dry-run"
    assert {"--max-delete", "--older-than", "--db-url"} < set(before)


def test_the_command_in_an_alert_is_recommended_as_well():
    taken = quiet(
        total=2_000, stale=Staleness(5, 1, 1), residue=Residue(5, 1, 1, 0, 7), ages=snapshot(future=1, under_1=60).ages
    )
    for alert in alerts_for(taken):
        assert any(alert.action.endswith(f": {command}") for command in recommendations_for(taken)), alert


def red(taken: Snapshot) -> set[str]:
    return {check.name for check in checks_of(taken) if not check.passed}


def test_held_rows_and_suspects_turn_no_check_red():
    assert red(quiet(stale=Staleness(0, 5, 5), suspect_users=5)) == set()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"stale": Staleness(1, 0, 0)}, "no_stale_test_rows"),
        ({"residue": Residue(0, 1, 0, 0, 1)}, "no_orphaned_test_users"),
        ({"residue": Residue(0, 0, 1, 0, 1)}, "no_unmarked_test_rows"),
        ({"pending_events": 1}, "no_orphaned_calendar_events"),
        ({"undelivered_alerts": 1}, "alerts_are_delivered"),
    ],
)
def test_each_kind_of_residue_turns_its_own_check_red(changes, name):
    assert red(quiet(**changes)) == {name}


def test_a_sensor_that_has_fallen_silent_is_named():
    beats = {"tired": NOW - SILENT_SENSOR - timedelta(seconds=1), "awake": NOW - SILENT_SENSOR}
    taken = quiet(sensors=beats)
    (check,) = [check for check in checks_of(taken) if not check.passed]
    assert (check.name, check.count, "tired" in check.what, "awake" in check.what) == (
        "sensors_are_alive",
        1,
        True,
        False,
    )
    assert not check.cleanup_helps
