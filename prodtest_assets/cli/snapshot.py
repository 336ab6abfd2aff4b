"""`prodtest snapshot`: every figure about the test data at this moment. It shows them and stores nothing."""

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import counted, instant, show, show_json, show_table
from prodtest_assets.testdata.models import Snapshot

_BAR_WIDTH = 40


@click.command()
@options.db_url
@options.older_than
@options.as_json
def snapshot(db_url: str | None, older_than: float | None, as_json: bool) -> None:
    """How much test data there is, how old and how big it is, and how fast it grows."""
    from prodtest_assets.cli.access import booking_database, retention, settings_for
    from prodtest_assets.testdata.snapshot import take_snapshot, to_json

    settings = settings_for(db_url=db_url)
    with booking_database(settings) as database:
        taken = take_snapshot(database, retention=retention(settings, older_than))
    if as_json:
        show_json(to_json(taken))
    else:
        print_snapshot(taken)


def print_snapshot(taken: Snapshot) -> None:
    """Print a snapshot for people, in at most 80 columns."""
    show(f"Test data in {taken.database} at {instant(taken.taken_at)}")
    show_table(_summary(taken))
    _bars("Age", dict(taken.ages))
    growth = {f"{entry.hours_ago} h ago": entry.count for entry in taken.trend if entry.count}
    if growth:
        _bars("Created in the last 24 hours", growth)
    for alert in taken.alerts:
        show(f"{click.style(alert.level, fg=_COLOURS.get(alert.level))}: {alert.message}; {alert.action}")


_COLOURS = {"critical": "red", "warning": "yellow", "info": "cyan"}


def _summary(taken: Snapshot) -> list[tuple[str, str]]:
    stale, residue, storage = taken.stale, taken.residue, taken.storage
    return [
        ("appointments", f"{taken.total:,} ({taken.active:,} active, {taken.cancelled:,} cancelled)"),
        ("test users", f"{taken.test_users:,} (and {taken.suspect_users:,} in doubt)"),
        ("stale", f"{stale.total:,} ({stale.eligible:,} may go, {stale.held:,} held, {stale.suspect:,} in doubt)"),
        ("orphaned users", f"{residue.orphaned:,}"),
        ("unmarked", f"{residue.unmarked:,}"),
        ("oldest", instant(taken.oldest)),
        ("newest", instant(taken.newest)),
        ("calendar", f"{counted(taken.pending_events, 'event')} of removed rows not yet seen gone"),
        ("size", f"{_bytes(storage.test_row_bytes)} of test rows, {_bytes(storage.index_share_bytes)} of indexes"),
        ("tables", f"{_bytes(storage.table_bytes)}, indexes {_bytes(storage.index_bytes)}"),
        ("archive", "none" if storage.archive_bytes is None else _bytes(storage.archive_bytes)),
    ]


def _bars(title: str, counts: dict[str, int]) -> None:
    show(title)
    most = max(counts.values(), default=0)
    # A count above zero is seen, however small it is beside the others.
    widths = {name: -(-count * _BAR_WIDTH // most) if most else 0 for name, count in counts.items()}
    show_table((name, f"{count:>7,}", "#" * widths[name]) for name, count in counts.items())


def _bytes(size: int) -> str:
    amount = float(size)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GB"
