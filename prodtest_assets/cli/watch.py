"""`prodtest watch`: looks at the test data again and again, and tells when a threshold is crossed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import click

from prodtest_assets.alerts.channels import channels
from prodtest_assets.alerts.watching import DATABASE, Watch, stands
from prodtest_assets.cli import options
from prodtest_assets.cli.access import booking_database, database_url, retention, settings_for, usage
from prodtest_assets.cli.interruption import Terminated, orderly_end
from prodtest_assets.cli.output import counted, instant, say, show, show_json, wait_for_reader
from prodtest_assets.errors import CheckFailed, ProdtestError, Unreachable
from prodtest_assets.testdata.advice import MANY_ROWS, alerts_by_topic
from prodtest_assets.testdata.alert_ledger import place_of
from prodtest_assets.testdata.models import Alert, Snapshot
from prodtest_assets.testdata.snapshot import take_snapshot

_LONGEST_SECONDS = 24 * 3600


@click.command()
@options.db_url
@options.older_than
@click.option(
    "--alert-threshold",
    type=click.IntRange(0, 1_000_000_000),
    metavar="N",
    default=MANY_ROWS,
    show_default=True,
    help="More test rows than this are a warning, and more than twice as many are critical.",
)
@click.option(
    "--check-interval",
    type=click.FloatRange(1, _LONGEST_SECONDS),
    callback=options.is_a_number,
    metavar="SECONDS",
    default=300,
    show_default=True,
    help="How long to wait between two looks.",
)
@click.option("--once", is_flag=True, help="Look once, and exit with 1 when anything is at warning or above.")
@options.show_sql
@options.as_json
def watch(
    db_url: str | None,
    older_than: float | None,
    alert_threshold: int,
    check_interval: float,
    once: bool,
    show_sql: bool,
    as_json: bool,
) -> None:
    """Look again and again, and tell PRODTEST_ALERT_URLS when a level changes.

    Without --once, --json prints one document a line.
    """
    settings = settings_for(db_url=db_url)
    ways = channels(url.get_secret_value() for url in settings.alert_urls)
    target = place_of(database_url(settings), settings.target)

    def take() -> Snapshot:
        """The connection is not kept: the next look may be a day away."""
        with booking_database(settings, show_sql=show_sql) as database:
            return take_snapshot(
                database, retention=retention(settings, older_than), usage=usage(settings, db_url, older_than)
            )

    session = _Session(take, alert_threshold, Watch(target, ways))
    try:
        with orderly_end():
            if once:
                session.look_once(as_json)
            else:
                session.look_for_ever(check_interval, as_json)
    except Terminated:
        raise
    except KeyboardInterrupt:
        return


class _Session:
    def __init__(self, take: Callable[[], Snapshot], threshold: int, watch: Watch) -> None:
        self._take, self._threshold, self._watch = take, threshold, watch

    def look_once(self, as_json: bool) -> None:
        """Look, tell, and end with what stands.

        Raises:
            CheckFailed: something is at warning or above.
            ConfigurationError, Unreachable: there is nothing to look at; an outage has been told.
        """
        try:
            snapshot = self._take()
        except Unreachable as error:
            self._watch.look_failed(str(error), datetime.now(UTC))
            self._send()
            raise
        alerts = self._seen(snapshot)
        if as_json:
            show_json(_document(snapshot, alerts))
        else:
            show(_line(snapshot, alerts))
        if stands(alerts):
            raise CheckFailed("something is at warning or above: each alert says what to do")

    def look_for_ever(self, interval: float, as_json: bool) -> None:
        """Look until interrupted, or until nobody reads any more.

        What is wrong with the settings ends it at the first look; later on it is told.
        """
        is_first = True
        while True:
            try:
                snapshot = self._take()
            except ProdtestError as error:
                if is_first and not isinstance(error, Unreachable):
                    raise
                line = self._told_outage(str(error), as_json)
            else:
                alerts = self._seen(snapshot)
                line = json.dumps(_document(snapshot, alerts)) if as_json else _line(snapshot, alerts)
            is_first = False
            if not (show(line) and wait_for_reader(interval)):
                return

    def _seen(self, snapshot: Snapshot) -> Mapping[str, Alert]:
        alerts = alerts_by_topic(snapshot, many_rows=self._threshold)
        self._watch.look(alerts, snapshot.taken_at)
        self._send()
        return alerts

    def _told_outage(self, problem: str, as_json: bool) -> str:
        now = datetime.now(UTC)
        self._watch.look_failed(problem, now)
        self._send()
        document = {
            "timestamp": now.isoformat(),
            "level": "critical",
            "alerts": [{"topic": DATABASE, "message": problem}],
        }
        return json.dumps(document) if as_json else f"{instant(now)}  critical: {problem}"

    def _send(self) -> None:
        for problem in self._watch.send():
            say(f"{problem}; tried again at the next look")


def _document(snapshot: Snapshot, alerts: Mapping[str, Alert]) -> dict[str, object]:
    return {
        "database": snapshot.database,
        "timestamp": snapshot.taken_at.isoformat(),
        "level": _level(alerts),
        "total_test_appointments": snapshot.total,
        "stale_data_count": snapshot.stale.total,
        "recent_activity": snapshot.created_last_hour,
        "alerts": [{"topic": topic, **asdict(alert)} for topic, alert in alerts.items()],
    }


def _line(snapshot: Snapshot, alerts: Mapping[str, Alert]) -> str:
    figures = f"{counted(snapshot.total, 'test row')}, {snapshot.stale.total:,} stale"
    said = "; ".join(f"{alert.message} ({alert.action})" for alert in alerts.values())
    return f"{instant(snapshot.taken_at)}  {_level(alerts)}: {figures}{f': {said}' if said else ''}"


def _level(alerts: Mapping[str, Alert]) -> str:
    levels = {alert.level for alert in alerts.values()}
    return next((level for level in ("critical", "warning", "info") if level in levels), "clean")
