"""What commands print: answers on stdout, everything about the command itself on stderr."""

import json
import os
import select
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence

import click

from prodtest_assets.reports.words import instant as instant

_READABLE = 20


def show(text: str = "") -> bool:
    """Print one line of the answer.

    A reader that has gone (`| head`) stops the printing, not the work: the command goes on to its exit code.

    Args:
        text: may hold colours, which are left out where nobody sees them.

    Returns:
        Whether it found a reader.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        discard_output()
        return False
    return True


def show_json(document: object) -> None:
    """Print the one JSON document of a command called with `--json`.

    Args:
        document: plain JSON types, instants and ids.
    """
    show(json.dumps(document, indent=2, default=str))


def say(text: str) -> None:
    """Tell the person at the terminal something that is not the answer, in one line on stderr."""
    click.echo(f"prodtest: {' '.join(text.split())}", err=True)


def say_statement(text: str) -> None:
    """Print a statement on stderr, in a form that can be pasted into `psql`."""
    click.echo(f"{text.strip()};\n", err=True)


def wait_for_reader(seconds: float) -> bool:
    """Wait, but not longer than somebody is there who reads stdout.

    Returns:
        Whether somebody still is.
    """
    poll = select.poll()
    # Nothing is asked for: that the other end of a pipe is closed is told in any case.
    poll.register(sys.stdout, 0)
    return not poll.poll(seconds * 1000)


def discard_output() -> None:
    """Send what is still to be printed nowhere, since nobody reads it.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_table(rows: Iterable[Sequence[str]], *, indent: int = 2, gap: int = 2) -> None:
    """Print rows in columns; the last column may be of any length, and is broken into lines that fit the terminal.

    Args:
        rows: all of the same length.
        indent: spaces before each row.
        gap: spaces between columns.
    """
    cells = [list(row) for row in rows]
    if not cells:
        return
    *widths, _ = [max(len(click.unstyle(text)) for text in column) for column in zip(*cells, strict=True)]
    before = indent + sum(widths) + gap * len(widths)
    for *row, last in cells:
        padded = [text + " " * (width - len(click.unstyle(text))) for text, width in zip(row, widths, strict=True)]
        first, *more = broken(last, before)
        show(f"{' ' * indent}{(' ' * gap).join([*padded, first])}".rstrip())
        for text in more:
            show(f"{' ' * before}{text}")


def broken(text: str, indent: int) -> list[str]:
    """One line or several, as the terminal has room; a pipe has room for everything.

    Args:
        text: without colours.
        indent: how many columns stand before each line.
    """
    if not sys.stdout.isatty():
        return [text]
    room = max(shutil.get_terminal_size().columns - indent, _READABLE)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def mark(passed: bool | None) -> str:
    """A coloured mark for passed, failed, or neither (None); plain words where the terminal has no such sign."""
    sign, word, colour = {
        True: ("\u2714", "ok  ", "green"),
        False: ("\u2718", "FAIL", "red"),
        None: ("\u2013", "-   ", "yellow"),
    }[passed]
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        sign = word
    return click.style(sign, fg=colour)


def counted(number: int, thing: str) -> str:
    """`1 row`, `2 rows`, `12,000 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def per_table(counts: Mapping[str, int]) -> str:
    """Rows per table in words: `40 appointments, 45 users`; `nothing` when there are none."""
    named = [counted(count, table.removesuffix("s")) for table, count in sorted(counts.items()) if count]
    return ", ".join(named) or "nothing"


def shown_url(url: str) -> str:
    """A web address for people: without a password and without its query, which may hold a key."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"
