"""What is promised, one module per subject."""

from prodtest_assets.selftest.promises import archive, children, protection, races, reach, removal
from prodtest_assets.selftest.registry import Promise, promises_of


def all_promises() -> tuple[Promise, ...]:
    """Every promise, in the order in which they are tried."""
    subjects = (removal, reach, races, children, archive, protection)
    return tuple(promise for subject in subjects for promise in promises_of(subject.__name__))
