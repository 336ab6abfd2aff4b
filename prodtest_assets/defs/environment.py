"""What the definitions read from the environment while they load. They must load with none at all."""

from prodtest_assets.booking_flow import SuiteTest, suite_folder, suite_tests
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.settings import Settings, load_settings


def starts_by_itself() -> bool:
    """Whether schedules and sensors run from the start (`PRODTEST_AUTOSTART`)."""
    settings = _settings()
    return settings is not None and settings.autostart


def declared_tests() -> tuple[SuiteTest, ...]:
    """The tests of the configured suite, each of which is an asset check.

    A suite that is missing or cannot be read declares none. Everything else must still load, so that test data
    can be watched and cleaned; the run of the suite says what is wrong, and is red, since no test passed.
    """
    settings = _settings()
    try:
        return suite_tests(suite_folder(settings.suite if settings else None))
    except ConfigurationError:
        return ()


def _settings() -> Settings | None:
    """None when a setting is wrong: the run that needs it says so."""
    try:
        return load_settings()
    except ConfigurationError:
        return None
