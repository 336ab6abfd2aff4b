"""What the terminal shows: in any width, in ASCII, in a window of 24 lines."""

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from prodtest_assets.reports.terminal import as_text, dashboard_view, snapshot_view, sparkline, thinned
from prodtest_assets.testdata.advice import alerts_for
from prodtest_assets.testdata.models import Alert
from prodtest_assets.testdata.report_models import VolumePoint
from tests.unit.reports.figures import NOW, snapshot


def shown(view: RenderableType, *, width: int = 80, encoding: str = "utf-8") -> list[str]:
    """The lines of a view in a terminal of that width."""
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding=encoding), width=width, highlight=False)
    return as_text(view, console).split("\n")


def bars(lines: list[str], sign: str = "█") -> dict[str, int]:
    """How long the bar of each bucket is."""
    return {line[2:15].strip(): line.count(sign) for line in lines if line.startswith("  ") and "hour" in line}


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_line_is_longer_than_the_terminal(width):
    history = [VolumePoint(NOW, total, 0) for total in range(500)]
    for view in (snapshot_view(snapshot()), dashboard_view(snapshot(), history, footer="q quit")):
        assert max(len(line) for line in shown(view, width=width)) <= width


def test_bars_scale_with_the_counts_and_with_the_terminal():
    narrow, wide = (bars(shown(snapshot_view(snapshot()), width=width)) for width in (60, 100))
    assert narrow["12-24 hours"] > narrow["1-6 hours"] > narrow["< 1 hour"] > 0
    assert wide["12-24 hours"] > narrow["12-24 hours"]


def test_a_count_above_zero_is_seen_however_small_it_is():
    taken = snapshot(under_1=100_000)
    assert bars(shown(snapshot_view(taken)))["1-6 hours"] == 1
    assert sparkline([0, 1, 100_000]) == "▁▂█"


def test_a_line_without_counts_stays_at_the_ground():
    assert sparkline([0, 0, 0]) == "▁▁▁"
    assert sparkline([]) == ""


def test_thinning_keeps_the_peaks():
    assert thinned([1, 9, 2, 3, 4, 8], 3) == [9, 3, 8]
    assert thinned([1, 2], 10) == [1, 2]


def test_a_terminal_that_knows_only_ascii_gets_ascii():
    text = "\n".join(shown(snapshot_view(snapshot()), encoding="ascii"))
    assert text.isascii()
    assert "#" in text


def test_the_dashboard_fits_into_80_columns_and_24_lines():
    taken = snapshot(under_1=51, future=1)
    alerts = alerts_for(taken)
    lines = shown(dashboard_view(replace(taken, alerts=alerts), [VolumePoint(NOW, 1, 0)], footer="q", problem="gone"))
    assert len(alerts) == 3
    assert len(lines) <= 24


def test_the_future_has_a_bar_of_its_own_only_when_something_is_there():
    assert not any("future" in line for line in shown(snapshot_view(snapshot())))
    assert any("in the future  2" in line for line in shown(snapshot_view(snapshot(future=2))))


def test_the_verdict_stands_in_the_first_line():
    taken = snapshot()
    assert shown(snapshot_view(taken))[0].endswith("ok")
    assert shown(snapshot_view(replace(taken, total=0)))[0].endswith("clean")
    alarmed = replace(taken, alerts=(Alert("critical", "too much", "clean up"),))
    assert shown(snapshot_view(alarmed))[0].endswith("critical")
    assert shown(snapshot_view(alarmed))[-1] == "critical: too much; clean up"


def test_what_went_wrong_stands_above_the_last_figures():
    lines = shown(dashboard_view(snapshot(), problem="the database does not answer"))
    assert lines[1] == "the database does not answer"
    assert any("appointments" in line for line in lines)


def test_names_from_the_database_are_no_markup():
    assert "[red]booking[/]" in shown(snapshot_view(replace(snapshot(), database="[red]booking[/]")))[0]
