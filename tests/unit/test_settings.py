"""What the environment may say, and how it is told that it is wrong."""

import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.settings import Secret, Settings, documented, load_settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaint(**overrides: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def test_without_any_setting_nothing_is_reached_and_nothing_is_written(folder):
    settings = load_settings()
    assert (settings.db_url, settings.test_url, settings.test_mode) == (None, None, False)
    assert (settings.retention_hours, settings.max_delete, settings.archive_days) == (24, 10_000, 7)
    assert settings.zone.key == "UTC"


@pytest.mark.parametrize("text", ["true", "True", "1", "yes", "YES", "on", "y", "t", " true "])
def test_a_yes_is_understood_in_its_usual_spellings(monkeypatch, folder, text):
    monkeypatch.setenv("PRODUCTION_DB_TEST_MODE", text)
    assert load_settings().test_mode is True


@pytest.mark.parametrize("text", ["false", "0", "no", "Off", "n", "f"])
def test_a_no_is_understood_in_its_usual_spellings(monkeypatch, folder, text):
    monkeypatch.setenv("TEST_DATA_AUTO_CLEANUP", text)
    assert load_settings().auto_cleanup is False


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PRODUCTION_DB_TEST_MODE", "secretly"),
        ("TEST_DATA_RETENTION_HOURS", "-0.0"),
        ("TEST_DATA_RETENTION_HOURS", "-1000"),
        ("TEST_DATA_RETENTION_HOURS", "nan"),
        ("TEST_DATA_RETENTION_HOURS", "1e9"),
        ("TEST_DATA_RETENTION_HOURS", "letters"),
        ("PRODTEST_ARCHIVE_DAYS", "inf"),
        ("PRODTEST_MAX_DELETE", "-1"),
        ("PRODTEST_MAX_DELETE", "1.5"),
        ("PRODUCTION_TEST_TIMEOUT", "3601"),
        ("PRODUCTION_TEST_URL", "staging.example.com"),
        ("FUNCTION_URL", "ftp://secret.example.com"),
        ("PRODTEST_TIME_ZONE", "Mars/Olympus"),
        ("PRODTEST_TIME_ZONE", "../../etc/passwd"),
        ("PRODTEST_TIME_ZONE", "America"),
    ],
)
def test_a_wrong_value_is_named_by_its_setting_and_never_repeated(monkeypatch, folder, name, text):
    monkeypatch.setenv(name, text)
    said = complaint()
    assert said.startswith("PRODUCTION_TEST_URL" if name == "FUNCTION_URL" else name)
    assert text not in said


def test_every_wrong_value_is_named_at_once(monkeypatch, folder):
    monkeypatch.setenv("PRODTEST_MAX_DELETE", "many")
    monkeypatch.setenv("TEST_DATA_RETENTION_HOURS", "0")
    said = complaint()
    assert "PRODTEST_MAX_DELETE: must be a whole number, at least 0" in said
    assert "TEST_DATA_RETENTION_HOURS: must be a number, above 0 and at most 87,840" in said


@pytest.mark.parametrize(
    ("text", "number"), [("10", 10), (" 10 ", 10), ("10_000", 10_000), ("10.0", 10), ("99999999999", 99_999_999_999)]
)
def test_a_number_is_understood_in_its_usual_spellings(monkeypatch, folder, text, number):
    monkeypatch.setenv("PRODTEST_MAX_DELETE", text)
    assert load_settings().max_delete == number


def test_an_empty_value_is_none(monkeypatch, folder):
    monkeypatch.setenv("PRODUCTION_DB_URL", "")
    monkeypatch.setenv("TEST_DATA_RETENTION_HOURS", "")
    assert load_settings() == Settings()


