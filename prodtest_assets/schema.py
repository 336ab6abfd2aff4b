"""Creates and upgrades what stands in the database, by the two Alembic chains.

Alembic is imported only when something has to be done, so that commands which only read start quickly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.connection import Database, open_database, translated_errors
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.statements import fingerprint

if TYPE_CHECKING:
    from alembic.config import Config

MARK_REVISION = "bf439ec8d57f"
_MARK = "appointments.is_test_data"


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a migration did: `changed` says whether anything was written, `notes` what a person should know."""

    changed: bool
    notes: tuple[str, ...] = ()


def ensure_schema(url: str, reserved: ReservedNumbers) -> MigrationReport:
    """Make schema `prodtest` stand as this version needs it; quick when it does already.

    Args:
        url: the booking database, in any documented form.
        reserved: the numbers that belong to tests, which the ledger's functions must know.

    Raises:
        ConfigurationError: the application's tables or its mark are missing, the role may not create a schema, or
            another version of this project has made it.
        Unreachable: the database does not answer.
    """
    with open_database(url, reserved=reserved) as database:
        before = database.row("booking_tables")
        if lack := what_is_owed(before):
            raise ConfigurationError(": ".join(lack))
        is_broken = before["has_broken_index"] and before["may_create_schema"]
        if database.row("installed_fingerprint")["fingerprint"] == fingerprint(reserved.pattern) and not is_broken:
            return MigrationReport(changed=False)
        if database.has_schema and not before["may_create_schema"]:
            raise ConfigurationError(
                "schema prodtest is of another version, which this role may not change: let an owner of it run "
                "`prodtest migrate`"
            )
    _upgrade("prodtest", url, reserved)
    with open_database(url, reserved=reserved) as database:
        after = database.row("booking_tables")
    notes = ("indexes on the application's tables could not be made: everything works, slower",)
    return MigrationReport(changed=True, notes=() if after["has_indexes"] else notes)


def what_is_owed(tables: Mapping[str, Any]) -> tuple[str, str] | None:
    """What the application's tables lack of what is read here, and what to do about it; None when nothing.

    Args:
        tables: the row of `booking_tables`.
    """
    if not tables["has_tables"]:
        return "the tables users and appointments are missing", "run `prodtest migrate`"
    if not tables["missing_columns"]:
        return None
    lack = f"the application's tables lack {', '.join(tables['missing_columns'])}"
    if tables["missing_columns"] == [_MARK]:
        return f"{lack} (revision {MARK_REVISION})", "run `prodtest migrate`"
    return lack, "the application owes a migration that adds what is missing"


def is_current(database: Database) -> bool:
    """Whether schema `prodtest` stands in this database as this version needs it."""
    installed = database.row("installed_fingerprint")["fingerprint"] if database.has_schema else None
    return bool(installed == fingerprint(database.reserved.pattern))


def migrate_booking_tables(url: str) -> MigrationReport:
    """Bring the application's tables to `MARK_REVISION` if their history is the one known here.

    A database with tables but another history is left alone; `notes` says what the application owes.

    Raises:
        ConfigurationError: the URL is wrong, the role may not create tables, or columns are missing that only the
            application's own migration can add.
        Unreachable: the database does not answer.
    """
    with open_database(url) as database:
        tables = database.row("booking_tables")
        rows = database.rows("application_revision") if tables["has_version_table"] else []
    revision = rows[0]["revision"] if rows else None
    is_its_own = bool(tables["has_tables"]) and revision != MARK_REVISION and revision not in _known_revisions()
    if is_its_own and tables["missing_columns"] == [_MARK]:
        raise ConfigurationError(
            f"public has a history of its own and lacks {_MARK}: the application owes a migration "
            f"like {MARK_REVISION} (boolean, not null, default false, with index ix_appointments_is_test_data)"
        )
    if is_its_own or revision == MARK_REVISION:
        if lack := what_is_owed(tables):
            raise ConfigurationError(": ".join(lack))
        stands = "has a history of its own and is left alone" if is_its_own else f"stands at {revision}: nothing to do"
        return MigrationReport(changed=False, notes=(f"public {stands}",))
    _upgrade("booking", url, ReservedNumbers())
    return MigrationReport(changed=True, notes=(f"public was brought to {MARK_REVISION}",))


def _known_revisions() -> frozenset[str]:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config("booking"))
    return frozenset(revision.revision for revision in script.walk_revisions())


def _upgrade(chain: str, url: str, reserved: ReservedNumbers) -> None:
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError

    config = _config(chain)
    config.attributes.update({"sqlalchemy.url": url, "reserved": reserved})
    try:
        command.upgrade(config, "head")
    except DBAPIError as error:
        with translated_errors():
            raise error.orig or error from None
    except CommandError as error:
        raise ConfigurationError(
            f"{error}: another version made these tables; use that one, or a newer one (`prodtest demo --fresh` and "
            "`prodtest dev --fresh` start over)"
        ) from error


def _config(chain: str) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_migrations() / chain).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _migrations() -> Path:
    package = Path(__file__).parent
    shipped = package / "migrations"
    return shipped if shipped.is_dir() else package.parent / "migrations"
