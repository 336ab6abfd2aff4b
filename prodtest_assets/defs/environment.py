"""What the definitions read from the environment while they load. They must load with none at all."""

import dagster as dg

from prodtest_assets.booking_flow.discovery import SuiteTest, suite_folder, suite_tests
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.settings import Settings, load_settings

TARGET_TAG = "prodtest/target"


def starts_by_itself() -> bool:
    """Whether schedules and sensors run from the start (`PRODTEST_AUTOSTART`)."""
    settings = _settings()
    return settings is not None and settings.autostart


def target() -> str | None:
    """What this deployment is called (`PRODTEST_TARGET`); None where it is the only one that Dagster watches."""
    settings = _settings()
    return settings.target if settings else None


def asset_key(*parts: str) -> dg.AssetKey:
    """The key of an asset of ours. The target's name comes first, if it has one.

    Code locations share one event log: assets of the same key would share one history.

    Args:
        parts: of the key without the target.
    """
    name = target()
    return dg.AssetKey([*([name] if name else []), *parts])


def cleanup_pool() -> str:
    """The pool in which cleanups of this target go one at a time; its limit is the instance's default."""
    return f"{target() or 'prodtest'}_cleanup"


def target_tags() -> dict[str, str]:
    """Says on each run which target it is about."""
    name = target()
    return {TARGET_TAG: name} if name else {}


def declared_tests() -> tuple[SuiteTest, ...]:
    """The tests of the configured suite, each of which is an asset check.

    A suite that is missing declares none, nor does a file that cannot be read. Everything else must still load, so that
    test data can be watched and cleaned; the run of the suite says what is wrong, and is red, since no test passed.
    """
    settings = _settings()
    try:
        return suite_tests(suite_folder(settings.suite if settings else None), of_readable_files=True)
    except ConfigurationError:
        return ()


def _settings() -> Settings | None:
    """None when a setting is wrong: the run that needs it says so."""
    try:
        return load_settings()
    except ConfigurationError:
        return None
