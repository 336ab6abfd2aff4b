"""Whose number it is, and whether it belongs to a test."""

import re

import phonenumbers

TEST_HEADER = "X-Test-Data"
# NANP keeps 555-0100 to 555-0199 of every area code for fiction.
# https://nationalnanpa.com/number_resource_info/555_numbers.html
_FICTION = re.compile(r"\+1[2-9]\d{2}55501\d{2}")


def normalize_number(given: str) -> str | None:
    """`given` in E.164, or None when it is no telephone number.

    Args:
        given: as the provider sends it, usually E.164 already; without a country code it is read as American.
    """
    try:
        number = phonenumbers.parse(given, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_test_caller(number: str, test_header: str | None) -> bool:
    """Whether a request counts as a test: it says so, *and* its number is one reserved for fiction.

    A header alone can be sent by anyone.
    """
    return (test_header or "").strip().lower() == "true" and _FICTION.fullmatch(number) is not None
