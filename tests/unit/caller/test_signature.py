"""The signature, cross-checked against the validator of the provider's own library."""

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from prodtest_assets.caller.signature import sign

FIELDS = {"CallSid": "CA1", "From": "+12025550123", "SpeechResult": "Zoë, at 2 PM", "Digits": "", "a": "1", "B": "2"}


@pytest.mark.parametrize(
    "url",
    [
        "https://booking.example/twilio/voice",
        "https://booking.example/twilio/voice?step=2&name=J%C3%BCrgen+M",
        "https://booking.example:443/twilio/voice",
        "https://booking.example:8443/voice/",
        "http://127.0.0.1:8000/voice",
        "http://booking.example:80/voice?empty=",
    ],
)
@pytest.mark.parametrize("fields", [FIELDS, {}], ids=["post", "get"])
def test_the_provider_s_validator_accepts_the_signature(url: str, fields: dict[str, str]) -> None:
    assert RequestValidator("the token").validate(url, fields, sign("the token", url, fields))


@pytest.mark.parametrize(
    ("url", "fields", "token"),
    [
        ("https://booking.example/other", FIELDS, "the token"),
        ("https://booking.example/voice", FIELDS | {"From": "+12025550199"}, "the token"),
        ("https://booking.example/voice", FIELDS | {"Digits": "1"}, "the token"),
        ("https://booking.example/voice", FIELDS, "another token"),
    ],
)
def test_a_signature_of_something_else_is_refused(url: str, fields: dict[str, str], token: str) -> None:
    signature = sign(token, url, fields)

    assert not RequestValidator("the token").validate("https://booking.example/voice", FIELDS, signature)
