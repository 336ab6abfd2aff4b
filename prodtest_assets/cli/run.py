"""`prodtest run`: the booking-flow suite against the configured deployment, without Dagster."""

import sys
from typing import TYPE_CHECKING

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.access import settings_for
from prodtest_assets.cli.interruption import orderly_end
from prodtest_assets.cli.output import counted, say, show, show_json
from prodtest_assets.cli.preflight.checks import application_line, examine
from prodtest_assets.cli.preflight.command import print_lines
from prodtest_assets.cli.preflight.lines import Level, Line
from prodtest_assets.cli.run_report import document, exit_code, print_baseline, print_report
from prodtest_assets.cli.run_session import RunSession
from prodtest_assets.errors import ConfigurationError, Unreachable
from prodtest_assets.settings import Settings

if TYPE_CHECKING:
    from prodtest_assets.booking_flow.selection import Selection


@click.command()
@options.db_url
@click.option("--dry-run", is_flag=True, help="Look at everything and say what would run. Nobody is called.")
@click.option("--verbose", "-v", is_flag=True, help="Show each test as it runs.")
@click.option("-k", "expression", metavar="EXPR", help="Only the tests that match, as for pytest.")
@click.option("--skip-checks", is_flag=True, help="Do not look whether everything is ready. The safety rules stay.")
@options.allow_database
@options.as_json
def run(
    db_url: str | None,
    dry_run: bool,
    verbose: bool,
    expression: str | None,
    skip_checks: bool,
    allow_database: str | None,
    as_json: bool,
) -> None:
    """Phone the application, run the booking-flow tests, clean up, and report.

    The exit code is 1 when a test failed, none passed, or something of the run is left. An interrupted run cleans
    up after itself; Ctrl-C during that says so, and once more ends it.
    """
    settings = settings_for(db_url=db_url, allow_database=allow_database)
    if dry_run:
        lines = [] if skip_checks else examine(db_url=db_url, allow_database=allow_database, calls=False)
        _describe(settings, lines, expression, as_json=as_json)
        return
    _require_an_application(settings, asks=not skip_checks)
    arguments = ["-v" if verbose else "-q", *(["-k", expression] if expression else [])]
    # With --json, stdout belongs to the document.
    output = sys.stderr if as_json else None
    with orderly_end():
        result = RunSession(settings, arguments, output, announce=None if as_json else print_baseline).lead()
    if as_json:
        show_json(document(result))
    else:
        print_report(result)
    if result.interruption:
        raise result.interruption
    if code := exit_code(result):
        raise click.exceptions.Exit(code)


def _require_an_application(settings: Settings, *, asks: bool) -> None:
    """An application that answers wrongly is a failed test; one that does not answer is not worth a run."""
    if settings.test_url is None:
        raise ConfigurationError("no URL to call: set PRODUCTION_TEST_URL")
    if not asks:
        return
    line = application_line(settings)
    for reason in (Unreachable, ConfigurationError):
        if line.exit_code == reason.exit_code:
            raise reason(line.text)
    if line.level is not Level.PASS:
        say(line.text)


def _describe(settings: Settings, lines: list[Line], expression: str | None, *, as_json: bool) -> None:
    selection = _selection(settings, expression)
    if as_json:
        checks = [{"name": line.name, "level": line.level.value, "message": line.text} for line in lines]
        tests = {"tests": selection.node_ids, "problems": selection.problems, "expression": expression}
        show_json({"dry_run": True, "preflight": checks} | tests)
    else:
        if lines:
            print_lines(lines)
        matching = f" that -k {expression!r} selects" if expression else ""
        show(f"would run {counted(len(selection.node_ids), 'test')}{matching}{':' if selection.node_ids else ''}")
        for node_id in selection.node_ids:
            show(f"  {node_id}")
        for problem in selection.problems:
            show(f"pytest cannot load {problem}")
    _end_unless_answered(lines)


def _selection(settings: Settings, expression: str | None) -> "Selection":
    """What would run. Without an expression the suite is not loaded, only read."""
    from prodtest_assets.booking_flow.discovery import suite_folder, suite_tests
    from prodtest_assets.booking_flow.selection import Selection, select_tests

    suite = suite_folder(settings.suite)
    if expression:
        return select_tests(suite, expression)
    return Selection(tuple(test.node_id for test in suite_tests(suite)), ())


def _end_unless_answered(lines: list[Line]) -> None:
    """A dry run describes, so that what it finds is no failure; that it could not look is one."""
    for line in lines:
        if line.is_unseen or line.exit_code == Unreachable.exit_code:
            say(f"{line.name}: {line.text}")
            raise click.exceptions.Exit(line.exit_code)
