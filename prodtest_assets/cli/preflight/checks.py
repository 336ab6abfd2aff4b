"""What `prodtest preflight` looks at, and `prodtest run` before it places a call."""

from collections.abc import Iterator, Mapping

from prodtest_assets.booking_flow.discovery import suite_folder, suite_tests
from prodtest_assets.calendar_audit import Kind, audit_calendar
from prodtest_assets.calendar_events import configured_calendar
from prodtest_assets.caller.script_file import load_script
from prodtest_assets.cli.access import booking_database, database_url, settings_for
from prodtest_assets.cli.output import counted, shown_url
from prodtest_assets.cli.preflight.database import database_lines
from prodtest_assets.cli.preflight.lines import Line, failed, failed_with, passed, warned
from prodtest_assets.errors import ProdtestError, Unreachable
from prodtest_assets.google_calendar import Calendar
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.connection import masked_url

_ERROR_STATUS = 500
_OK_STATUS = 200
_NOT_LET_IN = (401, 403)
# No calendar has it: its form is valid, and the id is ours.
_NO_SUCH_EVENT = "prodtestpreflight0"


def examine(*, db_url: str | None = None, allow_database: str | None = None, calls: bool = True) -> list[Line]:
    """Look at everything a run needs. Writes nothing, and places no call.

    Args:
        db_url: from the command line.
        allow_database: from the command line.
        calls: whether calls are going to be placed; if not, a missing URL to call is only a warning.
    """
    try:
        settings = settings_for(db_url=db_url, allow_database=allow_database)
    except ProdtestError as error:
        return [failed_with("settings", error)]
    return [
        *_database_lines(settings),
        *_setting_lines(settings),
        *_suite_lines(settings),
        *_application_lines(settings, calls=calls),
        _calendar_line(settings),
    ]


def _setting_lines(settings: Settings) -> Iterator[Line]:
    if settings.test_mode:
        yield passed("test mode", "on")
    else:
        yield failed("test mode", "off, so nothing can be written", "set PRODUCTION_DB_TEST_MODE=true", exit_code=3)
    if settings.auto_cleanup:
        yield passed("auto cleanup", "each test removes what it made")
    else:
        yield warned("auto cleanup", "TEST_DATA_AUTO_CLEANUP is off", "clean up with prodtest cleanup --no-dry-run")
    yield passed("retention", f"test rows are stale after {settings.retention_hours:g} hours")


def _suite_lines(settings: Settings) -> Iterator[Line]:
    try:
        folder = suite_folder(settings.suite)
        yield passed("suite", f"{counted(len(suite_tests(folder)), 'test')} in {folder.name}")
    except ProdtestError as error:
        yield failed_with("suite", error)
    if settings.call_script is None:
        return
    try:
        rules = load_script(settings.call_script).rules
        yield passed("call script", f"{counted(len(rules), 'answer')} in {settings.call_script.name}")
    except ProdtestError as error:
        yield failed_with("call script", error)


def _database_lines(settings: Settings) -> Iterator[Line]:
    try:
        yield passed("database URL", masked_url(database_url(settings)))
    except ProdtestError as error:
        yield failed_with("database URL", error)
        return
    try:
        with booking_database(settings) as database:
            yield passed("database", f"{database.name} answers")
            yield from database_lines(database, settings)
    except ProdtestError as error:
        yield failed_with("database", error)


def _application_lines(settings: Settings, *, calls: bool) -> Iterator[Line]:
    if settings.test_url is None:
        level = failed if calls else warned
        yield level("application", "no URL to call", "set PRODUCTION_TEST_URL")
        return
    yield application_line(settings)
    for name, value, setting in (
        ("API key", settings.api_key, "PRODUCTION_API_KEY"),
        ("signature", settings.auth_token, "TWILIO_AUTH_TOKEN"),
    ):
        if value:
            yield passed(name, f"{setting} is set")
        else:
            yield warned(name, f"{setting} is not set", "set it if the application asks for it")


def application_line(settings: Settings) -> Line:
    """Whether the application answers, lets us in and says that it is healthy."""
    import httpx

    url = str(settings.test_url)
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    if not (key.isascii() and key.isprintable()):
        return failed("application", "PRODUCTION_API_KEY holds what no header can carry", "correct it")
    headers = {"X-API-Key": key} if key else {}
    try:
        # A redirection is not followed: the key is for this address alone.
        status = httpx.get(f"{url}/healthz", headers=headers, timeout=settings.request_timeout).status_code
    except (httpx.TransportError, httpx.InvalidURL) as error:
        reason = type(error).__name__
        return failed(
            "application",
            f"{shown_url(url)} does not answer ({reason})",
            "start it or correct PRODUCTION_TEST_URL",
            exit_code=Unreachable.exit_code,
        )
    if status >= _ERROR_STATUS:
        return failed("application", f"/healthz answers {status}", "look at the application's log", exit_code=1)
    if status in _NOT_LET_IN:
        return warned("application", f"it answers, but {status} to /healthz", "check PRODUCTION_API_KEY")
    if status != _OK_STATUS:
        return warned("application", f"it answers, but {status} to /healthz", "check PRODUCTION_TEST_URL")
    return passed("application", f"{shown_url(url)} is healthy")


def _calendar_line(settings: Settings) -> Line:
    if not settings.calendar_enabled:
        return passed("calendar", "GOOGLE_CALENDAR_ENABLED is off")
    try:
        with configured_calendar(settings) as opened:
            opened.event(_NO_SUCH_EVENT)
            counts = _calendar_findings(settings, opened)
    except ProdtestError as error:
        return failed_with("calendar", error)
    if not counts:
        return passed("calendar", "the calendar answers")
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return warned("calendar", f"the calendar answers; {found}", "see the check no_orphaned_calendar_events")


def _calendar_findings(settings: Settings, calendar: Calendar) -> Mapping[Kind, int]:
    """What does not fit the test rows. A database that does not answer has a line of its own."""
    try:
        with booking_database(settings) as database:
            return audit_calendar(database, calendar).counts
    except ProdtestError:
        return {}
