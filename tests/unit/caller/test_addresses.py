"""Where a call goes next, and what may be seen of a target."""

import httpx
import pytest

from prodtest_assets.caller import Target
from prodtest_assets.caller.wire import resolve
from prodtest_assets.errors import CallFailed, ConfigurationError

HERE = httpx.URL("https://booking.example/twilio/voice?call=7")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("", "https://booking.example/twilio/voice?call=7"),
        ("collect", "https://booking.example/twilio/collect"),
        ("voice/collect", "https://booking.example/twilio/voice/collect"),
        ("/other?x=1", "https://booking.example/other?x=1"),
        ("?step=2", "https://booking.example/twilio/voice?step=2"),
        ("../up", "https://booking.example/up"),
        ("//booking.example:8443/x", "https://booking.example:8443/x"),
        ("http://booking.example/y#rc=2", "http://booking.example/y#rc=2"),
        (" /spaced ", "https://booking.example/spaced"),
    ],
)
def test_an_action_resolves_against_the_address_that_answered(reference: str, expected: str) -> None:
    assert str(resolve(HERE, reference)) == expected


@pytest.mark.parametrize(
    "reference", ["ftp://x.example/", "javascript:alert(1)", "http://", "http://[broken/", "tel:1"]
)
def test_an_action_that_leads_nowhere_is_the_application_s_fault(reference: str) -> None:
    with pytest.raises(CallFailed, match="action or Redirect"):
        resolve(HERE, reference)


@pytest.mark.parametrize(
    ("base_url", "voice_path"),
    [("https://booking.example", "/twilio/voice"), ("https://booking.example/", "twilio/voice")],
)
def test_base_and_path_are_joined_with_one_slash(base_url: str, voice_path: str) -> None:
    assert str(Target(base_url, voice_path).voice_url) == "https://booking.example/twilio/voice"


def test_a_base_with_a_path_keeps_it() -> None:
    assert Target("https://booking.example/api/v1").voice_url.path == "/api/v1/twilio/voice"


@pytest.mark.parametrize(
    "base_url", ["booking.example", "ftp://booking.example", "http://", "http://booking.example:port"]
)
def test_a_target_that_is_no_web_address_is_a_configuration_error(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="PRODUCTION_TEST_URL"):
        _ = Target(base_url).voice_url


def test_a_target_does_not_print_its_secrets() -> None:
    target = Target("https://booking.example", auth_token="token-1", api_key="key-2")

    assert "token-1" not in repr(target)
    assert "key-2" not in repr(target)
