"""Test callers of the past: numbers reserved for fiction and made-up names, none of them used before."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from prodtest_assets.sandbox.ledger_tables import test_call
from prodtest_assets.sandbox.models import User

# Other area codes than test callers draw from, so that the past never takes a number away from them.
_AREA_CODES = tuple(code for code in range(618, 800) if code % 100 != 11 and code % 100 < 90)
_FIRST_NAMES = ("Anton", "Berta", "Cecil", "Doris", "Egon", "Frieda", "Gustav", "Hedda", "Ivo", "Jutta")
_SYLLABLES = (
    "bal",
    "cor",
    "den",
    "fim",
    "gor",
    "hul",
    "jas",
    "kel",
    "lim",
    "mor",
    "nix",
    "pel",
    "rud",
    "sol",
)


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody whom nobody has met.

    Attributes:
        number: reserved for fiction, in E.164.
        name: letters only.
        hour: at which they like to book, in the morning.
    """

    number: str
    name: str
    hour: int


def strangers(connection: Connection) -> Iterator[Stranger]:
    """Callers whose number and name neither a user nor the ledger knows, without end."""
    rng = random.Random()
    known = connection.execute(select(User.mobile, User.full_name)).all()
    called = connection.execute(select(test_call.c.caller_number, test_call.c.caller_name)).all()
    taken = {value for row in (*known, *called) for value in row}
    while True:
        number = f"+1{rng.choice(_AREA_CODES)}55501{rng.randrange(100):02}"
        name = f"{rng.choice(_FIRST_NAMES)} {''.join(rng.choices(_SYLLABLES, k=3)).capitalize()}"
        if number not in taken and name not in taken:
            taken |= {number, name}
            yield Stranger(number, name, rng.randint(9, 12))
