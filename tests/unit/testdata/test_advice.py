"""When an alert is raised, how grave it is, and what it says to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from prodtest_assets.testdata.advice import SILENT_SENSOR, alerts_for, recommendations_for
from prodtest_assets.testdata.checks import checks_of
from prodtest_assets.testdata.models import Residue, Snapshot, Staleness
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
    assert recommendations_for(taken) == ("prodtest list",)


def test_the_gravest_alert_comes_first_and_each_says_what_to_do():
    taken = quiet(total=2_000, stale=Staleness(5, 0, 0), residue=Residue(5, 1, 1, 0, 7))
    assert levels(taken) == ["critical", "warning", "info", "info"]
    assert all(alert.action for alert in alerts_for(taken))


def test_every_recommendation_is_a_command():
    taken = quiet(stale=Staleness(1, 0, 1), ages=snapshot(future=1).ages)
    assert all(command.startswith("prodtest ") for command in recommendations_for(taken))


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
