"""What is told, in words. Pure: nothing here knows where it goes.

The details of a finding are: `what` failed, what it `said`, a masked `sample`, the command to `do`, the `run` in which
it was found, and `also`, the checks that did not run because of it. Each may be missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prodtest_assets.testdata.alert_ledger import AlertMessage, Told

_MOST_ALERTS = 20
_MOST_LINES = 8
_LONGEST_LINE = 200
_BRIEF_ATTEMPT = 4
_HEADLINES = {"failing": "fails", "reminder": "still fails", "recovered": "has recovered"}
_HEADLINES_OF_MANY = {"failing": "fail", "reminder": "still fail", "recovered": "have recovered"}


@dataclass(frozen=True, slots=True)
class Text:
    """A message as a person reads it. `kind` is `failing`, `reminder` or `recovered`."""

    kind: str
    title: str
    body: str


def compose(message: AlertMessage, *, webserver_url: str | None = None) -> Text:
    """Put a message into words: what failed, since when, the sample, the run, the command.

    Every fourth attempt is brief: what a channel does not like may be in what a check said, or in how much it said.

    Args:
        message: of the ledger; its details are masked already.
        webserver_url: where Dagster's web UI is, for the link to the run.
    """
    shown = message.alerts[:_MOST_ALERTS]
    parts = ["\n".join(_entry(message.kind, told, webserver_url)) for told in shown]
    if message.attempts % _BRIEF_ATTEMPT == 0:
        shown, parts = message.alerts, [f"the whole message was not taken {message.attempts - 1} times; see the run"]
    if len(message.alerts) > len(shown):
        parts.append(f"and {len(message.alerts) - len(shown)} more")
    parts.append("\n".join(_footer(message, webserver_url)))
    return Text(message.kind, _title(message), "\n\n".join(parts))


def _title(message: AlertMessage) -> str:
    names = [_what(told).partition(" on ")[0] for told in message.alerts]
    if len(names) == 1:
        return f"{message.target}: {names[0]} {_HEADLINES[message.kind]}"
    first = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{message.target}: {len(names)} {_HEADLINES_OF_MANY[message.kind]}: {first}"


def shortened(body: str, limit: int) -> str:
    """A message's body in so many characters: what is too long is cut out before the last paragraph, which says where.

    Args:
        body: of a `Text`.
        limit: what a channel takes; the last paragraph stays whole even if it alone is longer.
    """
    if len(body) <= limit:
        return body
    head, _, footer = body.rpartition("\n\n")
    footer = f"\n(cut: too long for this channel)\n\n{footer}"
    return (head[: max(limit - len(footer), 0)].rpartition("\n")[0] + footer).lstrip()


def _entry(kind: str, told: Told, webserver_url: str | None) -> list[str]:
    details = told.details
    said = _indented(str(details.get("said") or ""))
    if kind == "recovered":
        return [f"{_what(told)} has recovered; it failed since {_at(told.since)}", *said]
    lines = [f"{_what(told)} {_HEADLINES[kind]} since {_at(told.since)}", *said]
    lines += _indented(str(details.get("sample") or "")) + _also(details)
    if details.get("do"):
        lines.append(f"  what to do: {details['do']}")
    if kind == "reminder" and details.get("run"):
        lines.append(f"  run: {_run(details['run'], webserver_url)}")
    return lines


def _also(details: Mapping[str, Any]) -> list[str]:
    names: Sequence[str] = details.get("also") or ()
    if not names:
        return []
    more = f" and {len(names) - _MOST_LINES} more" if len(names) > _MOST_LINES else ""
    return [f"  did not run because of it: {', '.join(names[:_MOST_LINES])}{more}"]


def _indented(text: str) -> list[str]:
    lines = [line[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]
    more = [f"  ({len(lines) - _MOST_LINES} more lines)"] if len(lines) > _MOST_LINES else []
    return [f"  {line}" for line in lines[:_MOST_LINES]] + more


def _footer(message: AlertMessage, webserver_url: str | None) -> list[str]:
    lines = [f"run: {_run(message.run_id, webserver_url)}"] if message.run_id else []
    return [*lines, f"database: {message.target}", f"message id: {message.id}"]


def _run(run_id: str, webserver_url: str | None) -> str:
    path = f"/runs/{run_id}"
    return f"{webserver_url.rstrip('/')}{path}" if webserver_url else f"{path} in Dagster's web UI"


def _what(told: Told) -> str:
    return str(told.details.get("what") or told.cause)


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
