"""Writes docs/commands.md and docs/settings.md from the code: `make docs`. With --check it only says what is stale.

What is not documented in the code ends it with one line that names it.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from prodtest_assets.cli.entry import prodtest
from prodtest_assets.settings import SettingDoc, documented

_FOLDER = Path(__file__).parent
_NOTE = "<!-- Written by `make docs`; change the code instead. -->"
_EXIT_CODES = """\
Every command ends with one of these exit codes; errors are one line on stderr that says what to do.

| exit code | meaning |
|---|---|
| 0 | fine |
| 1 | a check or a test failed |
| 2 | wrong usage or configuration |
| 3 | refused for safety |
| 4 | the database or the application could not be reached |
| 130, 143 | interrupted by Ctrl-C, by SIGTERM; a run cleans up after itself first |"""


def commands_page(program: click.Group = prodtest) -> str:
    """Every command of a program, with what its own help says.

    Raises:
        ValueError: a command or an option has no help text.
    """
    context = click.Context(program, info_name=program.name)
    sections = [section for command in _commands(context) for section in _described(command)]
    return "\n\n".join(["# Commands", _NOTE, _EXIT_CODES, *sections]) + "\n"


def settings_page(settings: Iterable[SettingDoc] = documented()) -> str:
    """Every setting.

    Raises:
        ValueError: a setting has no meaning.
    """
    introduction = (
        "From the environment; a `.env` in the current directory is read too, and the environment wins. An empty value "
        "is\nnone. There is no default production URL of any kind."
    )
    table = ["| name | default | meaning |", "|---|---|---|", *map(setting_row, settings)]
    return "\n\n".join(["# Settings", _NOTE, introduction, "\n".join(table)]) + "\n"


def setting_row(setting: SettingDoc) -> str:
    """The row of a table that says what a setting is for.

    Raises:
        ValueError: it has no meaning.
    """
    if not setting.meaning:
        raise ValueError(f"setting {setting.names[0]} has no meaning")
    names = " or ".join(f"`{name}`" for name in setting.names)
    return f"| {names} | {setting.default} | {_cell(setting.meaning)} |"


PAGES = {"commands.md": commands_page, "settings.md": settings_page}


def main(arguments: list[str]) -> int:
    """Write the pages, or say which differ from the code; returns the exit code."""
    try:
        pages = {_FOLDER / name: page() for name, page in PAGES.items()}
    except ValueError as undocumented:
        sys.stderr.write(f"docs: {undocumented}\n")
        return 1
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"docs: {path.name} differs from the code: run make docs\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path])
    return 0


def _commands(context: click.Context) -> Iterator[click.Context]:
    """The contexts of all commands below `context`, groups before their own."""
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            below = click.Context(command, info_name=name, parent=context)
            yield below
            yield from _commands(below)


def _described(context: click.Context) -> Iterator[str]:
    command = context.command
    if not command.help:
        raise ValueError(f"command {context.command_path} has no help text")
    depth = "#" * (1 + context.command_path.count(" "))
    yield f"{depth} {context.command_path}"
    yield "\n\n".join(" ".join(paragraph.split()) for paragraph in command.help.split("\n\n"))
    yield f"```\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```"
    options = [_option(context, option) for option in command.params if isinstance(option, click.Option)]
    if options:
        yield "\n".join(["| option | meaning |", "|---|---|", *options])


def _option(context: click.Context, option: click.Option) -> str:
    record = option.get_help_record(context)
    if not option.help or record is None:
        raise ValueError(f"option {option.opts[0]} of {context.command_path} has no help text")
    spelling, meaning = record
    return f"| `{_cell(spelling)}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
