"""The report as one HTML file: no network, no scripts, for screens of any width and for paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from prodtest_assets.reports.charts import Column, Curve, columns, curve
from prodtest_assets.reports.words import age, instant, size
from prodtest_assets.testdata.models import FUTURE_BUCKET, Snapshot
from prodtest_assets.testdata.report_models import CallFacts, ReportFacts, VolumePoint

_EARLIER_FAILED_CALLS = 10
"""Of the latest run, all are shown."""
_COMPARED_CALLS = 20


@dataclass(frozen=True, slots=True)
class _Sized:
    """A size before the last cleanup and now."""

    what: str
    before: int | None
    now: int | None


def page(facts: ReportFacts) -> str:
    """The whole page. Whatever comes from the database is escaped.

    Args:
        facts: already masked.
    """
    environment = Environment(
        loader=PackageLoader("prodtest_assets.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(instant=instant, size=size, moment=_moment, per_table=_per_table)
    compared, failed = _compared(facts.calls), _failed(facts)
    shown = sum(call.run_id == facts.runs[0].id for call in failed) + _EARLIER_FAILED_CALLS if facts.runs else 0
    return environment.get_template("report.html.j2").render(
        facts=facts,
        snapshot=facts.snapshot,
        is_red=any(check.now.count for check in facts.checks),
        ages=_ages(facts.snapshot),
        hours=_hours(facts.snapshot),
        volume=_volume(facts),
        storage=_storage(facts),
        compared=compared[:_COMPARED_CALLS],
        compared_left_out=len(compared[_COMPARED_CALLS:]),
        compared_fields=list(dict.fromkeys(field.field for call in compared for field in call.fields)),
        failed=failed[:shown],
        failed_left_out=len(failed[shown:]),
        older_left_out=facts.calls_left_out,
        took=_took,
    )


def _compared(calls: Sequence[CallFacts]) -> list[CallFacts]:
    """Calls whose row was compared with what was said, those that differ first."""
    return sorted((call for call in calls if call.fields), key=lambda call: not call.differs)


def _failed(facts: ReportFacts) -> list[CallFacts]:
    """Calls that left no appointment, or another one than was said.

    Those of the latest run come first, and among them those in which something was said.
    """
    failed = [call for call in facts.calls if call.outcome != "booked" or call.differs]
    latest = facts.runs[0].id if facts.runs else None
    return sorted(failed, key=lambda call: (call.run_id != latest, not call.transcript, call.outcome == "booked"))


def _ages(snapshot: Snapshot) -> list[Column]:
    """The bucket of the future is shown only where it is not empty."""
    shown = {bucket: count for bucket, count in snapshot.ages.items() if bucket != FUTURE_BUCKET or count}
    return columns(
        (bucket, count, "odd" if bucket == FUTURE_BUCKET else "stale" if bucket in snapshot.stale_buckets else "fresh")
        for bucket, count in shown.items()
    )


def _hours(snapshot: Snapshot) -> list[Column]:
    return columns(
        (f"in the hour from {_moment(entry.hour)} UTC", entry.count, "fresh") for entry in reversed(snapshot.trend)
    )


def _volume(facts: ReportFacts) -> Curve | None:
    if not facts.volumes:
        return None
    now = VolumePoint(facts.snapshot.taken_at, facts.snapshot.total, facts.snapshot.stale.total)
    points = [*facts.volumes, now]
    return curve(
        [point.taken_at for point in points], [point.total for point in points], [point.stale for point in points]
    )


def _storage(facts: ReportFacts) -> list[_Sized]:
    now, before = facts.snapshot.storage, facts.before.storage if facts.before else None
    names = {
        "test rows": "test_row_bytes",
        "their share of indexes": "index_share_bytes",
        "whole table": "table_bytes",
        "all its indexes": "index_bytes",
        "archive of removed rows": "archive_bytes",
    }
    return [_Sized(what, getattr(before, name, None), getattr(now, name)) for what, name in names.items()]


def _moment(moment: datetime | None) -> str:
    """To the minute: `2026-11-23 14:00`."""
    return "" if moment is None else instant(moment)[:16]


def _took(began: datetime, ended: datetime | None) -> str:
    """How long something took."""
    if ended is None:
        return "not ended"
    seconds = (ended - began).total_seconds()
    return f"{seconds:.1f} s" if seconds < 120 else age(ended - began)


def _per_table(counts: Mapping[str, int]) -> str:
    named = [
        f"{count:,} {table.removesuffix('s') if count == 1 else table}"
        for table, count in sorted(counts.items())
        if count
    ]
    return ", ".join(named) or "nothing"
