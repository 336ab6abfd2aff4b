"""Nothing leaks: secrets and callers are masked in every text that a test hands to Dagster."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.connection import normalize_url
from prodtest_assets.testdata.identity import masked_name, masked_number

_IN_URL = re.compile(r"://[^\s/@]+@")
_NUMBER = re.compile(r"(?<!\w)(?:\+\d{8,15}|(?:\+?1[\s.-]?)?\(?\d{3}\)?[\s.-]?\d{3}[\s.-]?\d{4})(?!\w)")
_SHORTEST_SECRET = 4


def masked(text: str, *, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> str:
    """`text` as it may be shown.

    Args:
        text: an assertion's message, a traceback.
        secrets: texts that must not appear; too short ones are left, they would hit ordinary words.
        names: callers' names, in whatever case they appear.
    """
    for secret in sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _IN_URL.sub("://***@", text)
    for name in sorted(set(names), key=len, reverse=True):
        text = _without_name(text, name)
    return _NUMBER.sub(lambda match: masked_number(re.sub(r"[^\d+]", "", match[0])), text)


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret that the settings hold, in the spellings in which an error may repeat it."""
    found = {
        secret.get_secret_value()
        for secret in (
            settings.db_url,
            settings.api_key,
            settings.auth_token,
            settings.service_account_json,
            *settings.alert_urls,
        )
        if secret
    }
    return frozenset(found | _passwords(settings))


def _passwords(settings: Settings) -> set[str]:
    if not settings.db_url:
        return set()
    try:
        password = urlsplit(normalize_url(settings.db_url.get_secret_value())).password
    except (ConfigurationError, ValueError):
        return set()
    return {password, unquote(password)} if password else set()


def _without_name(text: str, name: str) -> str:
    """The whole name wherever it stands, and then each longer word of it, since applications repeat parts."""
    text = re.sub(rf"\b{re.escape(name)}\b", masked_name(name), text, flags=re.IGNORECASE)
    for word in name.split():
        text = re.sub(rf"\b{re.escape(word)}\b", masked_name(word), text, flags=re.IGNORECASE)
    return text
