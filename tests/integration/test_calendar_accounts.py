"""Who may open the calendar, and what is said to those who may not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.google_calendar import open_calendar
from tests.scripted_api import Answering, scripted_api


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Starts an API that answers as a test wants it."""
    with scripted_api() as start:
        yield start


def _service_account(token_uri: str) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {
        "type": "service_account",
        "client_email": "tests@project.iam.gserviceaccount.com",
        "private_key": pem,
        "token_uri": token_uri,
    }
    return json.dumps(account)


@pytest.mark.parametrize("as_file", [False, True])
def test_a_service_account_signs_in_with_its_key_or_the_path_to_it(
    answering: Answering, tmp_path: Path, as_file: bool
) -> None:
    token = json.dumps({"access_token": "ya29.token", "expires_in": 3600, "token_type": "Bearer"})
    api = answering(lambda request: (200, token) if request.path == "/token" else (200, json.dumps({"id": "abcde"})))
    key = _service_account(f"{api.url}token")
    if as_file:
        (tmp_path / "key.json").write_text(key)

    with open_calendar(
        calendar_id="mine", service_account_json=str(tmp_path / "key.json") if as_file else key, api_url=api.url
    ) as calendar:
        assert calendar.event("abcde") is not None
    assert api.requests[-1].authorization == "Bearer ya29.token"


def test_a_service_account_that_google_refuses_is_named(answering: Answering) -> None:
    api = answering(lambda request: (400, json.dumps({"error": "invalid_grant"})))

    with (
        open_calendar(
            calendar_id="mine", service_account_json=_service_account(f"{api.url}token"), api_url=api.url
        ) as calendar,
        pytest.raises(ConfigurationError, match="GOOGLE_SERVICE_ACCOUNT_JSON"),
    ):
        calendar.event("abcde")


@pytest.mark.parametrize("key", ["{", "{}", "no/such/file.json", None])
def test_without_a_usable_key_the_setting_is_named_and_not_repeated(key: str | None) -> None:
    with pytest.raises(ConfigurationError, match="GOOGLE_SERVICE_ACCOUNT_JSON") as raised:
        open_calendar(calendar_id="mine", service_account_json=key)
    assert not key or key not in str(raised.value)


def test_without_a_calendar_id_the_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="GOOGLE_CALENDAR_ID"):
        open_calendar(calendar_id=None, api_url="http://127.0.0.1:1/")


def test_a_missing_extra_is_named_with_the_command_that_installs_it() -> None:
    program = (
        "import sys; sys.modules['googleapiclient'] = None\n"
        "from prodtest_assets.google_calendar import open_calendar\n"
        "open_calendar(calendar_id='mine', api_url='http://127.0.0.1:1/')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ConfigurationError" in ended.stderr
    assert "pip install 'prodtest-assets[calendar]'" in ended.stderr


def test_the_client_is_imported_only_when_a_calendar_is_opened() -> None:
    program = "import sys, prodtest_assets.google_calendar; print('googleapiclient' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
