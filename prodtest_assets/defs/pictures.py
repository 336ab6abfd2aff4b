"""Pictures that Dagster shows in an asset's metadata: PNG inside Markdown, so that nothing has to be hosted.

matplotlib is imported on first use, and only its figures and its Agg canvas: no window, no state shared by threads.
"""

import base64
import io
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 8.0, 3.2  # inches
_INCHES_PER_BAR = 0.26
_DOTS_PER_INCH = 90
# Pictures are kept with every materialization; with this many colours they take a third of the bytes.
_COLOURS = 32
_MOST_TICKS = 12


class Colour(StrEnum):
    """What a colour says, the same in every picture."""

    FINE = "#2a7f9e"
    BAD = "#c8553d"
    DOUBTFUL = "#d9a441"
    QUIET = "#8a949c"


Bar = tuple[str, float, Colour]


def age_histogram(buckets: Sequence[tuple[str, int]], *, stale_from: int) -> dg.MarkdownMetadataValue:
    """Test rows per age.

    Args:
        buckets: name and number of rows, the youngest first.
        stale_from: the index of the first bucket whose rows are stale.
    """
    figure, axes = _canvas("Test rows by age")
    names, counts = [name for name, _ in buckets], [count for _, count in buckets]
    colours = [Colour.FINE if place < stale_from else Colour.BAD for place in range(len(buckets))]
    axes.bar_label(axes.bar(names, counts, color=colours))
    return _upright(figure, axes, "test rows by age")


def hourly_trend(hours: Sequence[tuple[str, int]]) -> dg.MarkdownMetadataValue:
    """Test rows created in each hour.

    Args:
        hours: name and number of rows, the oldest first.
    """
    figure, axes = _canvas("Test rows created per hour")
    axes.bar([name for name, _ in hours], [count for _, count in hours], color=Colour.FINE)
    axes.set_xticks(range(0, len(hours), max(len(hours) // _MOST_TICKS, 1)))
    return _upright(figure, axes, "test rows created per hour")


def volume_over_time(moments: Sequence[str], totals: Sequence[int], stale: Sequence[int]) -> dg.MarkdownMetadataValue:
    """Test rows, and the stale ones among them, in each stored snapshot, the oldest first."""
    figure, axes = _canvas("Test rows in stored snapshots")
    places = range(len(moments))
    axes.plot(places, list(totals), color=Colour.FINE, marker="o", label="all")
    axes.plot(places, list(stale), color=Colour.BAD, marker="o", label="stale")
    shown = range(0, len(moments), -(-len(moments) // _MOST_TICKS) or 1)
    axes.set_xticks(shown, [moments[place] for place in shown], rotation=30, ha="right")
    axes.legend()
    return _upright(figure, axes, "test rows in stored snapshots")


def bars(
    title: str, rows: Sequence[Bar], *, unit: str, labels: Sequence[str] | None = None
) -> dg.MarkdownMetadataValue:
    """One bar for each row, from left to right, the first row on top.

    Args:
        rows: name, length and what its colour says.
        unit: of the lengths.
        labels: what stands at the bars' ends; if left out, the lengths themselves, which are whole numbers then.
    """
    figure, axes = _canvas(title, height=1.0 + _INCHES_PER_BAR * len(rows))
    lengths = [length for _, length, _ in rows]
    drawn = axes.barh(range(len(rows)), lengths, color=[colour for _, _, colour in rows])
    axes.bar_label(drawn, labels=labels or [f"{length:g}" for length in lengths], padding=3)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.margins(x=0.35 if labels else 0.12)
    if not labels:
        _count_whole(axes.xaxis)
    axes.set_xlim(left=0, right=max(axes.get_xlim()[1], 1))
    return _markdown(figure, title)


def _canvas(title: str, height: float = _HEIGHT) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _upright(figure: "Figure", axes: "Axes", description: str) -> dg.MarkdownMetadataValue:
    """A picture whose height is a number of rows."""
    _count_whole(axes.yaxis)
    axes.set_ylabel("rows")
    # Only now: the limit, once set, stops following what is drawn.
    axes.margins(y=0.15)
    axes.set_ylim(bottom=0, top=max(axes.get_ylim()[1], 1))
    return _markdown(figure, description)


def _count_whole(axis: "Axis") -> None:
    """There is no half of a row."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def _markdown(figure: "Figure", description: str) -> dg.MarkdownMetadataValue:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    drawn, image = io.BytesIO(), io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(_COLOURS).save(image, format="png", optimize=True)
    return dg.MetadataValue.md(f"![{description}](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})")
