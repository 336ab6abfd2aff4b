"""`prodtest dashboard`: the figures as they change."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.access import booking_database, retention, settings_for, usage
from prodtest_assets.cli.interruption import Terminated, orderly_end
from prodtest_assets.cli.keys import keys
from prodtest_assets.cli.output import show, show_json
from prodtest_assets.errors import ProdtestError
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.models import Snapshot
from prodtest_assets.testdata.report_facts import volume_history
from prodtest_assets.testdata.report_models import RunFacts, VolumePoint
from prodtest_assets.testdata.runs import latest_run
from prodtest_assets.testdata.snapshot import take_snapshot
from prodtest_assets.testdata.usage import Usage

if TYPE_CHECKING:
    from rich.console import RenderableType

_LONGEST_SECONDS = 24 * 3600
_LOOK_SECONDS = 0.25
_REFRESH, _QUIT, _END_OF_INPUT = "r", "q", "\x04"


@click.command()
@options.db_url
@options.older_than
@click.option(
    "--refresh-interval",
    type=click.FloatRange(1, _LONGEST_SECONDS),
    callback=options.is_a_number,
    metavar="SECONDS",
    default=30,
    show_default=True,
    help="How long a view stands before it is drawn anew.",
)
@options.show_sql
@options.as_json
def dashboard(
    db_url: str | None, older_than: float | None, refresh_interval: float, show_sql: bool, as_json: bool
) -> None:
    """Watch the test data live: r refreshes, q quits. In a pipe, and as JSON, it prints once and ends."""
    settings = settings_for(db_url=db_url)
    named = usage(settings, db_url, older_than)
    screen = _Screen(settings, retention(settings, older_than), named, refresh_interval, show_sql=show_sql)
    # What is wrong from the start is an error; what goes wrong later is shown.
    screen.look()
    if as_json:
        from prodtest_assets.reports.document import snapshot_document

        show_json(snapshot_document(screen.shown.snapshot, screen.shown.run))
        return
    if not sys.stdout.isatty():
        from prodtest_assets.reports.terminal import as_text, dashboard_view

        show(as_text(dashboard_view(screen.shown.snapshot, screen.shown.history)))
        return
    try:
        with orderly_end():
            screen.watch()
    except Terminated:
        raise
    except KeyboardInterrupt:
        return


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was seen last."""

    snapshot: Snapshot
    history: Sequence[VolumePoint]
    run: RunFacts | None


class _Screen:
    def __init__(
        self, settings: Settings, retention: timedelta, usage: Usage, interval: float, *, show_sql: bool
    ) -> None:
        self._settings, self._retention, self._usage, self._interval = settings, retention, usage, interval
        self._show_sql = show_sql
        self._problem: str | None = None
        self.shown: _Shown

    def look(self) -> None:
        """Take the figures. The connection is not kept: the next look may be hours away.

        Raises:
            ConfigurationError, Unreachable: as every command that reads.
        """
        with booking_database(self._settings, show_sql=self._show_sql) as database:
            snapshot = take_snapshot(database, retention=self._retention, usage=self._usage)
            self.shown = _Shown(snapshot, volume_history(database), latest_run(database))

    def watch(self) -> None:
        """Draw, wait for a key or for the interval, look again; until `q`."""
        from rich.live import Live

        with keys() as wait_for_key, Live(screen=True, auto_refresh=False, transient=True) as live:
            looked = time.monotonic()
            key = ""
            size = None
            while key not in (_QUIT, _END_OF_INPUT):
                if key == _REFRESH or time.monotonic() - looked >= self._interval:
                    self._look_again()
                    looked, size = time.monotonic(), None
                if live.console.size != size:
                    size = live.console.size
                    live.update(self._view(), refresh=True)
                key = wait_for_key(min(_LOOK_SECONDS, self._interval)).lower()

    def _look_again(self) -> None:
        try:
            self.look()
            self._problem = None
        except ProdtestError as error:
            self._problem = str(error)

    def _view(self) -> "RenderableType":
        from prodtest_assets.reports.terminal import dashboard_view

        footer = f"every {self._interval:g} s   r refresh   q quit"
        return dashboard_view(self.shown.snapshot, self.shown.history, footer=footer, problem=self._problem)
