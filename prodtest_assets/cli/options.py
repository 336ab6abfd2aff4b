"""Options that several commands share."""

import math
from collections.abc import Callable
from typing import Any

import click

_LONGEST_HOURS = 24 * 366 * 10

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def is_a_number(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """A range lets NaN pass, since it is neither too small nor too large."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a number", context, parameter)
    return value


_MOST_SHOWN = 1_000_000

HOURS = click.FloatRange(0, _LONGEST_HOURS)
ROWS = click.IntRange(0, 1_000_000_000)
BATCH = click.IntRange(1, 100_000)
ROW_ID = click.IntRange(1, 2**63 - 1)

db_url: Decorator = click.option("--db-url", metavar="URL", help="The booking database. Default: PRODUCTION_DB_URL.")
as_json: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else on stdout."
)
show_sql: Decorator = click.option(
    "--show-sql", is_flag=True, help="Print each statement on stderr before it is asked."
)
active_only: Decorator = click.option(
    "--active-only/--include-cancelled", default=False, help="Leave cancelled appointments out, or count them too."
)


def limit(default: int, what: str) -> Decorator:
    """How many of something are shown.

    Args:
        default: without the option.
        what: they, in words.
    """
    return click.option(
        "--limit",
        type=click.IntRange(0, _MOST_SHOWN),
        metavar="N",
        default=default,
        show_default=True,
        help=f"Show at most so many {what}, and how many more there are.",
    )


older_than: Decorator = click.option(
    "--older-than",
    type=HOURS,
    callback=is_a_number,
    metavar="HOURS",
    help="Test rows older than this are stale. Default: TEST_DATA_RETENTION_HOURS, or 24.",
)
max_runtime: Decorator = click.option(
    "--max-runtime",
    type=click.FloatRange(1, 7 * 24 * 3600),
    callback=is_a_number,
    metavar="SECONDS",
    default=3600,
    show_default=True,
    help="Stop after this time; what is left goes next time.",
)
allow_trigger: Decorator = click.option(
    "--allow-trigger",
    "allow_trigger",
    multiple=True,
    metavar="NAME",
    help="A trigger or rule of the application that touches no other rows; may be given several times.",
)
allow_database: Decorator = click.option(
    "--allow-database",
    metavar="NAME",
    help="Allow this database although its name does not say test. Default: PRODTEST_ALLOW_DATABASE.",
)
