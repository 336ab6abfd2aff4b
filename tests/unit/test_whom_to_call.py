"""Whom the settings and the call script say to phone."""

from pathlib import Path

from prodtest_assets.settings import load_settings
from prodtest_assets.whom_to_call import target_of


def test_a_call_script_says_what_the_provider_s_account_would(tmp_path: Path) -> None:
    script = tmp_path / "calls.toml"
    script.write_text(
        '[target]\nother_hosts = ["phone.example.org"]\nfallback_url = "/sorry"\n'
        'status_callback_path = "/status"\nvoice_method = "GET"\n'
    )

    target = target_of(load_settings(test_url="http://127.0.0.1:1", call_script=script))

    assert target.other_hosts == {"phone.example.org"}
    assert (target.fallback_url, target.status_callback_path, target.voice_method) == ("/sorry", "/status", "GET")
