"""`prodtest preflight`: everything a run needs, looked at before it starts. It writes nothing."""

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import mark, say, show, show_json, show_table
from prodtest_assets.cli.preflight.lines import Level, Line


@click.command()
@options.db_url
@options.allow_database
@options.as_json
def preflight(db_url: str | None, allow_database: str | None, as_json: bool) -> None:
    """Whether the database, the application and the settings are ready for a run.

    Each line passes, warns or fails, and says what to do. The exit code is the one of the first line that fails:
    2 for a setting, 3 for safety, 4 for something that does not answer, 1 for an application that answers wrongly.
    """
    from prodtest_assets.cli.preflight.checks import examine

    lines = examine(db_url=db_url, allow_database=allow_database)
    failed = [line for line in lines if line.level is Level.FAIL]
    if as_json:
        show_json({"ready": not failed, "lines": [_document(line) for line in lines]})
    else:
        print_lines(lines)
    if failed:
        say(f"not ready: {failed[0].name}: {failed[0].text}")
        raise click.exceptions.Exit(failed[0].exit_code)


def print_lines(lines: list[Line]) -> None:
    """Print a checklist, each line with its mark and, where something is to be done, what."""
    signs = {Level.PASS: True, Level.WARN: None, Level.FAIL: False}
    show_table((mark(signs[line.level]), line.name, line.text) for line in lines)
    warnings = sum(line.level is Level.WARN for line in lines)
    failures = sum(line.level is Level.FAIL for line in lines)
    show(f"{'not ready' if failures else 'ready'}: {failures} failed, {warnings} to look at, {len(lines)} in all")


def _document(line: Line) -> dict[str, object]:
    return {"name": line.name, "level": line.level.value, "message": line.message, "do": line.todo}
