"""Pictures that Dagster shows in an asset's metadata: PNG inside Markdown, so that nothing has to be hosted.

matplotlib is imported on first use, and only its figures and its Agg canvas: no window, no state shared by threads.
"""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = (8.0, 3.2)
_DOTS_PER_INCH = 90
_FRESH, _STALE = "#2a7f9e", "#c8553d"
_MOST_TICKS = 12


def age_histogram(buckets: Sequence[tuple[str, int]], *, stale_from: int) -> dg.MarkdownMetadataValue:
    """Test rows per age.

    Args:
        buckets: name and number of rows, the youngest first.
        stale_from: the index of the first bucket whose rows are stale.
    """
    figure, axes = _canvas("Test rows by age")
    names, counts = [name for name, _ in buckets], [count for _, count in buckets]
    colours = [_FRESH if place < stale_from else _STALE for place in range(len(buckets))]
    axes.bar_label(axes.bar(names, counts, color=colours))
    return _markdown(figure, axes, "test rows by age")


def hourly_trend(hours: Sequence[tuple[str, int]]) -> dg.MarkdownMetadataValue:
    """Test rows created in each hour.

    Args:
        hours: name and number of rows, the oldest first.
    """
    figure, axes = _canvas("Test rows created per hour")
    axes.bar([name for name, _ in hours], [count for _, count in hours], color=_FRESH)
    axes.set_xticks(range(0, len(hours), max(len(hours) // _MOST_TICKS, 1)))
    return _markdown(figure, axes, "test rows created per hour")


def volume_over_time(moments: Sequence[str], totals: Sequence[int], stale: Sequence[int]) -> dg.MarkdownMetadataValue:
    """Test rows, and the stale ones among them, in each stored snapshot, the oldest first."""
    figure, axes = _canvas("Test rows in stored snapshots")
    axes.plot(list(moments), list(totals), color=_FRESH, marker="o", label="all")
    axes.plot(list(moments), list(stale), color=_STALE, marker="o", label="stale")
    axes.set_xticks(range(0, len(moments), max(len(moments) // _MOST_TICKS, 1)))
    axes.tick_params(axis="x", rotation=30)
    axes.legend()
    return _markdown(figure, axes, "test rows in stored snapshots")


def _canvas(title: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axes


def _markdown(figure: "Figure", axes: "Axes", description: str) -> dg.MarkdownMetadataValue:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    axes.set_ylabel("rows")
    # Only now: the limit, once set, stops following what is drawn.
    axes.margins(y=0.15)
    axes.set_ylim(bottom=0, top=max(axes.get_ylim()[1], 1))

    image = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(image, format="png")
    return dg.MetadataValue.md(f"![{description}](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})")
