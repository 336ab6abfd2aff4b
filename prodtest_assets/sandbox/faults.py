"""The ways in which the reference application can be told to misbehave.

A check that has never been seen failing is not a check. What each fault does is in `misbehaviour.py`.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from prodtest_assets.errors import ConfigurationError

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "forget-mark": "The row is stored, but not marked as test data.",
        "leave-orphans": "The user is stored, the appointment lost, and the caller told that it is booked.",
        "wrong-number": "The caller's number is stored mangled.",
        "wrong-time": "The appointment is stored an hour after the time that was asked for.",
        "double-book": "A second booking for the same time is taken instead of refused.",
        "drop-call": "The line goes dead before the caller can confirm.",
        "slow": "Each answer on the telephone takes two seconds.",
        "server-error": "Each request on the telephone ends in an internal error.",
        "broken-twiml": "Each answer on the telephone is XML that nobody can parse.",
    }
)


def check_faults(names: Iterable[str]) -> frozenset[str]:
    """The given names as a set.

    Raises:
        ConfigurationError: there is no such fault.
    """
    wanted = frozenset(names)
    if unknown := sorted(wanted - FAULTS.keys()):
        raise ConfigurationError(f"there is no fault {unknown[0]!r}; there are {', '.join(FAULTS)}")
    return wanted
