"""How a caller behaves on the telephone, beyond what they want."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Habits:
    """What makes a call less than perfect. Questions are counted from 0, each time one is asked.

    Attributes:
        silent_at: questions to which the caller says nothing until the application stops listening; where silence
            would end the call, they answer.
        says_first: what the caller says to the first question instead of an answer; asked again, they answer.
        hangs_up_at: the question during which the caller hangs up.
        delivered_twice_at: answers that the network delivers twice; what is said to the second is not heard.
        pause: seconds of silence in the middle of a longer answer, when it is given for the first time. An
            application that listens no longer than that hears the first half only.
    """

    silent_at: frozenset[int] = frozenset()
    says_first: str | None = None
    hangs_up_at: int | None = None
    delivered_twice_at: frozenset[int] = frozenset()
    pause: float = 0.0


STEADY = Habits()
"""Answers at once, clearly and once."""
