"""What a person sees of a demonstration while it happens, and at its end."""

from pathlib import Path

import click

from prodtest_assets.cli.demo.figures import DemoResult, Figures, verdict
from prodtest_assets.cli.demo.job import Message
from prodtest_assets.cli.demo.world import World
from prodtest_assets.cli.output import counted, mark, per_table, show

_STEPS = {
    "booking_flow_results": "A simulated caller phones and books; the tests look at what was stored",
    "test_data_snapshot": "Snapshot of the test data",
    "test_data_cleanup": "Cleanup: archive and delete what is stale, orphaned or left by this run",
    "test_data_report": "Report",
}
_REASON = 160
_TABLE_CHECKS = "Checks of the application's tables and calendar"


class DemoView:
    """Prints line by line.

    Args:
        is_quiet: print nothing, since stdout belongs to a JSON document.
    """

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._said_tables = False
        self._told_checks: set[str] = set()

    def world_is_up(self, world: World) -> None:
        """The database and the application answer."""
        self._heading(f"A private PostgreSQL and a booking application at {world.app.url} ({world.seconds:.1f} s)")

    def before(self, figures: Figures) -> None:
        """What is there before the job."""
        before = figures.before
        self._line(f"  {counted(len(figures.customers), 'row')} of customers, each fingerprinted")
        self._line(
            f"  {counted(before.total, 'test appointment')} and {counted(before.test_users, 'test user')} "
            f"of earlier runs; {before.stale.total:,} stale, {before.residue.orphaned:,} users orphaned"
        )

    def told(self, message: Message) -> None:
        """The job has told of a step or a check."""
        if message.get("state") == "started" and message["step"] in _STEPS:
            self._heading(_STEPS[message["step"]])
        elif message.get("state") == "failed" and not message["step"].endswith(tuple(self._told_checks)):
            # A blocking check fails its step as well; what it found was told already.
            self._line(f"  {mark(False)} {message['step']} failed")
        elif "check" in message:
            self._check(message)

    def after(self, result: DemoResult, log: Path, web_port: int | None) -> None:
        """The last lines: what was tested, removed and left, and that customers are as they were.

        Args:
            result: of the demonstration.
            log: where the job's own words are.
            web_port: where the web UI is about to be shown.
        """
        tests, residue = result.tests, result.after.residue
        deleted = {table: result.deleted(table) for table in ("appointments", "users")}
        self._line("")
        self._line(
            f"{mark(result.is_green)} {tests['passed']} tests passed, {tests['failed']} failed, "
            f"{tests['skipped']} skipped; {_checks(result)}"
        )
        self._line(f"  before: {_held(result.before.total, result.before.test_users)}")
        self._line(f"  cleanup: deleted {per_table(deleted)}; archived {per_table(result.archived)}")
        self._line(f"  left: {_held(result.after.total, result.after.test_users)}, none of which is due")
        self._line(
            f"  residue: {residue.total} ({residue.stale} stale, {residue.orphaned} orphaned, "
            f"{residue.unmarked} unmarked, {residue.from_this_run} of this run)"
        )
        self._line(
            f"  customers: {counted(result.customer_rows, 'row')} compared before and after, "
            f"{result.customer_rows_changed} changed"
        )
        if not result.outcome.ended_by_itself:
            self._line("  the job's process ended before it was done")
        self._line(f"  log: {log}")
        if web_port:
            self._line(f"  lineage: http://127.0.0.1:{web_port}/asset-groups, until Ctrl-C")
        else:
            self._line("  lineage in Dagster's web UI: prodtest demo --web")

    def _check(self, message: Message) -> None:
        self._told_checks.add(message["check"])
        if message["asset"].startswith("booking/") and not self._said_tables:
            self._said_tables = True
            self._heading(_TABLE_CHECKS)
        passed = verdict(message)
        reason = (
            f": {' '.join(message['description'].split())}" if passed is not True and message["description"] else ""
        )
        self._line(f"  {mark(passed)} {message['check']}{reason}")

    def _heading(self, text: str) -> None:
        self._line(click.style(text, bold=True))

    def _line(self, text: str) -> None:
        if not self._is_quiet:
            show(text)


def _held(appointments: int, users: int) -> str:
    return f"{counted(appointments, 'test appointment')}, {counted(users, 'test user')}"


def _checks(result: DemoResult) -> str:
    verdicts = [verdict(check) for check in result.outcome.checks.values()]
    return f"checks: {verdicts.count(True)} green, {verdicts.count(False)} red, {verdicts.count(None)} without a result"
