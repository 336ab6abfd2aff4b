"""Errors a caller may want to tell apart.

ProdtestError                     what was asked could not be done             exit 1
├── CheckFailed                   a test or an asset check failed              exit 1
├── CallFailed                    the application broke off a test call        exit 1
├── ConfigurationError            a setting is missing or contradicts another  exit 2
├── RefusedForSafety              what was asked could touch a customer's row  exit 3
│   ├── PlanDrifted               the rows changed since the plan was made
│   ├── NumberTaken               a user holds the caller's number or name
│   ├── CanaryMissing             the first call left no row in this database
│   └── RunClosed                 the run that wants to place a call is over
└── Unreachable                   the database or the application did not answer  exit 4

The first line of a class's docstring is its default message. A driver's own error stays in `__cause__`.
"""

from typing import ClassVar


class ProdtestError(Exception):
    """What was asked could not be done."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])


class CheckFailed(ProdtestError):
    """A test or an asset check failed."""


class CallFailed(ProdtestError):
    """The application broke off a test call."""


class ConfigurationError(ProdtestError):
    """A setting is missing or contradicts another."""

    exit_code = 2


class RefusedForSafety(ProdtestError):
    """What was asked could touch a customer's row."""

    exit_code = 3


class PlanDrifted(RefusedForSafety):
    """The rows changed since the plan was made; make a new plan."""


class NumberTaken(RefusedForSafety):
    """A user of the application already holds the caller's number or name."""


class CanaryMissing(RefusedForSafety):
    """The first call of the run left no row in this database, so no further call is placed."""


class RunClosed(RefusedForSafety):
    """The run that wants to place a call is over."""


class Unreachable(ProdtestError):
    """The database or the application did not answer."""

    exit_code = 4
