"""`prodtest export`: the figures as a file for other programs, or as a page for people."""

from pathlib import Path

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import say, show, show_json
from prodtest_assets.errors import ConfigurationError

_STDOUT = "-"


@click.command()
@options.db_url
@options.older_than
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    default=_STDOUT,
    show_default=True,
    help="Where to; - is stdout. A file is replaced as a whole or not at all.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "prometheus", "html"]),
    default="json",
    show_default=True,
    help="The snapshot as JSON or as metrics for a textfile collector, or the whole report as one HTML file.",
)
@options.show_sql
@options.as_json
def export(db_url: str | None, older_than: float | None, output: str, form: str, show_sql: bool, as_json: bool) -> None:
    """Write the figures to a file: JSON, Prometheus metrics, or a report in HTML.

    With --json, stdout says what was written where; without a file it is the document itself.
    """
    if as_json and output == _STDOUT and form != "json":
        raise click.UsageError(f"--json leaves no room for {form} on stdout: give --output FILE")
    if output != _STDOUT and not Path(output).parent.is_dir():
        raise ConfigurationError(f"no such folder: {Path(output).parent}")
    content = _content(db_url, form, older_than, show_sql=show_sql)
    if output == _STDOUT:
        show(content.decode().rstrip("\n"))
        return
    from prodtest_assets.reports.atomic import write_atomically

    write_atomically(Path(output), content)
    if as_json:
        show_json({"output": output, "format": form, "bytes": len(content)})
    else:
        say(f"wrote {output} ({form}, {len(content):,} bytes)")


def _content(db_url: str | None, form: str, older_than: float | None, *, show_sql: bool) -> bytes:
    from prodtest_assets.cli.access import booking_database, retention, settings_for, usage
    from prodtest_assets.testdata.runs import latest_run
    from prodtest_assets.testdata.snapshot import take_snapshot

    settings = settings_for(db_url=db_url)
    age, named = retention(settings, older_than), usage(settings, db_url, older_than)
    with booking_database(settings, show_sql=show_sql) as database:
        if form == "html":
            from prodtest_assets.reports.html import page
            from prodtest_assets.testdata.report_facts import read_report_facts

            return page(read_report_facts(database, retention=age, usage=named)).encode()
        snapshot = take_snapshot(database, retention=age, usage=named)
        run = latest_run(database) if form == "json" else None
    if form == "prometheus":
        from prodtest_assets.reports.prometheus import metrics

        return metrics(snapshot)
    import json

    from prodtest_assets.reports.document import snapshot_document

    return (json.dumps(snapshot_document(snapshot, run), indent=2) + "\n").encode()
