"""How the sandbox talks to its database."""

from sqlalchemy import Connection, Engine, create_engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from prodtest_assets.errors import ConfigurationError

# The key of an advisory lock; any number will do that nobody else uses.
_PREPARING = 0x5A4D_B0C5


def open_engine(url: str) -> Engine:
    """A pool of psycopg 3 connections whose moments come back in UTC.

    Args:
        url: a PostgreSQL URL in any of the usual schemes.

    Raises:
        ConfigurationError: `url` is not a URL at all.
    """
    try:
        target = make_url(url).set(drivername="postgresql+psycopg")
    except ArgumentError:
        raise ConfigurationError("the sandbox's database URL cannot be read") from None
    return create_engine(
        target,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
    )


def wait_for_turn(connection: Connection) -> None:
    """Hold others back who prepare the same database, until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_PREPARING)))
