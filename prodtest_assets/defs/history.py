"""What the stored snapshots say about the past, and what they let expect."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

FEWEST_SNAPSHOTS = 5
_TO_DEVIATION = 1.4826  # of the median distance, for normally distributed figures
_DEVIATIONS = 3.0
_SMALLEST_SPREAD_ROWS = 20.0
_SMALLEST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Expectation:
    """How many test rows are usual.

    Attributes:
        typical: the median.
        spread: the median distance from it.
        at_most: more rows than this are unusual. Fewer never are: that is what cleanup is for.
        snapshots: how many it is drawn from.
    """

    typical: float
    spread: float
    at_most: float
    snapshots: int


def expected_volume(totals: Sequence[int]) -> Expectation | None:
    """What earlier snapshots let expect of the number of test rows; None while there are too few of them.

    Median and median distance, since one busy day must not widen what counts as usual
    (https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm). A history that hardly moves still leaves
    room for half as much again, and for 20 rows.

    Args:
        totals: test rows in earlier snapshots, without the one that is judged.
    """
    if len(totals) < FEWEST_SNAPSHOTS:
        return None
    typical = float(median(totals))
    spread = float(median(abs(total - typical) for total in totals))
    room = max(_DEVIATIONS * _TO_DEVIATION * spread, _SMALLEST_SHARE * typical, _SMALLEST_SPREAD_ROWS)
    return Expectation(typical, spread, typical + room, len(totals))
