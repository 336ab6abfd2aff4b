"""Runs the chain of schema `prodtest`, then installs the functions and the partial indexes.

The functions are installed as a whole after every upgrade: they are code, and their history is git's.
"""

import logging
from contextlib import suppress
from typing import cast

import psycopg
from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.settings import load_settings
from prodtest_assets.testdata.connection import normalize_url
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.protect import protect_again
from prodtest_assets.testdata.statements import functions, partial_indexes, reserved_number_function

log = logging.getLogger("prodtest.migrations")

_LOCK_TIMEOUT = "5s"
_STATEMENT_TIMEOUT = "30min"


def _url() -> str:
    given = context.config.attributes.get("sqlalchemy.url")
    configured = load_settings().db_url
    url = given or (configured.get_secret_value() if configured else None)
    if not url:
        raise ConfigurationError("no database: set PRODUCTION_DB_URL or give --db-url")
    return normalize_url(url).replace("postgresql://", "postgresql+psycopg://", 1)


def _reserved() -> ReservedNumbers:
    given = context.config.attributes.get("reserved")
    return given if given is not None else ReservedNumbers.with_ranges(load_settings().reserved_numbers)


def _require_the_mark(connection: Connection) -> None:
    found = connection.execute(
        text(
            "SELECT to_regclass('public.users') IS NOT NULL AND EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid ="
            " to_regclass('public.appointments') AND attname = 'is_test_data' AND NOT attisdropped)"
        )
    ).scalar()
    if not found:
        raise ConfigurationError(
            "appointments.is_test_data is missing: the application owes migration bf439ec8d57f (`prodtest migrate`)"
        )


def _create_tables_and_functions(connection: Connection, reserved: ReservedNumbers) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('prodtest.migrations'))"))
    _require_the_mark(connection)
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS prodtest"))
    context.configure(connection=connection, version_table_schema="prodtest", transaction_per_migration=False)
    context.run_migrations()
    if connection.execute(text("SELECT to_regclass('prodtest.archived_row')")).scalar():
        # Past SQLAlchemy, which would take the per cent signs in them for parameters.
        driver = cast(psycopg.Connection, connection.connection.driver_connection)
        driver.execute(reserved_number_function(reserved.pattern))
        driver.execute(functions())
        protect_again(driver)


def _create_indexes(connection: Connection) -> None:
    # Rather go without an index than let the application queue behind one that waits.
    connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
    connection.exec_driver_sql(f"SET statement_timeout = '{_STATEMENT_TIMEOUT}'")
    for name, statement in partial_indexes().items():
        try:
            _create_index(connection, name, statement)
        except DBAPIError as error:
            log.warning("index %s cannot be made here (%s); everything works without it, slower", name, error.orig)
            with suppress(DBAPIError):
                if not _is_valid(connection, name):
                    connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _create_index(connection: Connection, name: str, statement: str) -> None:
    """Make an index, or make it again when it was left half-made or knows other reserved numbers than these."""
    stamp = ""
    if "is_reserved_number" in statement:
        function = "'prodtest.is_reserved_number(text)'::regprocedure"
        stamp = str(connection.execute(text(f"SELECT md5(prosrc) FROM pg_proc WHERE oid = {function}")).scalar())
    found = connection.execute(
        text("SELECT coalesce(obj_description(to_regclass(:name), 'pg_class'), '')"), {"name": name}
    ).scalar()
    if not _is_valid(connection, name) or found != stamp:
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    connection.exec_driver_sql(statement)
    if found != stamp:
        connection.exec_driver_sql(f"COMMENT ON INDEX {name} IS '{stamp}'")


def _is_valid(connection: Connection, name: str) -> bool:
    """False also for an index that is not there."""
    asked = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
    return bool(connection.execute(asked, {"name": name}).scalar())


def run_migrations() -> None:
    """Bring schema `prodtest` to the revision asked for."""
    if context.is_offline_mode():
        raise ConfigurationError("the prodtest chain needs a database: run it without --sql")
    engine = create_engine(_url(), poolclass=NullPool)
    with engine.begin() as connection:
        _create_tables_and_functions(connection, _reserved())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.execute(text("SELECT to_regclass('prodtest.archived_row')")).scalar():
            _create_indexes(connection)


run_migrations()
