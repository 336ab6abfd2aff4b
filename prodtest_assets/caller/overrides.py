"""What an address says about its own connection: `https://host/voice#ct=2000&rc=3&rp=5xx,rt`.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides

The edge (`e`) and the server's name (`sni`) change nothing that an application could notice here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from prodtest_assets.caller.faults import NothingListens, ProviderError

PROVIDER_SECONDS = 15.0
"""How long the provider waits for a whole answer. https://www.twilio.com/docs/api/errors/11205"""
_CONNECT_SECONDS = 5.0
_CONNECT, _READ, _EVERYTHING = "ct", "rt", "all"
_CLIENT_ERRORS = 4


@dataclass(frozen=True, slots=True)
class Overrides:
    """How long and how often an address is asked; the provider's own manners by default.

    Attributes:
        connect: seconds until a connection stands.
        read: seconds until the first byte of the answer, and between two parts of it.
        total: seconds for all tries together.
        retries: tries after the first.
        policy: after what: `ct` no connection, `rt` no answer in time, `4xx`, `5xx`, or `all` of these.
    """

    connect: float = _CONNECT_SECONDS
    read: float = PROVIDER_SECONDS
    total: float = PROVIDER_SECONDS
    retries: int = 1
    policy: frozenset[str] = frozenset({_CONNECT})

    def ask_again(self, fault: ProviderError, attempt: int) -> bool:
        """Whether the address is asked once more.

        Args:
            fault: what became of the last try.
            attempt: 0 for the first try.
        """
        if isinstance(fault, NothingListens):
            kind = _CONNECT
        elif fault.status is not None and fault.status // 100 >= _CLIENT_ERRORS:
            kind = f"{fault.status // 100}xx"
        else:
            kind = _READ if fault.is_timeout else ""
        return attempt < self.retries and bool(kind) and bool({kind, _EVERYTHING} & self.policy)


@lru_cache(maxsize=256)
def overrides_of(fragment: str) -> Overrides:
    """Read an address's fragment. What is unknown or out of its bounds is passed over."""
    given = dict(pair.partition("=")[::2] for pair in fragment.split("&") if "=" in pair)
    return Overrides(
        connect=_within(given, "ct", 100, 10_000, _CONNECT_SECONDS * 1000) / 1000,
        read=_within(given, "rt", 100, 15_000, PROVIDER_SECONDS * 1000) / 1000,
        total=_within(given, "tt", 100, 15_000, PROVIDER_SECONDS * 1000) / 1000,
        retries=int(_within(given, "rc", 0, 5, 1)),
        policy=frozenset(given.get("rp", _CONNECT).lower().split(",")),
    )


def _within(given: Mapping[str, str], name: str, least: int, most: int, default: float) -> float:
    text = given.get(name, "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else -1
    return number if least <= number <= most else default
