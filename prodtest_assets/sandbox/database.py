"""How the sandbox talks to its database."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from prodtest_assets.errors import ConfigurationError


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
