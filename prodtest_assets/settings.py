"""The only reader of the environment.

Every setting stands here once, with its default, its bounds and its meaning; `documented()` lists them for readers.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NoReturn, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from prodtest_assets.errors import ConfigurationError

_ENV_FILE = Path(".env")
_LONGEST_RETENTION_HOURS = 24 * 366 * 10
_LONGEST_ARCHIVE_DAYS = 366 * 100
_WORDS = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "t": "true",
    "no": "false",
    "off": "false",
    "n": "false",
    "f": "false",
}


class Secret:
    """A text that never prints itself, and that no copy or pickle takes along."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


def _setting(*names: str, means: str, default: str | None = None, **bounds: Any) -> msgspec.Meta:
    """What is known of a setting.

    Args:
        names: in the environment; the first that is set wins.
        means: what stands in the documentation.
        default: in words, where the value does not say it.
        bounds: `gt`, `ge`, `le`.
    """
    return msgspec.Meta(description=means, extra={"names": names, "default": default}, **bounds)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment and `.env` say."""

    db_url: Annotated[
        Secret | None,
        _setting(
            "PRODUCTION_DB_URL",
            means="the booking database; `postgresql://`, `postgres://`, `postgresql+asyncpg://`, `+psycopg`, "
            "`+psycopg2`",
        ),
    ] = None
    test_mode: Annotated[bool, _setting("PRODUCTION_DB_TEST_MODE", means="must be true before anything is written")] = (
        False
    )
    allow_database: Annotated[
        str | None,
        _setting(
            "PRODTEST_ALLOW_DATABASE",
            means="the exact name of a database that is allowed although its name does not say test",
        ),
    ] = None
    expected_system_id: Annotated[
        str | None,
        _setting("PRODTEST_EXPECTED_SYSTEM_ID", means="when set, the PostgreSQL system identifier must match as well"),
    ] = None
    auto_cleanup: Annotated[bool, _setting("TEST_DATA_AUTO_CLEANUP", means="each test removes what it made")] = True
    retention_hours: Annotated[
        float,
        _setting("TEST_DATA_RETENTION_HOURS", means="older test rows are stale", gt=0, le=_LONGEST_RETENTION_HOURS),
    ] = 24
    max_delete: Annotated[
        int,
        _setting(
            "PRODTEST_MAX_DELETE", means="a plan that needs more rows is refused, unless `--max-delete` is given", ge=0
        ),
    ] = 10_000
    archive_days: Annotated[
        float,
        _setting(
            "PRODTEST_ARCHIVE_DAYS", means="how long deleted rows stay in the archive", gt=0, le=_LONGEST_ARCHIVE_DAYS
        ),
    ] = 7

    test_url: Annotated[
        str | None,
        _setting("PRODUCTION_TEST_URL", "FUNCTION_URL", means="base URL of the deployment under test"),
    ] = None
    voice_path: Annotated[str, _setting("PRODTEST_VOICE_PATH", means="where a call starts")] = "/twilio/voice"
    api_key: Annotated[Secret | None, _setting("PRODUCTION_API_KEY", means="sent as `X-API-Key`")] = None
    auth_token: Annotated[
        Secret | None, _setting("TWILIO_AUTH_TOKEN", means="signs the webhooks (`X-Twilio-Signature`)")
    ] = None
    request_timeout: Annotated[
        float, _setting("PRODUCTION_TEST_TIMEOUT", means="seconds for one request", gt=0, le=3600)
    ] = 30
    time_zone: Annotated[
        str,
        _setting("PRODTEST_TIME_ZONE", means="the zone in which the application understands spoken times"),
    ] = "UTC"
    reserved_numbers: Annotated[
        tuple[str, ...],
        _setting(
            "PRODTEST_RESERVED_NUMBERS",
            means="further numbers that belong to tests, comma-separated: `+447700900000-+447700900999`, "
            "or `uk-drama` for Ofcom's ranges",
            default="NANP 555-01xx",
        ),
    ] = ()
    call_script: Annotated[
        Path | None, _setting("PRODTEST_CALL_SCRIPT", means="TOML rules for the caller, for one's own application")
    ] = None
    suite: Annotated[
        Path | None,
        _setting("PRODTEST_SUITE", means="the suite that `run` and the job execute", default="`tests/production`"),
    ] = None

    calendar_enabled: Annotated[
        bool,
        _setting(
            "GOOGLE_CALENDAR_ENABLED",
            means="whether calendar events are checked and removed; they are known by `google_event_id` and by the "
            "private properties `appointment_id` and `is_test_data` that the application writes into them",
        ),
    ] = False
    calendar_id: Annotated[str | None, _setting("GOOGLE_CALENDAR_ID", means="the calendar")] = None
    service_account_json: Annotated[
        Secret | None,
        _setting("GOOGLE_SERVICE_ACCOUNT_JSON", means="the service account, as JSON or as the path of a file"),
    ] = None
    calendar_api_url: Annotated[
        str | None,
        _setting("PRODTEST_CALENDAR_API_URL", means="where Google's client finds the API", default="Google's"),
    ] = None

    target: Annotated[
        str | None,
        _setting(
            "PRODTEST_TARGET",
            means="what this deployment is called where one Dagster watches several; asset keys begin with it",
        ),
    ] = None
    autostart: Annotated[bool, _setting("PRODTEST_AUTOSTART", means="schedules and sensors run from the start")] = False
    alert_urls: Annotated[
        tuple[Secret, ...],
        _setting("PRODTEST_ALERT_URLS", means="where alerts go: Apprise URLs, comma-separated", default="none"),
    ] = ()
    webserver_url: Annotated[
        str | None,
        _setting("PRODTEST_WEBSERVER_URL", means="Dagster's web UI, so that an alert can link to its run"),
    ] = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the application understands spoken times."""
        return ZoneInfo(self.time_zone)


