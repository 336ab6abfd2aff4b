"""Figures and offenders in the form in which Dagster shows them. Nothing is decided here."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from prodtest_assets.defs.lineage import runbook
from prodtest_assets.reports.words import size as size
from prodtest_assets.testdata.models import Offenders

NOT_MEASURED: dict[str, Any] = {"measured": False}
"""Of a result that says nothing about what it checks: alerts neither begin nor end with it."""


def none_left(
    offenders: Offenders,
    *,
    what: str,
    fix: str,
    section: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """A check that passes when there are no offenders.

    Args:
        offenders: the rows a check objects to, masked.
        what: what they are, in the plural: "stale test rows".
        fix: the command that repairs it.
        section: of the runbook.
        severity: of a failure.
    """
    metadata: dict[str, Any] = {"count": offenders.total, "truncated": offenders.is_truncated}
    if offenders.total:
        metadata |= {"sample": markdown_table(offenders.sample)} | repair(fix, section)
    return dg.AssetCheckResult(
        passed=offenders.total == 0,
        severity=severity,
        description=f"{offenders.total or 'no'} {what}",
        metadata=metadata,
    )


def repair(command: str, section: str) -> dict[str, Any]:
    """What a red check tells a person to do: the command that repairs it, and where to read on."""
    # As text, since the page of a check folds Markdown away.
    return {"repair": command, "runbook": runbook(section)}


def next_steps(*steps: str) -> dict[str, Any]:
    """What to do next, as the last entry of an asset's metadata; commands stand in backticks."""
    return {"next": dg.MetadataValue.md("\n".join(f"- {step}" for step in steps) or "Nothing: all is as it should be.")}


def not_measured(reason: str, *, is_settled: bool = False) -> dg.AssetCheckResult:
    """A check that had nothing to measure with, and says so; it passes, since nothing is known to be wrong.

    Args:
        is_settled: people have decided that there is nothing to measure; that ends an alert, anything else does not.
    """
    return dg.AssetCheckResult(
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"not measured: {reason}",
        metadata={} if is_settled else NOT_MEASURED,
    )


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> dg.MarkdownMetadataValue:
    """Rows as a Markdown table, a column for each key that occurs."""
    return dg.MetadataValue.md(table_text(rows))


def table_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The text of `markdown_table`."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if not columns:
        return "none"
    lines = [_line(columns), _line("---" for _ in columns)]
    return "\n".join([*lines, *(_line(shown(row.get(column, "")) for column in columns) for row in rows)])


def shown(value: object) -> str:
    """A value as people read it: instants to the second, with their offset."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return "" if value is None else str(value)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
