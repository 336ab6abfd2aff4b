"""The marker that tells the sandbox's own database from every other.

The reference application runs, and its tables are downgraded, only where the marker stands.
"""

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Index,
    MetaData,
    String,
    Table,
    Text,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateSchema

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.sandbox.database import open_engine, wait_for_turn
from prodtest_assets.sandbox.models import Appointment, User

SCHEMA = "prodtest_sandbox"

_metadata = MetaData(schema=SCHEMA)
_moment = DateTime(timezone=True)

marker = Table("marker", _metadata, Column("created_at", _moment, nullable=False, server_default=func.now()))

calendar_event = Table(
    "calendar_event",
    _metadata,
    Column("calendar_id", Text, primary_key=True),
    Column("id", String(1024), primary_key=True),
    Column("status", String(16), nullable=False, server_default=text("'confirmed'")),
    Column("starts_at", _moment, nullable=False),
    Column("ends_at", _moment, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("created_at", _moment, nullable=False, server_default=func.clock_timestamp()),
    Column("updated_at", _moment, nullable=False, server_default=func.clock_timestamp()),
    Index("ix_calendar_event_content", "content", postgresql_using="gin"),
)


def is_sandbox(connection: Connection) -> bool:
    """Whether this database carries the sandbox's own marker."""
    if not inspect(connection).has_table(marker.name, schema=SCHEMA):
        return False
    return connection.execute(select(marker.c.created_at).limit(1)).first() is not None


def require_sandbox(connection: Connection | None, refused: str) -> None:
    """Go on only on the sandbox's own database.

    Args:
        connection: None where there is none, as when Alembic only prints SQL; that is not the sandbox.
        refused: what will not be done elsewhere, as the beginning of a sentence.

    Raises:
        RefusedForSafety: the marker is not there.
    """
    if connection is None or not is_sandbox(connection):
        raise RefusedForSafety(f"{refused} only on the sandbox's own database, and this one lacks its marker")


def mark_as_sandbox(url: str) -> None:
    """Make a database the sandbox's own, with its marker and the calendar stand-in's table.

    Does nothing where the marker stands already.

    Raises:
        RefusedForSafety: people or appointments are in there already, so it is someone's database.
    """
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            wait_for_turn(connection)
            if is_sandbox(connection):
                return
            if _holds_rows(connection):
                raise RefusedForSafety("this database holds booking rows already, so it cannot become a sandbox")
            connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
            _metadata.create_all(connection)
            connection.execute(marker.insert().values(created_at=func.now()))
    finally:
        engine.dispose()


def _holds_rows(connection: Connection) -> bool:
    return any(
        inspect(connection).has_table(model.__tablename__)
        and connection.execute(select(model.id).limit(1)).first() is not None
        for model in (User, Appointment)
    )
