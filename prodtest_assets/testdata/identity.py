"""Who test callers are: numbers reserved for tests, and names made of letters only.

North America reserves the line numbers 555-0100 to 555-0199 of every geographic area code for fiction; of the
toll-free codes only 800-555-0199. Source: ATIS-0300115, "NPA/NXX 555 Line Number Reference Document", and
NANPA, https://www.nanpa.com (555 line numbers).

The United Kingdom reserves ranges for drama in several areas. Source: Ofcom, "Telephone numbers for use in TV and
radio drama programmes", https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from prodtest_assets.errors import ConfigurationError

# Groups that capture nothing, since PostgreSQL matches those twice as fast.
FICTION_PATTERN = "(?!8(?:00|22|33|44|55|66|77|88))[2-9][0-8][0-9]55501[0-9]{2}|8005550199"
_WIDEST_RANGE = 100_000
# Ranges that PRODTEST_RESERVED_NUMBERS may call by name, both ends included.
NAMED_RANGES = {
    "uk-drama": (
        "+441134960000-+441134960999",  # Leeds
        "+441144960000-+441144960999",  # Sheffield
        "+441154960000-+441154960999",  # Nottingham
        "+441164960000-+441164960999",  # Leicester
        "+441174960000-+441174960999",  # Bristol
        "+441214960000-+441214960999",  # Birmingham
        "+441314960000-+441314960999",  # Edinburgh
        "+441414960000-+441414960999",  # Glasgow
        "+441514960000-+441514960999",  # Liverpool
        "+441614960000-+441614960999",  # Manchester
        "+441632960000-+441632960999",  # no area
        "+442079460000-+442079460999",  # London
        "+443069990000-+443069990999",  # the whole country
        "+447700900000-+447700900999",  # mobile
        "+448081570000-+448081570999",  # freephone
    )
}
_AREA_CODES = (
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 "
    "252 253 254 256 260 262 267 269 270 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 "
    "320 321 323 330 334 336 337 339 347 351 352 360 361 386 401 402 404 405 406 407 408 409 410 412 413 414 415 "
    "417 419 423 425 430 432 434 435 440 443 469 478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515"
).split()
_FIRST_NAMES = (
    "Alma Bruno Clara Dario Edith Felix Greta Hugo Irene Jonas Karla Leon Marta Nils Olga Paul Rosa Simon Tilda Viktor"
).split()
_SYLLABLES = (
    "ba be bo da de do fa fe ga ge ka ke ko la le lo ma me mo na ne pa pe po ra re ro sa se so ta te to va ve vo"
).split()


@dataclass(frozen=True, slots=True)
class ReservedNumbers:
    """The numbers that belong to tests.

    Attributes:
        pattern: a regular expression over a number's digits without the North American 1, understood alike
            by Python and PostgreSQL.
    """

    pattern: str = f"^(?:{FICTION_PATTERN})$"

    @classmethod
    def with_ranges(cls, ranges: Sequence[str]) -> "ReservedNumbers":
        """The fiction numbers and a team's own.

        Args:
            ranges: `LOW-HIGH` in international form, both ends included (`+447700900000-+447700900999`), one
                number, or a name of `NAMED_RANGES`.

        Raises:
            ConfigurationError: a range is not of that form, or so wide that customers may live in it.
        """
        spelled_out = [part for text in ranges for part in NAMED_RANGES.get(text.lower(), (text,))]
        return cls(f"^(?:{'|'.join([FICTION_PATTERN, *map(_range_pattern, spelled_out)])})$")

    def covers(self, number: str) -> bool:
        """Whether `number`, in any spelling, is reserved for tests."""
        return re.match(self.pattern, digits(number)) is not None


def digits(number: str) -> str:
    """The digits of a number without the North American 1, as the database compares them."""
    bare = re.sub("[^0-9]", "", number)
    if len(bare) == 11 and bare.startswith("1"):
        return bare[1:]
    return bare[3:] if len(bare) == 13 and bare.startswith("001") else bare


def draw_number(rng: random.Random) -> str:
    """A random number of the fiction range, in E.164 form (`+12125550123`)."""
    return f"+1{rng.choice(_AREA_CODES)}55501{rng.randrange(100):02d}"


def draw_name(rng: random.Random) -> str:
    """A random name that nobody bears: two words of letters only, easy to say."""
    surname = "".join(rng.choice(_SYLLABLES) for _ in range(4))
    return f"{rng.choice(_FIRST_NAMES)} {surname.capitalize()}"


def masked_number(number: str | None) -> str:
    """A number that may leave the database: `+1212*****23`; `no number` for None."""
    if number is None:
        return "no number"
    return f"{number[:5]}{'*' * max(len(number) - 7, 3)}{number[-2:]}" if len(number) > 7 else "***"


def masked_name(name: str) -> str:
    """A name that may leave the database: `A*** B***`."""
    return " ".join(f"{word[0]}***" for word in name.split())


def _range_pattern(text: str) -> str:
    low, dash, high = text.partition("-")
    first, last = digits(low), digits(high if dash else low)
    if not first or len(first) != len(last) or first > last:
        raise ConfigurationError(f"PRODTEST_RESERVED_NUMBERS: {text!r} is not LOW-HIGH with ends of the same length")
    if int(last) - int(first) >= _WIDEST_RANGE:
        raise ConfigurationError(f"PRODTEST_RESERVED_NUMBERS: {text!r} is wider than {_WIDEST_RANGE} numbers")
    return _between(first, last)


def _between(low: str, high: str) -> str:
    """A pattern for the numbers from `low` to `high`, which have the same length."""
    if low == high:
        return low
    if low[0] == high[0]:
        return low[0] + _between(low[1:], high[1:])
    rest = len(low) - 1
    if set(low) == {"0"} and set(high) == {"9"}:
        return f"[0-9]{{{rest + 1}}}"
    parts = [low[0] + _between(low[1:], "9" * rest)]
    if int(high[0]) - int(low[0]) > 1:
        parts.append(f"[{int(low[0]) + 1}-{int(high[0]) - 1}]" + (f"[0-9]{{{rest}}}" if rest else ""))
    parts.append(high[0] + _between("0" * rest, high[1:]))
    return f"(?:{'|'.join(parts)})"