class SettingDoc(msgspec.Struct, frozen=True):
    """A setting as a reader needs it.

    Attributes:
        names: in the environment; the first that is set wins.
        default: in words or Markdown; `none` where there is none.
        meaning: in one sentence, without a full stop.
    """

    names: tuple[str, ...]
    default: str
    meaning: str


def documented() -> tuple[SettingDoc, ...]:
    """Every setting there is, in the order in which they are explained."""
    return tuple(
        SettingDoc(_names(field), _meta(field).extra["default"] or _in_words(field.default), _meta(field).description)
        for field in msgspec.structs.fields(Settings)
    )


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`, in which the environment wins. An empty value is none.

    Args:
        overrides: field values that win over both (`db_url=...`), as a command's options do; None gives way.

    Raises:
        ConfigurationError: a value is missing or wrong; the message names the setting, never its value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    found = _environment()
    problems = []
    for field in msgspec.structs.fields(Settings):
        value = given.get(field.name, next((found[name] for name in _names(field) if name in found), None))
        if value is None:
            continue
        try:
            given[field.name] = _converted(field, value)
        except ValueError as error:
            problems.append(f"{_names(field)[0]}: {error}")
    if problems:
        raise ConfigurationError("; ".join(problems)) from None
    settings = Settings(**given)
    if settings.calendar_enabled and not settings.calendar_id:
        raise ConfigurationError("GOOGLE_CALENDAR_ENABLED is set, so GOOGLE_CALENDAR_ID must be set too")
    return settings


def _environment() -> dict[str, str]:
    """What is set, by names in capitals: in other spellings they are understood as well."""
    return {name.upper(): value for name, value in (*_env_file().items(), *os.environ.items()) if value}


def _env_file() -> Mapping[str, str | None]:
    if not _ENV_FILE.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return dotenv_values(_ENV_FILE)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{_ENV_FILE} is not text in UTF-8") from None


def _converted(field: msgspec.structs.FieldInfo, value: object) -> object:
    """`value` as the field has it. Raises `ValueError` with what is wanted, without the value."""
    wanted = get_args(field.type)[0]
    if isinstance(value, str):
        value = _parts(value) if field.default == () else _bare(value, wanted)
    try:
        converted = msgspec.convert(value, field.type, strict=False, dec_hook=lambda kind, text: kind(text))
    except msgspec.ValidationError:
        raise ValueError(_wanted(wanted, _meta(field))) from None
    rule = _RULES.get(field.name)
    return rule(converted) if rule else converted


def _parts(text: str) -> tuple[str, ...]:
    """What commas divide. Those within a URL do not: the next part of a list of URLs begins with a scheme."""
    comma = r",(?=\s*(?:[\w+.-]+://|,|$))" if "://" in text else ","
    return tuple(part.strip(" \t\r\n,") for part in re.split(comma, text) if part.strip(" \t\r\n,"))


def _bare(text: str, wanted: object) -> str:
    """A number or a yes in the spelling that msgspec reads; anything else as it is."""
    if wanted is bool:
        return _WORDS.get(text.strip().lower(), text.strip())
    return text.strip().replace("_", "") if wanted in (int, float) else text


def _wanted(wanted: object, meta: msgspec.Meta) -> str:
    if wanted is bool:
        return "must be true or false"
    bounds = {"above": meta.gt, "at least": meta.ge, "at most": meta.le}
    limits = " and ".join(f"{word} {bound:,}" for word, bound in bounds.items() if bound is not None)
    return f"must be a {'whole number' if wanted is int else 'number'}, {limits}" if limits else "is not a text"


def _web_address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return url.rstrip("/")


def _existing_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not an IANA time zone such as Europe/Berlin") from None
    return name


def _target_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        raise ValueError("must be made of letters, digits and `_`, and begin with a letter")
    return name


_RULES: Mapping[str, Callable[[Any], object]] = MappingProxyType(
    {"target": _target_name, "test_url": _web_address, "webserver_url": _web_address, "time_zone": _existing_zone}
)


def _meta(field: msgspec.structs.FieldInfo) -> Any:
    return get_args(field.type)[1]


def _names(field: msgspec.structs.FieldInfo) -> tuple[str, ...]:
    names: tuple[str, ...] = _meta(field).extra["names"]
    return names


def _in_words(default: object) -> str:
    if default is None:
        return "none"
    return str(default).lower() if isinstance(default, bool | int | float) else f"`{default}`"
