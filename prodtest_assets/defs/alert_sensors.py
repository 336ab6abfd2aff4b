"""The sensors that tell people what is red. They only translate: what is told, and once, is decided in the ledger.

Both are plain sensors with a cursor of their own: a run-status sensor goes on when it fails, and its message is lost.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import dagster as dg

from prodtest_assets.alerts.channels import Channel, channels
from prodtest_assets.alerts.delivery import Delivery, deliver
from prodtest_assets.alerts.message import compose
from prodtest_assets.alerts.outage import Outage, close, last_outage, tell
from prodtest_assets.defs.alert_cursors import (
    Cursor,
    evaluations_since,
    runs_ended_since,
    runs_of_last_words,
    runs_with_news,
)
from prodtest_assets.defs.alert_events import findings_of, only_standing, undeclared
from prodtest_assets.defs.environment import starts_by_itself
from prodtest_assets.defs.locations import is_of_this_location
from prodtest_assets.defs.resources import Writing, writable_database
from prodtest_assets.errors import ConfigurationError, ProdtestError
from prodtest_assets.settings import Settings, load_settings
from prodtest_assets.testdata.alert_ledger import Finding, place_of, record_findings, record_reminders
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.heartbeats import beat
from prodtest_assets.testdata.masking import masked
from prodtest_assets.what_to_hide import caller_names, secrets_of

_Batch = tuple[str, list[Finding]]
# Runs with something to say, the cursor that knows them, and whether only what still stands is told.
_News = tuple[Sequence[dg.RunRecord], Cursor, bool]
_Read = Callable[["_Tick", Cursor], _News]

_STATUS = dg.DefaultSensorStatus.RUNNING if starts_by_itself() else dg.DefaultSensorStatus.STOPPED
_INTERVAL_SECONDS = 30


@dg.sensor(
    minimum_interval_seconds=_INTERVAL_SECONDS,
    default_status=_STATUS,
    description="Tells people which checks are red and which have recovered, once per cause and again each day.",
)
def asset_check_alert_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Reads the check evaluations since its last tick, writes down what is new, and sends what waits."""
    return check_tick(context)


