"""A snapshot for a terminal of any width, in colour where the terminal has it.

rich draws it; this module is imported only by commands that draw, since rich costs more than counting does.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from prodtest_assets.reports.words import instant, size, staleness
from prodtest_assets.testdata.models import FUTURE_BUCKET, Snapshot

_WIDE = 120
_LEVEL_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_BLOCKS = "▁▂▃▄▅▆▇█"
_PLAIN_BLOCKS = "_.:-=+*#"


class Volume(Protocol):
    """How many test rows there were at one moment."""

    @property
    def total(self) -> int:
        """All of them."""
        ...


def snapshot_view(snapshot: Snapshot) -> RenderableType:
    """Every figure, for `prodtest snapshot`."""
    figures = _Beside(_facts(snapshot), _ages(snapshot))
    return Group(_title(snapshot), figures, _hours(snapshot), _advice(snapshot))


def dashboard_view(
    snapshot: Snapshot, history: Sequence[Volume] = (), *, footer: str = "", problem: str | None = None
) -> RenderableType:
    """The figures that matter at a glance, in 24 lines of 80 columns, for `prodtest dashboard`.

    Args:
        snapshot: of this moment, or the last one that could be taken.
        history: earlier numbers of test rows, the oldest first; drawn as a line.
        footer: what the keys do.
        problem: why the figures are not newer, in one line.
    """
    parts: list[RenderableType] = [_title(snapshot)]
    if problem:
        parts.append(Text(problem, style="bold red"))
    parts += [_Beside(_glance(snapshot), _ages(snapshot)), _hours(snapshot)]
    if history:
        parts.append(_volumes(history, snapshot.total))
    parts.append(_advice(snapshot))
    if footer:
        parts.append(Text(footer, style="dim"))
    return Group(*parts)


def as_text(view: RenderableType, console: Console | None = None) -> str:
    """What `view` looks like on stdout: 80 columns and no colours where that is no terminal."""
    console = console or Console(highlight=False)
    with console.capture() as captured:
        console.print(view)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def sparkline(counts: Sequence[int], *, plain: bool = False) -> str:
    """One character for each count, as high as it is beside the largest; zero is the lowest.

    Args:
        counts: none negative.
        plain: only ASCII.
    """
    blocks, most = (_PLAIN_BLOCKS if plain else _BLOCKS), max(counts, default=0)
    top = len(blocks) - 1
    # A count above zero is seen, however small it is beside the others.
    return "".join(blocks[-(-count * top // most) if most else 0] for count in counts)


def thinned(counts: Sequence[int], width: int) -> list[int]:
    """At most `width` counts: the largest of each stretch, so that no peak is lost."""
    if len(counts) <= width:
        return list(counts)
    edges = [place * len(counts) // width for place in range(width + 1)]
    return [max(counts[low:high]) for low, high in pairwise(edges)]


class _Bar:
    """A bar as long as its share of the room there is."""

    def __init__(self, share: float, style: str) -> None:
        self._share, self._style = share, style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        length = round(self._share * options.max_width)
        if self._share and not length:
            length = 1
        yield Segment(("#" if options.ascii_only else "█") * length, Style.parse(self._style))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


class _Line:
    """A sparkline in the room there is, with what it shows before and after it."""

    def __init__(self, name: str, counts: Sequence[int], note: str) -> None:
        self._name, self._counts, self._note = name, counts, note

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(options.max_width - cell_len(self._name) - cell_len(self._note) - 4, 1)
        counts = thinned(self._counts, room)
        line = sparkline(counts, plain=options.ascii_only)
        wide = "".join(block * (room // max(len(counts), 1)) for block in line)
        yield Text.assemble((self._name, "bold"), "  ", (wide, "cyan"), "  ", (self._note, "dim"), no_wrap=True)


def _title(snapshot: Snapshot) -> Text:
    return Text.assemble(
        "Test data in ", (snapshot.database, "bold"), f" at {instant(snapshot.taken_at)}  ", _verdict(snapshot)
    )


def _verdict(snapshot: Snapshot) -> Text:
    if snapshot.alerts:
        level = snapshot.alerts[0].level
        return Text(level, style=_LEVEL_STYLES[level])
    return Text("ok" if snapshot.total else "clean", style="bold green")


class _Beside:
    """Two parts side by side where there is room for both, else one below the other."""

    def __init__(self, left: RenderableType, right: RenderableType) -> None:
        self._left, self._right = left, right

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width < _WIDE:
            yield self._left
            yield self._right
            return
        both = Table.grid(expand=True, padding=(0, 4, 0, 0))
        both.add_column(ratio=1)
        both.add_column(ratio=1)
        both.add_row(self._left, self._right)
        yield both


def _facts(snapshot: Snapshot) -> RenderableType:
    residue, storage = snapshot.residue, snapshot.storage
    return _pairs(
        [
            *_main_figures(snapshot),
            ("orphaned users", f"{residue.orphaned:,}"),
            ("unmarked", f"{residue.unmarked:,}"),
            ("oldest", instant(snapshot.oldest)),
            ("newest", instant(snapshot.newest)),
            ("calendar", f"{snapshot.pending_events:,} events of removed rows not yet seen gone"),
            ("size", f"{size(storage.test_row_bytes)} of test rows, {size(storage.index_share_bytes)} of indexes"),
            ("tables", f"{size(storage.table_bytes)}, indexes {size(storage.index_bytes)}"),
            ("archive", "none" if storage.archive_bytes is None else size(storage.archive_bytes)),
        ]
    )


def _glance(snapshot: Snapshot) -> RenderableType:
    residue, storage = snapshot.residue, snapshot.storage
    left = f"{residue.orphaned:,} orphaned, {residue.unmarked:,} unmarked, {snapshot.pending_events:,} calendar events"
    taken = size(storage.test_row_bytes + storage.index_share_bytes)
    return _pairs([*_main_figures(snapshot), ("left over", left), ("size", taken)])


def _main_figures(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [
        ("appointments", f"{snapshot.total:,} ({snapshot.active:,} active, {snapshot.cancelled:,} cancelled)"),
        ("test users", f"{snapshot.test_users:,} (and {snapshot.suspect_users:,} in doubt)"),
        ("stale", staleness(snapshot.stale)),
    ]


def _pairs(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows:
        table.add_row(f"  {name}", value)
    return table


def _ages(snapshot: Snapshot) -> RenderableType:
    """Rows per bucket, as bars that fill the room. The bucket of the future is shown only where it is not empty."""
    table = Table.grid(expand=True, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1)
    most = max(snapshot.ages.values(), default=0) or 1
    for bucket, count in snapshot.ages.items():
        if bucket != FUTURE_BUCKET or count:
            table.add_row(f"  {bucket}", f"{count:,}", _Bar(count / most, _bar_style(bucket, snapshot)))
    return Group(Text("Age", style="bold"), table)


def _bar_style(bucket: str, snapshot: Snapshot) -> str:
    if bucket == FUTURE_BUCKET:
        return "magenta"
    return "yellow" if bucket in snapshot.stale_buckets else "green"


def _hours(snapshot: Snapshot) -> RenderableType:
    counts = [entry.count for entry in reversed(snapshot.trend)]
    return _Line("Created in 24 h", counts, f"{sum(counts):,} in all, {max(counts, default=0):,} at most")


def _volumes(history: Sequence[Volume], now: int) -> RenderableType:
    counts = [entry.total for entry in history]
    return _Line("Rows over time ", [*counts, now], f"{counts[0]:,} then, {now:,} now")


def _advice(snapshot: Snapshot) -> RenderableType:
    lines: list[RenderableType] = [
        Text.assemble((alert.level, _LEVEL_STYLES[alert.level]), f": {alert.message}; {alert.action}")
        for alert in snapshot.alerts
    ]
    if not lines:
        lines = [Text("Nothing needs attention.", style="green")]
    return Group(*lines)
