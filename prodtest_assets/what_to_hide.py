"""Nothing leaks: the secrets and the callers that are masked in every text that a test hands on."""

from collections.abc import Iterable
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.connection import Database, normalize_url


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


def caller_names(database: Database, run_ids: Iterable[UUID]) -> frozenset[str]:
    """The names of all callers of some runs, as the ledger knows them."""
    wanted = list(run_ids) if database.has_schema else []
    rows = database.rows("callers_of_runs", run_ids=wanted) if wanted else []
    return frozenset(row["caller_name"] for row in rows)


def _passwords(settings: Settings) -> set[str]:
    if not settings.db_url:
        return set()
    try:
        parts = urlsplit(normalize_url(settings.db_url.get_secret_value()))
    except (ConfigurationError, ValueError):
        return set()
    options = parse_qs(parts.query)
    found = {parts.password or "", *options.get("password", ()), *options.get("sslpassword", ())} - {""}
    return found | {unquote(password) for password in found}
