"""`prodtest selftest`: tries to break every promise on your own server, in a database that is gone afterwards."""

from dataclasses import asdict

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.access import database_url, reserved_numbers, settings_for, write_rules
from prodtest_assets.cli.interruption import orderly_end
from prodtest_assets.cli.output import mark, show, show_json
from prodtest_assets.selftest.run import Outcome, Result, SelftestReport, run_selftest

_MARKS = {Outcome.KEPT: True, Outcome.BROKEN: False, Outcome.NOT_TESTED: None}


@click.command()
@options.db_url
@options.as_json
def selftest(db_url: str | None, as_json: bool) -> None:
    """Try to break each promise on your own server.

    It makes a scratch database beside yours, fills it with customers, tests, cascades and races, and drops it in the
    end. Your own database is not touched. The role needs CREATEDB, and CREATEROLE for the promises about roles.
    """
    settings = settings_for(db_url=db_url)
    with orderly_end():
        report = run_selftest(
            database_url(settings),
            write_rules(settings),
            reserved=reserved_numbers(settings),
            on_result=None if as_json else _show,
        )
    if as_json:
        show_json({**asdict(report), "passed": report.passed})
    else:
        _show_end(report)
    if not report.passed:
        raise click.exceptions.Exit(1)


def _show(result: Result) -> None:
    show(f"{mark(_MARKS[result.outcome])} {result.sentence}  {result.seconds:.1f} s")
    if result.detail:
        show(f"    {result.outcome}: {result.detail}")


def _show_end(report: SelftestReport) -> None:
    unchanged = report.before == report.after
    what = "are byte for byte what they were" if unchanged else "HAVE CHANGED"
    show(f"{mark(unchanged)} All {report.customer_rows} customers' rows {what} (checksum {report.after})")
    kept = sum(result.outcome is Outcome.KEPT for result in report.results)
    untested = sum(result.outcome is Outcome.NOT_TESTED for result in report.results)
    left = f", {untested} not tested" if untested else ""
    show(f"{kept} of {len(report.results)} promises kept{left}, PostgreSQL {report.version}, {report.seconds:.0f} s")
