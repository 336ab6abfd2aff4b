"""What a sensor has seen already, and what has come since: in the event log, and among the runs.

A transaction that began earlier may be committed later, so what is a minute old at most is read once more. What is told
twice to the ledger counts once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import dagster as dg

from prodtest_assets.alerts.outage import Outage

_SETTLED = timedelta(minutes=1)
_PATIENCE = timedelta(minutes=15)
_LOOK_BACK = timedelta(days=1)
_EVENTS = 1_000
_NEWEST = 50
_RUNS = 200
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a sensor has come.

    Attributes:
        event: the storage id up to which all evaluations are known; None before the first tick.
        ended: the time up to which all ended runs are known; None before the first tick.
        waiting: runs that go on, and since when; what failed in one run is told in one message, at its end.
        outage: while nothing can be recorded.
        last_outage: when the one before was over, by which all daemons know the next one; None where there was none.
    """

    event: int | None = None
    ended: datetime | None = None
    waiting: Mapping[str, datetime] = field(default_factory=dict)
    outage: Outage | None = None
    last_outage: datetime | None = None

    @classmethod
    def read(cls, stored: str | None) -> "Cursor":
        """What `written` gave; a fresh one where there is none."""
        if not stored:
            return cls()
        plain = json.loads(stored)
        return cls(
            event=plain["event"],
            ended=datetime.fromisoformat(plain["ended"]) if plain["ended"] else None,
            waiting={run: datetime.fromisoformat(since) for run, since in plain["waiting"].items()},
            outage=Outage.from_json(plain["outage"]) if plain["outage"] else None,
            last_outage=datetime.fromisoformat(plain["last_outage"]) if plain.get("last_outage") else None,
        )

    def written(self) -> str:
        """As text, for Dagster to keep."""
        return json.dumps(
            {
                "event": self.event,
                "ended": self.ended.isoformat() if self.ended else None,
                "waiting": {run: since.isoformat() for run, since in self.waiting.items()},
                "outage": self.outage.to_json() if self.outage else None,
                "last_outage": self.last_outage.isoformat() if self.last_outage else None,
            }
        )


def evaluations_since(
    instance: dg.DagsterInstance, cursor: Cursor, now: datetime
) -> tuple[Sequence[dg.EventLogRecord], Cursor]:
    """Check evaluations that came after the cursor, the oldest first, and the cursor that knows them.

    Before the first tick: the newest few, and the cursor of a sensor that need not read what is older.

    Args:
        now: timezone-aware.
    """
    query = dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION, after_cursor=cursor.event)
    if cursor.event is None:
        records = list(reversed(_event_records(instance, query, limit=_NEWEST, ascending=False)))
        start = records[0].storage_id - 1 if records else 0
    else:
        records = list(_event_records(instance, query, limit=_EVENTS, ascending=True))
        start = cursor.event
    settled = [
        record.storage_id
        for record in records
        if len(records) == _EVENTS or datetime.fromtimestamp(record.timestamp, UTC) < now - _SETTLED
    ]
    return records, replace(cursor, event=max(settled, default=start))


def runs_of_last_words(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey], records: Sequence[dg.EventLogRecord]
) -> list[str]:
    """The runs in which each check was last evaluated, however long ago.

    Args:
        keys: of the checks that the definitions name.
        records: evaluations in which further ones may be, the oldest first.
    """
    last = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    runs = {key: execution.run_id for key, execution in last.items()}
    for record in records:
        event = record.event_log_entry.dagster_event
        if event:
            runs[event.asset_check_evaluation_data.asset_check_key] = record.run_id
    return list(runs.values())


def _event_records(
    instance: dg.DagsterInstance, query: dg.EventRecordsFilter, *, limit: int, ascending: bool
) -> Sequence[dg.EventLogRecord]:
    """SQLite's storage, a file for each run, asks for another kind of cursor, although it keeps these events in one."""
    # Not before a tick needs it: it brings Alembic along, which takes longer to import than everything of ours.
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        return SqlEventLogStorage.get_event_records(storage, query, limit=limit, ascending=ascending)
    return storage.get_event_records(query, limit=limit, ascending=ascending)


def runs_with_news(
    instance: dg.DagsterInstance, run_ids: Sequence[str], cursor: Cursor, now: datetime
) -> tuple[Sequence[dg.RunRecord], Cursor]:
    """The runs in which something was evaluated and that have ended, those that had to wait included.

    A run that goes on is waited for, a quarter of an hour at most, so that no hung run keeps its red checks to itself.
    """
    wanted = list(dict.fromkeys([*cursor.waiting, *run_ids]))
    if not wanted:
        return (), cursor
    ready, waiting = [], {}
    for record in instance.get_run_records(dg.RunsFilter(run_ids=wanted)):
        run_id = record.dagster_run.run_id
        since = cursor.waiting.get(run_id, now)
        if record.dagster_run.is_finished or now - since >= _PATIENCE:
            ready.append(record)
        if not record.dagster_run.is_finished:
            waiting[run_id] = since
    return sorted(ready, key=lambda record: record.update_timestamp), replace(cursor, waiting=waiting)


def runs_ended_since(
    instance: dg.DagsterInstance, cursor: Cursor, now: datetime
) -> tuple[Sequence[dg.RunRecord], Cursor]:
    """Runs that ended after the cursor, the first to end first; before the first tick those of the last day."""
    since = cursor.ended or now - _LOOK_BACK
    records = instance.get_run_records(
        dg.RunsFilter(statuses=_ENDED, updated_after=since), limit=_RUNS, order_by="update_timestamp", ascending=True
    )
    # By the storage's own clock, which may not be the daemon's.
    newest = records[-1].update_timestamp if records else since
    known = newest if len(records) == _RUNS else newest - _SETTLED
    return records, replace(cursor, ended=max(since, known))
