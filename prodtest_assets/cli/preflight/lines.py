"""A line of the checklist."""

from dataclasses import dataclass
from enum import StrEnum

from prodtest_assets.errors import ConfigurationError, ProdtestError


class Level(StrEnum):
    """How a line ended."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at.

    Attributes:
        name: of the thing, in a word or two.
        message: what was found.
        todo: what a person should do about it.
        exit_code: of the command, if this is the first line that failed.
        is_unseen: it could not be looked at.
    """

    name: str
    level: Level
    message: str
    todo: str | None = None
    exit_code: int = 0
    is_unseen: bool = False

    @property
    def text(self) -> str:
        """What was found and what to do, in one line."""
        return f"{self.message}; {self.todo}" if self.todo else self.message


def passed(name: str, message: str) -> Line:
    """Nothing to do."""
    return Line(name, Level.PASS, message)


def warned(name: str, message: str, todo: str) -> Line:
    """A run would work, but somebody should look at this."""
    return Line(name, Level.WARN, message, todo)


def failed(name: str, message: str, todo: str, *, exit_code: int = ConfigurationError.exit_code) -> Line:
    """A run would not work, or would be refused."""
    return Line(name, Level.FAIL, message, todo, exit_code)


def failed_with(name: str, error: ProdtestError) -> Line:
    """The line of an error, which says itself what to do."""
    return Line(name, Level.FAIL, str(error), exit_code=error.exit_code, is_unseen=True)
