"""Which country a number belongs to, as far as test callers need it."""

CANADIAN_CODES = frozenset(
    "204 226 236 249 250 289 306 343 365 403 416 418 431 437 438 450 506 514 519 579 581 587 604 613 639 647 672 "
    "705 709 778 780 782 807 819 825 867 873 902 905".split()
)
"""https://en.wikipedia.org/wiki/List_of_Canadian_area_codes"""


def country_of(number: str) -> str:
    """The two letters the provider sends as `FromCountry`; blank for a country that no test caller comes from.

    Args:
        number: E.164.
    """
    if number.startswith("+1"):
        return "CA" if number[2:5] in CANADIAN_CODES else "US"
    return "GB" if number.startswith("+44") else ""
