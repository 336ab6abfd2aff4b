"""Where every command starts and every error ends: as one line on stderr and a documented exit code.

0 fine, 1 a check or a test failed, 2 wrong usage or configuration, 3 refused for safety, 4 the database or the
application did not answer, 130 interrupted by Ctrl-C, 143 by SIGTERM.
"""

import importlib
import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from click.shell_completion import CompletionItem, shell_complete

from prodtest_assets.cli.interruption import Terminated
from prodtest_assets.cli.output import discard_output, say
from prodtest_assets.errors import ProdtestError

USAGE_EXIT = 2
INTERRUPTED_EXIT = 130
TERMINATED_EXIT = 143
# What a shell sets when it asks for completions: https://click.palletsprojects.com/en/stable/shell-completion/
_COMPLETE = "_PRODTEST_COMPLETE"
_WHOLE_SENTENCE = 500
_PACKAGE = Path(__file__).resolve().parent.parent

# In the order of the help page. A module is imported when its command is wanted, so that none pays for another.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "prodtest_assets.cli.demo.command:demo",
        "dev": "prodtest_assets.cli.dev.command:dev",
        "migrate": "prodtest_assets.cli.migrate:migrate",
        "preflight": "prodtest_assets.cli.preflight.command:preflight",
        "health": "prodtest_assets.cli.health:health",
        "run": "prodtest_assets.cli.run:run",
        "count": "prodtest_assets.cli.count:count",
        "snapshot": "prodtest_assets.cli.snapshot:snapshot",
        "dashboard": "prodtest_assets.cli.dashboard:dashboard",
        "export": "prodtest_assets.cli.export:export",
        "watch": "prodtest_assets.cli.watch:watch",
        "list": "prodtest_assets.cli.list:list_rows",
        "verify": "prodtest_assets.cli.verify:verify",
        "summary": "prodtest_assets.cli.summary:summary",
        "cleanup": "prodtest_assets.cli.cleanup:cleanup",
        "cleanups": "prodtest_assets.cli.cleanups:cleanups",
        "undo": "prodtest_assets.cli.undo:undo",
        "hold": "prodtest_assets.cli.hold:hold",
        "protect": "prodtest_assets.cli.protect:protect",
        "caller": "prodtest_assets.cli.caller:caller",
        "selftest": "prodtest_assets.cli.selftest:selftest",
    }
)


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the one that is asked for.

    Args:
        modules: the names, in the order of the help page, and where each command stands as `module:attribute`.
        attributes: as for any group.
    """

    def __init__(self, modules: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(context_settings={"help_option_names": ["-h", "--help"]}, **attributes)
        self._modules = modules
        self.params.append(click.Option(["--debug"], is_flag=True, help="Show the traceback of an unexpected error."))
        click.version_option(package_name="prodtest-assets", prog_name="prodtest")(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help page."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None when there is none."""
        if cmd_name not in self._modules:
            return None
        module, attribute = self._modules[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As for any group; for a name that it does not know, with the nearest one that it does."""
        if args and args[0] not in self._modules and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}.{_nearest(args[0], list(self._modules))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The first sentence of each command, never cut off."""
        commands = ((name, self.get_command(ctx, name)) for name in self._modules)
        rows = [(name, command.get_short_help_str(_WHOLE_SENTENCE)) for name, command in commands if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names and options that begin so. No command is imported for it: a shell waits for the answer."""
        names = [name for name in self._modules if name.startswith(incomplete)]
        return [CompletionItem(name) for name in names] or click.Command.shell_complete(self, ctx, incomplete)


prodtest = LazyGroup(
    COMMANDS,
    name="prodtest",
    help="Book test appointments like a caller would, check what was stored, and leave no trace.",
)


def run(arguments: Sequence[str], group: click.Group = prodtest) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name.
        group: what the program offers; its name is the program's.

    Returns:
        The exit code.
    """
    _stand_on_open_streams()
    _tolerate_any_terminal()
    if instruction := os.environ.get(_COMPLETE):
        return shell_complete(prodtest, {}, "prodtest", _COMPLETE, instruction)
    debug = False
    try:
        with group.make_context(group.name, list(arguments)) as context:
            if os.environ.get("NO_COLOR"):  # https://no-color.org
                context.color = False
            debug = bool(context.params.get("debug"))
            group.invoke(context)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except BaseException as error:
        if debug and not isinstance(error, click.exceptions.Exit):
            traceback.print_exception(error)
        return _end(error)
    return 0


def _end(error: BaseException) -> int:
    """Say what went wrong in one line, and return the exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return USAGE_EXIT
        case click.ClickException():
            say(f"{error.format_message()}{_where_to_read(error)}")
            return USAGE_EXIT
        case ProdtestError():
            say(str(error))
            return error.exit_code
        case Terminated():
            say("terminated")
            return TERMINATED_EXIT
        case KeyboardInterrupt() | click.Abort():
            say("interrupted")
            return INTERRUPTED_EXIT
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case OSError():
            say(f"{error.strerror or type(error).__name__}{f': {error.filename}' if error.filename else ''}")
            discard_output()
            return USAGE_EXIT
    say(f"this is a bug: {type(error).__name__} in {_place(error)}; prodtest --debug ... shows the traceback")
    return 1


def _nearest(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches  # wanted only after a mistake

    found = get_close_matches(name, known, n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


def _where_to_read(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f" (see {context.command_path} --help)" if context else ""


def _place(error: BaseException) -> str:
    """The last line of this package that the error came through. Its message may hold secrets and is not shown."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    return f"{Path(ours[-1].filename).relative_to(_PACKAGE)}:{ours[-1].lineno}" if ours else "the command line"


def _stand_on_open_streams() -> None:
    """A stream that was closed before the start (`>&-`) leads nowhere. Else the next file would get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _tolerate_any_terminal() -> None:
    """Characters that a terminal's encoding lacks are shown as escapes rather than ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
