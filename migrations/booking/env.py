"""How Alembic reaches the booking application's tables.

`alembic upgrade head` finds the database in `PRODUCTION_DB_URL`; a program gives it as the attribute
`sqlalchemy.url` of Alembic's `Config`. Whatever goes wrong is one line: each error is one of ours and one of
Alembic's own, which its command line prints without a traceback.
"""

from alembic import context
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine, func, make_url, pool, select
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from prodtest_assets.errors import ConfigurationError, ProdtestError, RefusedForSafety, Unreachable
from prodtest_assets.sandbox.models import metadata
from prodtest_assets.settings import load_settings
from prodtest_assets.testdata.connection import normalize_url

_LONGEST_WAIT_FOR_LOCKS = "10s"
# The key of an advisory lock; any number will do that nobody else uses.
_ONE_AT_A_TIME = 0x5A4D_A1E3


class WrongSetupError(ConfigurationError, CommandError):
    """The booking tables cannot be migrated as things are set up."""


class RefusedError(RefusedForSafety, CommandError):
    """This migration could touch a customer's row."""


class NoAnswerError(Unreachable, CommandError):
    """The booking database did not answer."""


def database_url() -> URL:
    """Where to migrate, with the driver that is installed for it."""
    given = context.config.attributes.get("sqlalchemy.url")
    if given is None:
        secret = load_settings().db_url
        given = secret.get_secret_value() if secret else None
    if not given:
        raise WrongSetupError("PRODUCTION_DB_URL is not set, so there is no database to migrate")
    try:
        return make_url(normalize_url(str(given))).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise WrongSetupError("the database URL cannot be read") from None


def migrate() -> None:
    """Run the migrations on the database."""
    engine = create_engine(
        database_url(),
        poolclass=pool.NullPool,
        hide_parameters=True,
        # A transaction pooler hands prepared statements to the wrong session.
        connect_args={"prepare_threshold": None, "connect_timeout": 10},
    )
    try:
        connection = engine.connect()
    except OperationalError as error:
        raise NoAnswerError(f"the database does not answer: {first_line(error)}") from None
    with connection:
        migrate_on(connection)


def migrate_on(connection: Connection) -> None:
    """Run the migrations in one transaction, and explain what stops them."""
    context.configure(connection=connection, target_metadata=metadata)
    try:
        with context.begin_transaction():
            # An application at work must not queue behind our wait for its table.
            connection.execute(select(func.set_config("lock_timeout", _LONGEST_WAIT_FOR_LOCKS, True)))
            # Two migrations at once would both create the tables.
            connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
            context.run_migrations()
    except CommandError as error:
        explain_unknown_revision(connection)
        raise WrongSetupError(str(error)) from error
    except SQLAlchemyError as error:
        raise WrongSetupError(f"the booking tables cannot be migrated: {first_line(error)}") from None


def explain_unknown_revision(connection: Connection) -> None:
    """Say so when the database stands at a revision of some other chain."""
    connection.rollback()
    known = {script.revision for script in ScriptDirectory.from_config(context.config).walk_revisions()}
    unknown = sorted(set(context.get_context().get_current_heads()) - known)
    if unknown:
        raise WrongSetupError(
            f"the database stands at revision {', '.join(unknown)}, not one of this chain: the application"
            " owns its tables, and its own migrations must change them; nothing was done"
        )


def first_line(error: SQLAlchemyError) -> str:
    """What the driver said, without the statement around it."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def print_sql() -> None:
    """Write the migrations as SQL, for someone who applies them by hand."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run() -> None:
    """Do what Alembic was asked for."""
    try:
        if context.is_offline_mode():
            print_sql()
        else:
            migrate()
    except CommandError:
        raise
    except RefusedForSafety as error:
        raise RefusedError(str(error)) from None
    except ProdtestError as error:
        raise WrongSetupError(str(error)) from None


run()
