"""The promises: a sentence that people read, and a function that tries to break it."""

from collections.abc import Callable
from dataclasses import dataclass

from prodtest_assets.selftest.world import World

Attempt = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise.

    Attributes:
        name: the function's, for machines.
        sentence: what is promised.
        attempt: returns when the promise held, and raises otherwise.
    """

    name: str
    sentence: str
    attempt: Attempt


_promises: list[Promise] = []


def promise(sentence: str) -> Callable[[Attempt], Attempt]:
    """Register the decorated function under the sentence it tries to break."""

    def register(attempt: Attempt) -> Attempt:
        _promises.append(Promise(attempt.__name__, sentence, attempt))
        return attempt

    return register


def promises_of(module: str) -> tuple[Promise, ...]:
    """The promises that a module has registered, in its order."""
    return tuple(promise for promise in _promises if promise.attempt.__module__ == module)