@dg.sensor(
    minimum_interval_seconds=_INTERVAL_SECONDS,
    default_status=_STATUS,
    description="Tells people which runs failed for another reason than a red check: a crash, a killed process.",
)
def run_failure_alert_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Reads the runs that ended since its last tick, writes down what is new, and sends what waits."""
    return run_tick(context)


def check_tick(context: dg.SensorEvaluationContext, now: datetime | None = None) -> dg.SensorResult:
    """One tick of `asset_check_alert_sensor`. `now` is for tests; the clocks decide by default."""
    return _tick(context, "asset_check_alert_sensor", _red_checks, now, leads=True)


def run_tick(context: dg.SensorEvaluationContext, now: datetime | None = None) -> dg.SensorResult:
    """One tick of `run_failure_alert_sensor`. `now` is for tests; the clocks decide by default."""
    return _tick(context, "run_failure_alert_sensor", _ended_runs, now, leads=False)


@dataclass(frozen=True, slots=True)
class _Tick:
    """What a tick works with. `clock` is None unless a test says what time it is."""

    context: dg.SensorEvaluationContext
    settings: Settings
    channels: Sequence[Channel]
    target: str
    clock: datetime | None
    leads: bool

    @property
    def now(self) -> datetime:
        return self.clock or datetime.now(UTC)


def _tick(
    context: dg.SensorEvaluationContext, name: str, read: _Read, clock: datetime | None, *, leads: bool
) -> dg.SensorResult:
    """Record, then send. Whatever fails leaves the cursor where it was.

    Args:
        leads: whether this sensor also reminds, and tells that the database is away; one of them is enough.
    """
    cursor = Cursor.read(context.cursor)
    try:
        settings = load_settings()
        ways = channels(url.get_secret_value() for url in settings.alert_urls)
    except ConfigurationError as error:
        return _ended(cursor, f"nothing is told until the settings are right: {error}")
    if settings.db_url is None:
        return _ended(cursor, "no database: set PRODUCTION_DB_URL, where alerts are recorded before they are sent")
    target = place_of(settings.db_url.get_secret_value(), settings.target)
    tick = _Tick(context, settings, ways, target, clock, leads)
    try:
        with writable_database(settings) as writing:
            result = _record_and_send(tick, read, writing, cursor)
            # Last, so that a sensor which fails at every tick counts as dead.
            beat(writing.database, writing.permit, name)
            return result
    except ProdtestError as error:
        outage = cursor.outage
        if leads:
            # Told from the second failing tick on: one connection that failed wakes nobody, and by then the cursor
            # holds since when, so that whoever tells it again tells it under the same id.
            begun = Outage.begun(str(error), tick.now, cursor.last_outage)
            outage = tell(outage, tick.target, ways, tick.now) if outage else begun
        return _ended(replace(cursor, outage=outage), f"nothing can be recorded, and nothing is lost: {error}")


def _record_and_send(tick: _Tick, read: _Read, writing: Writing, cursor: Cursor) -> dg.SensorResult:
    database, permit = writing.database, writing.permit
    if cursor.outage:
        close(cursor.outage, database, permit, tick.target, tick.channels, tick.now, clock=tick.clock)
        cursor = replace(cursor, outage=None)
    if tick.leads:
        cursor = replace(cursor, last_outage=last_outage(database))
    runs, cursor, only_what_stands = read(tick, cursor)
    batches = _batches(tick, database, runs, only_what_stands=only_what_stands)
    news: Counter[str] = Counter()
    for run_id, findings in batches:
        news.update(record_findings(database, permit, tick.target, findings, run_id=run_id, now=tick.clock).keys())
    if tick.leads:
        if gone := undeclared(database, tick.context.repository_def, tick.now):
            news.update(record_findings(database, permit, tick.target, gone, now=tick.clock).keys())
        news["reminder"] += min(1, record_reminders(database, permit, tick.target, now=tick.clock))
    in_words = partial(compose, webserver_url=tick.settings.webserver_url)
    delivery = deliver(database, permit, tick.channels, in_words, now=tick.clock)
    return _ended(cursor, _summary(news, delivery, tick.channels))


def _red_checks(tick: _Tick, cursor: Cursor) -> _News:
    """The runs in which something was evaluated since the last tick."""
    is_first = cursor.event is None
    records, cursor = evaluations_since(tick.context.instance, cursor, tick.now)
    run_ids = [record.run_id for record in records]
    if is_first:
        repository = tick.context.repository_def
        keys = repository.asset_graph.asset_check_keys if repository else ()
        run_ids = runs_of_last_words(tick.context.instance, keys, records)
    runs, cursor = runs_with_news(tick.context.instance, run_ids, cursor, tick.now)
    return runs, cursor, is_first


def _ended_runs(tick: _Tick, cursor: Cursor) -> _News:
    """The runs that ended since the last tick."""
    is_first = cursor.ended is None
    runs, cursor = runs_ended_since(tick.context.instance, cursor, tick.now)
    return runs, cursor, is_first


def _batches(tick: _Tick, database: Database, runs: Sequence[dg.RunRecord], *, only_what_stands: bool) -> list[_Batch]:
    """The findings of each run of this location. A sensor that is new tells what stands, not what once was."""
    ours = [run for run in runs if is_of_this_location(tick.context, run.dagster_run)]
    names = caller_names(database, (UUID(run.dagster_run.run_id) for run in ours))
    mask = partial(masked, secrets=secrets_of(tick.settings), names=names)
    batches = [(run.dagster_run.run_id, findings_of(tick.context.instance, run, mask)) for run in ours]
    if not only_what_stands:
        return batches
    standing = only_standing(finding for _, findings in batches for finding in findings)
    return [(run_id, [finding for finding in findings if finding in standing]) for run_id, findings in batches]


def _summary(news: Counter[str], delivery: Delivery, ways: Sequence[Channel]) -> str:
    """The tick in one sentence."""
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(news.items()) if count)
    sentence = f"new messages: {told}" if told else "nothing new is red"
    if not ways:
        return f"{sentence}; none is sent, since PRODTEST_ALERT_URLS is not set: they wait there for a week"
    if delivery.problems:
        return f"{sentence}; {delivery.sent} sent, the rest waits: {'; '.join(delivery.problems)}"
    return f"{sentence}; {delivery.sent} sent" if told or delivery.sent else sentence


def _ended(cursor: Cursor, sentence: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=sentence, cursor=cursor.written())