def test_the_environment_wins_over_the_file_and_an_option_over_both(monkeypatch, folder):
    (folder / ".env").write_text("PRODTEST_MAX_DELETE=1\nTEST_DATA_RETENTION_HOURS=2 # hours\nUNKNOWN='x'\n")
    assert (load_settings().max_delete, load_settings().retention_hours) == (1, 2)
    monkeypatch.setenv("PRODTEST_MAX_DELETE", "3")
    monkeypatch.setenv("TEST_DATA_RETENTION_HOURS", "")
    assert (load_settings().max_delete, load_settings().retention_hours) == (3, 2)
    assert load_settings(max_delete=4, retention_hours=None).max_delete == 4


def test_a_file_that_is_no_text_is_named(folder):
    (folder / ".env").write_bytes(b"PRODUCTION_API_KEY=\xff\xfe")
    assert complaint() == ".env is not text in UTF-8"


def test_a_name_in_small_letters_is_the_same_setting(monkeypatch, folder):
    monkeypatch.setenv("prodtest_max_delete", "5")
    assert load_settings().max_delete == 5


@pytest.mark.parametrize("name", ["TEST_MODE", "DB_URL", "MAX_DELETE", "SUITE"])
def test_a_field_of_ours_is_no_name_in_the_environment(monkeypatch, folder, name):
    monkeypatch.setenv(name, "true" if name == "TEST_MODE" else "5")
    assert load_settings() == Settings()


def test_the_documented_name_of_an_address_wins_over_its_alias(monkeypatch, folder):
    monkeypatch.setenv("FUNCTION_URL", "https://function.example.com/")
    assert load_settings().test_url == "https://function.example.com"
    monkeypatch.setenv("PRODUCTION_TEST_URL", "https://staging.example.com")
    assert load_settings().test_url == "https://staging.example.com"


def test_lists_are_separated_by_commas(monkeypatch, folder):
    monkeypatch.setenv("PRODTEST_RESERVED_NUMBERS", "uk-drama, +15005550006,, ")
    monkeypatch.setenv("PRODTEST_ALERT_URLS", "json://one, json://two")
    settings = load_settings()
    assert settings.reserved_numbers == ("uk-drama", "+15005550006")
    assert [url.get_secret_value() for url in settings.alert_urls] == ["json://one", "json://two"]


def test_a_calendar_that_is_enabled_needs_its_name(folder):
    assert complaint(calendar_enabled=True).endswith("GOOGLE_CALENDAR_ID must be set too")
    assert load_settings(calendar_enabled=True, calendar_id="tests@example.com").calendar_id == "tests@example.com"


def test_an_empty_option_is_not_replaced_by_the_environment(monkeypatch, folder):
    monkeypatch.setenv("PRODUCTION_DB_URL", "postgresql://host/booking_test")
    assert load_settings(db_url="").db_url == Secret("")


def test_an_option_that_does_not_exist_is_a_mistake_of_the_program(folder):
    with pytest.raises(TypeError):
        load_settings(retention=timedelta(hours=1))


def test_a_secret_prints_itself_nowhere(monkeypatch, folder):
    monkeypatch.setenv("PRODUCTION_DB_URL", "postgresql://me:hunter2@host/db")
    monkeypatch.setenv("PRODTEST_ALERT_URLS", "mailto://me:hunter2@example.com")
    settings = load_settings()
    secret = settings.db_url
    assert "hunter2" not in f"{settings} {settings!r} {secret} {secret!r} {[secret]} {secret:}"
    assert secret.get_secret_value() == "postgresql://me:hunter2@host/db"
    for written in (secret, settings):
        with pytest.raises(TypeError, match="not written"):
            pickle.dumps(written)


def test_every_setting_is_documented_with_its_names_its_default_and_a_meaning():
    found = documented()
    names = [name for setting in found for name in setting.names]
    assert len(found) == len(Settings.__struct_fields__)
    assert len(set(names)) == len(names)
    assert all(setting.meaning and setting.default for setting in found)
    assert {setting.names: setting.default for setting in found}["PRODUCTION_TEST_URL", "FUNCTION_URL"] == "none"
