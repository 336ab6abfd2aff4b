"""`prodtest snapshot`: every figure about the test data at this moment. It shows them and stores nothing."""

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.output import show, show_json


@click.command()
@options.db_url
@options.older_than
@options.show_sql
@options.as_json
def snapshot(db_url: str | None, older_than: float | None, show_sql: bool, as_json: bool) -> None:
    """How much test data there is, how old and how big it is, and how fast it grows."""
    from prodtest_assets.cli.access import booking_database, retention, settings_for, usage
    from prodtest_assets.testdata.runs import latest_run
    from prodtest_assets.testdata.snapshot import take_snapshot

    settings = settings_for(db_url=db_url)
    with booking_database(settings, show_sql=show_sql) as database:
        taken = take_snapshot(
            database, retention=retention(settings, older_than), usage=usage(settings, db_url, older_than)
        )
        run = latest_run(database) if as_json else None
    if as_json:
        from prodtest_assets.reports.document import snapshot_document

        show_json(snapshot_document(taken, run))
    else:
        from prodtest_assets.reports.terminal import as_text, snapshot_view

        show(as_text(snapshot_view(taken)))
