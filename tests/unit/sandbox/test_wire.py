"""The provider's signature, TwiML answers, and whose number it is."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.sandbox.callers import is_test_caller, normalize_number
from prodtest_assets.sandbox.faults import FAULTS, check_faults
from prodtest_assets.sandbox.signature import is_signed, sign
from prodtest_assets.sandbox.twiml import Answer, render

URL = "https://bookings.example/twilio/voice?a=1"


@given(fields=st.dictionaries(st.text(min_size=1), st.text()), token=st.text(min_size=1))
def test_the_signature_is_the_providers(fields: dict[str, str], token: str) -> None:
    signature = RequestValidator(token).compute_signature(URL, fields)

    assert sign(token, URL, fields.items()) == signature
    assert is_signed(token, URL, fields.items(), signature)


def test_a_changed_field_breaks_the_signature() -> None:
    signature = sign("sesame", URL, [("Digits", "1")])

    assert not is_signed("sesame", URL, [("Digits", "2")], signature)
    assert not is_signed("sesame", f"{URL}&b=2", [("Digits", "1")], signature)
    assert not is_signed("sesame", URL, [("Digits", "1")], "ä")


def test_a_question_gathers_and_asks_again_after_silence() -> None:
    document = fromstring(render(Answer("How long? <15 & 30>", keys=2), "voice/collect"))

    gather = document.find("Gather")
    assert gather is not None
    assert gather.findtext("Say") == "How long? <15 & 30>"
    assert gather.attrib["input"] == "speech dtmf"
    assert (gather.attrib["action"], gather.attrib["numDigits"]) == ("voice/collect", "2")
    assert [verb.tag for verb in document] == ["Gather", "Say", "Redirect"]
    assert document.findtext("Redirect") == "voice/collect"


def test_a_goodbye_hangs_up() -> None:
    document = fromstring(render(Answer("Goodbye.", listens=False), "collect"))

    assert [verb.tag for verb in document] == ["Say", "Hangup"]


@pytest.mark.parametrize(
    ("given_number", "number"),
    [
        ("+12025550123", "+12025550123"),
        ("(202) 555-0123", "+12025550123"),
        ("+44 7700 900123", "+447700900123"),
        ("anonymous", None),
        ("+1", None),
        ("", None),
        ("client:anna", None),
    ],
)
def test_numbers_are_kept_in_one_spelling(given_number: str, number: str | None) -> None:
    assert normalize_number(given_number) == number


@pytest.mark.parametrize(
    ("number", "header", "is_test"),
    [
        ("+12025550100", "true", True),
        ("+12025550199", " TRUE ", True),
        ("+12025550200", "true", False),
        ("+12025550123", None, False),
        ("+12025550123", "yes", False),
        ("+112025550123", "true", False),
        ("+447700900123", "true", False),
    ],
)
def test_a_test_caller_says_so_and_has_a_fiction_number(number: str, header: str | None, is_test: bool) -> None:
    assert is_test_caller(number, header) is is_test


def test_an_unknown_fault_is_named_with_those_there_are() -> None:
    assert check_faults(FAULTS) == set(FAULTS)
    with pytest.raises(ConfigurationError, match=r"'burn-down'.*forget-mark"):
        check_faults(["slow", "burn-down"])
