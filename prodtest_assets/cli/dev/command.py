"""`prodtest dev`: Dagster's web UI and daemon over a booking application, in one command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from prodtest_assets.cli import options
from prodtest_assets.cli.demo.command import SANDBOX, require_extra
from prodtest_assets.cli.dev.ending import FirstSignal, end_with_parent
from prodtest_assets.cli.output import say, show, show_json, show_table

if TYPE_CHECKING:
    from prodtest_assets.cli.dev.session import Session

_WEB = ("dagster_webserver",)


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="PORT", help="Of the web UI. Default: 3000, or any free one."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME",
    help="Let the private application misbehave, as in `prodtest demo`. Repeatable.",
)
@click.option("--fresh", is_flag=True, help="Throw away the databases of earlier sessions and start over.")
@click.option("--alerts", is_flag=True, help="Send what a private application does wrong to PRODTEST_ALERT_URLS too.")
@options.as_json
def dev(port: int | None, faults: tuple[str, ...], fresh: bool, alerts: bool, as_json: bool) -> None:
    """Show the project in Dagster's web UI, with schedules and sensors running, until Ctrl-C.

    With PRODUCTION_DB_URL and PRODUCTION_TEST_URL it works on your own deployment; without both it starts a private
    PostgreSQL and a reference booking application, reads no `.env`, and alerts nobody. Dagster's storage is in the
    private PostgreSQL either way. --json prints one document when everything is up.
    """
    require_extra((*SANDBOX, *_WEB), "prodtest dev")
    is_up = False
    with FirstSignal():
        end_with_parent()
        from prodtest_assets.cli.dev.session import dev_session

        try:
            with dev_session(port, faults, fresh=fresh, alerts=alerts) as session:
                is_up = True
                try:
                    show_json(_document(session)) if as_json else _introduce(session)
                    session.stay()
                finally:
                    say("stopping")
        except KeyboardInterrupt:
            if not is_up:
                raise


def _document(session: Session) -> dict[str, object]:
    return {
        "url": session.url,
        "application": session.world.application,
        "booking_database": session.world.database,
        "dagster_storage": session.storage,
        "password_file": str(session.password_file),
        "logs": str(session.logs),
        "pid": os.getpid(),
    }


def _introduce(session: Session) -> None:
    show()
    show_table(
        [
            ("Dagster", session.url),
            ("application", session.world.application),
            ("booking database", session.world.database),
            ("Dagster's storage", session.storage),
            ("password", f"in {session.password_file}"),
            ("logs", str(session.logs)),
        ]
    )
    show()
    show(f"Schedules and sensors run. Ctrl-C ends everything (or, from elsewhere: kill {os.getpid()}).")
