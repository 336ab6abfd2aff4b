"""Who test callers are."""

import random

import pytest

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.identity import (
    ReservedNumbers,
    digits,
    draw_name,
    draw_number,
    masked_name,
    masked_number,
)


def test_every_drawn_number_is_reserved():
    rng = random.Random(1)
    assert all(ReservedNumbers().covers(draw_number(rng)) for _ in range(500))


def test_every_drawn_name_is_made_of_letters_only():
    rng = random.Random(1)
    assert all(draw_name(rng).replace(" ", "").isalpha() for _ in range(500))


@pytest.mark.parametrize(
    "number", ["+12125550100", "(212) 555-0199", "1-305-555-0142", "212.555.0123", "+1 800 555 0199"]
)
def test_a_fiction_number_is_reserved_in_any_spelling(number):
    assert ReservedNumbers().covers(number)


@pytest.mark.parametrize(
    "number", ["+12125550200", "+12125550099", "+18885550123", "+15125551234", "+4915112345678", "5550123", ""]
)
def test_any_other_number_is_not_reserved(number):
    assert not ReservedNumbers().covers(number)


@pytest.mark.parametrize(
    "ends", [("447700900000", "447700900999"), ("4930123", "4930177"), ("100", "100"), ("095", "312")]
)
def test_a_teams_own_range_holds_exactly_its_numbers(ends):
    numbers = ReservedNumbers.with_ranges([f"+{ends[0]}-+{ends[1]}"])
    low, high, width = int(ends[0]), int(ends[1]), len(ends[0])
    around = range(max(low - 50, 0), min(high + 50, 10**width - 1))
    assert all(numbers.covers(f"{number:0{width}}") == (low <= number <= high) for number in around)


@pytest.mark.parametrize(
    "text", ["+44-", "abc", "+447700900999-+447700900000", "+1000-+99999", "+10000000000-+19999999999"]
)
def test_a_range_that_is_none_is_refused_by_name(text):
    with pytest.raises(ConfigurationError, match="PRODTEST_RESERVED_NUMBERS"):
        ReservedNumbers.with_ranges([text])


def test_the_british_drama_numbers_are_reserved_when_they_are_named():
    numbers = ReservedNumbers.with_ranges(["uk-drama"])
    assert numbers.covers("+44 7700 900123")
    assert numbers.covers("+44 20 7946 0999")
    assert not numbers.covers("+44 20 7946 1000")
    assert not ReservedNumbers().covers("+447700900123")


def test_the_north_american_one_does_not_count():
    assert digits("+1 (212) 555-0147") == digits("2125550147") == "2125550147"


def test_what_leaves_the_database_is_masked():
    assert masked_number("+12125550147") == "+1212*****47"
    assert masked_name("Alma Belakona") == "A*** B***"
    assert masked_number("12") == "***"
