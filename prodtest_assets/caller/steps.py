"""What comes after an answer: another request, or the end of the call."""

from dataclasses import dataclass, field

import httpx

from prodtest_assets.caller.call import Ended
from prodtest_assets.caller.statuses import Status
from prodtest_assets.caller.twiml import Method


@dataclass(frozen=True, slots=True)
class Next:
    """The call goes on with a request.

    Attributes:
        url, method: where it goes, and how.
        fields: what it says besides what every request says about the call.
        twice: the network delivers it twice.
        to_fallback: it asks the fallback, because an answer was none.
    """

    url: httpx.URL
    method: Method = "POST"
    fields: dict[str, str] = field(default_factory=dict)
    twice: bool = False
    to_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over.

    Attributes:
        ended: how.
        problem: one line on what was wrong or odd; None when nothing was.
        status: what the application's status callback is told.
    """

    ended: Ended
    problem: str | None = None
    status: Status = "completed"
