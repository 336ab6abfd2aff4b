"""The geometry of the report's pictures. The template draws them as inline SVG, stretched to the room there is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 1000.0, 100.0
"""The box in which a curve is drawn; the page stretches it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One bar of a chart.

    Attributes:
        share: of the largest, 0 to 1.
        kind: fresh, stale or odd; says the colour.
    """

    name: str
    count: int
    share: float
    kind: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Two lines over time.

    Attributes:
        total, stale: points for an SVG polyline in a box of `WIDTH` by `HEIGHT`.
        most: the value at the upper edge; the lower edge is zero.
    """

    total: str
    stale: str
    most: int
    begins: datetime
    ends: datetime


def columns(entries: Iterable[tuple[str, int, str]]) -> list[Column]:
    """Bars from (name, count, kind), scaled to the largest."""
    found = list(entries)
    most = max((count for _, count, _ in found), default=0) or 1
    return [Column(name, count, count / most, kind) for name, count, kind in found]


def curve(moments: Sequence[datetime], totals: Sequence[int], stale: Sequence[int]) -> Curve:
    """Lines through the counts at each moment, the oldest first; at least one."""
    begins, ends = moments[0], moments[-1]
    span = (ends - begins).total_seconds() or 1.0
    most = max(*totals, *stale, 1)

    def line(counts: Sequence[int]) -> str:
        return " ".join(
            f"{(moment - begins).total_seconds() / span * WIDTH:.1f},{HEIGHT - count / most * HEIGHT:.1f}"
            for moment, count in zip(moments, counts, strict=True)
        )

    return Curve(line(totals), line(stale), most, begins, ends)
