"""The application that the settings say to phone."""

from prodtest_assets.caller import Target, load_script
from prodtest_assets.caller.script import NO_SCRIPT
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.settings import Settings


def target_of(settings: Settings) -> Target:
    """Whom the caller phones.

    Raises:
        ConfigurationError: there is no URL, or the call script is wrong.
    """
    if settings.test_url is None:
        raise ConfigurationError("no application: set PRODUCTION_TEST_URL")
    script = load_script(settings.call_script) if settings.call_script else NO_SCRIPT
    return Target(
        base_url=settings.test_url,
        voice_path=settings.voice_path,
        auth_token=settings.auth_token.get_secret_value() if settings.auth_token else None,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        timeout=settings.request_timeout,
        zone=settings.zone,
        script=script,
        other_hosts=frozenset(script.target.other_hosts),
        fallback_url=script.target.fallback_url,
        status_callback_path=script.target.status_callback_path,
        voice_method=script.target.voice_method,
    )
