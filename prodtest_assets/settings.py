"""The only reader of the environment.

Every setting stands here once, with its default and its meaning; the table in `README.md` says the same.
"""

from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from prodtest_assets.errors import ConfigurationError

_LONGEST_RETENTION_HOURS = 24 * 366 * 10


def _setting(name: str, *aliases: str) -> AliasChoices:
    return AliasChoices(name, *aliases)


class Settings(BaseSettings):
    """What the environment and `.env` say. Secrets are `SecretStr`, so that they never print themselves."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    db_url: SecretStr | None = Field(None, validation_alias=_setting("PRODUCTION_DB_URL"))
    test_mode: bool = Field(False, validation_alias=_setting("PRODUCTION_DB_TEST_MODE"))
    allow_database: str | None = Field(None, validation_alias=_setting("PRODTEST_ALLOW_DATABASE"))
    expected_system_id: str | None = Field(None, validation_alias=_setting("PRODTEST_EXPECTED_SYSTEM_ID"))
    auto_cleanup: bool = Field(True, validation_alias=_setting("TEST_DATA_AUTO_CLEANUP"))
    retention_hours: float = Field(
        24, gt=0, le=_LONGEST_RETENTION_HOURS, validation_alias=_setting("TEST_DATA_RETENTION_HOURS")
    )
    max_delete: int = Field(10_000, ge=0, validation_alias=_setting("PRODTEST_MAX_DELETE"))
    archive_days: float = Field(7, gt=0, validation_alias=_setting("PRODTEST_ARCHIVE_DAYS"))

    test_url: str | None = Field(None, validation_alias=_setting("PRODUCTION_TEST_URL", "FUNCTION_URL"))
    voice_path: str = Field("/twilio/voice", validation_alias=_setting("PRODTEST_VOICE_PATH"))
    api_key: SecretStr | None = Field(None, validation_alias=_setting("PRODUCTION_API_KEY"))
    auth_token: SecretStr | None = Field(None, validation_alias=_setting("TWILIO_AUTH_TOKEN"))
    request_timeout: float = Field(30, gt=0, le=3600, validation_alias=_setting("PRODUCTION_TEST_TIMEOUT"))
    time_zone: str = Field("UTC", validation_alias=_setting("PRODTEST_TIME_ZONE"))
    reserved_numbers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias=_setting("PRODTEST_RESERVED_NUMBERS")
    )
    call_script: Path | None = Field(None, validation_alias=_setting("PRODTEST_CALL_SCRIPT"))
    suite: Path | None = Field(None, validation_alias=_setting("PRODTEST_SUITE"))

    calendar_enabled: bool = Field(False, validation_alias=_setting("GOOGLE_CALENDAR_ENABLED"))
    calendar_id: str | None = Field(None, validation_alias=_setting("GOOGLE_CALENDAR_ID"))
    service_account_json: SecretStr | None = Field(None, validation_alias=_setting("GOOGLE_SERVICE_ACCOUNT_JSON"))
    calendar_api_url: str | None = Field(None, validation_alias=_setting("PRODTEST_CALENDAR_API_URL"))

    autostart: bool = Field(False, validation_alias=_setting("PRODTEST_AUTOSTART"))
    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field((), validation_alias=_setting("PRODTEST_ALERT_URLS"))

    @field_validator("reserved_numbers", "alert_urls", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("test_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/") if value else value

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is not an IANA time zone such as Europe/Berlin") from error
        return value

    @model_validator(mode="after")
    def _calendar_is_complete(self) -> Self:
        if self.calendar_enabled and not self.calendar_id:
            raise ValueError("GOOGLE_CALENDAR_ENABLED is set, so GOOGLE_CALENDAR_ID must be set too")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the application understands spoken times."""
        return ZoneInfo(self.time_zone)


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`.

    Args:
        overrides: field values that win over the environment (`db_url=...`), as a command's options do.

    Raises:
        ConfigurationError: a value is missing or wrong; the message names the setting, never its value.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError("; ".join(_explain(problem) for problem in error.errors())) from None


def _explain(problem: object) -> str:
    details = problem if isinstance(problem, dict) else {}
    name = str(details["loc"][0]) if details.get("loc") else ""
    message = str(details.get("msg", "is wrong")).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message
