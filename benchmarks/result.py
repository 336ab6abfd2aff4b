"""One measured figure, the floor it is compared with, and the bound it must keep."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """A figure.

    Attributes:
        what: the thing that was measured, as a person would name it.
        ours: what was measured.
        unit: of `ours` and `floor`.
        floor: what the same work costs at least, measured in the same run; None where the bound is absolute.
        floor_is: what the floor is.
        bound: what the ratio, or without a floor the figure itself, must stay under; None for information only.
        note: spread or circumstance worth knowing.
    """

    what: str
    ours: float
    unit: str
    floor: float | None = None
    floor_is: str = ""
    bound: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the floor this costs; None without a floor."""
        return self.ours / self.floor if self.floor else None

    @property
    def holds(self) -> bool:
        """Whether the bound is kept; true where there is none."""
        if self.bound is None:
            return True
        return (self.ours if self.ratio is None else self.ratio) <= self.bound
