"""What the checklist says about the booking database. It only reads."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prodtest_assets.cli.preflight.disk import archive_line, free_disk
from prodtest_assets.cli.preflight.lines import Line, failed, passed, warned
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.schema import MARK_REVISION, what_is_owed
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.connection import Database
from prodtest_assets.testdata.guard import reason_to_refuse_name
from prodtest_assets.testdata.statements import fingerprint

# Supported by PostgreSQL's developers: https://www.postgresql.org/support/versioning/
_OLDEST_VERSION = 14
_CLOCK_TOLERANCE = timedelta(seconds=2)


def database_lines(database: Database, settings: Settings) -> Iterator[Line]:
    """Where this is, what stands there and what this role may do.

    Raises:
        Unreachable: the connection was lost.
    """
    asked = datetime.now(UTC)
    server = database.row("server_identity")
    took = datetime.now(UTC) - asked
    yield _name(database, settings)
    yield _primary(server)
    yield _identity(server, settings)
    yield _version(server)
    yield _clock(server, asked + took / 2, took)
    tables = database.row("booking_tables")
    yield from _tables(database, tables)


def _name(database: Database, settings: Settings) -> Line:
    reason = reason_to_refuse_name(database.name, settings.allow_database)
    if reason:
        message, _, todo = reason.partition(": ")
        return failed("database name", message, todo, exit_code=3)
    return passed("database name", f"{database.name} may be written to")


def _primary(server: Mapping[str, Any]) -> Line:
    if server["is_replica"]:
        return failed("primary", "this is a read replica", "connect to its primary", exit_code=3)
    return passed("primary", "it takes writes")


def _identity(server: Mapping[str, Any], settings: Settings) -> Line:
    found, wanted = str(server["system_id"]), settings.expected_system_id
    if wanted and wanted != found:
        return failed(
            "server identity",
            f"the system identifier is {found}, PRODTEST_EXPECTED_SYSTEM_ID says otherwise",
            "check which server PRODUCTION_DB_URL leads to",
            exit_code=3,
        )
    return passed("server identity", f"{found}{' as expected' if wanted else ''}")


def _version(server: Mapping[str, Any]) -> Line:
    if server["version_number"] < _OLDEST_VERSION * 10_000:
        return warned("server version", f"PostgreSQL {server['version']} is not maintained any more", "upgrade it")
    return passed("server version", f"PostgreSQL {server['version']}")


def _clock(server: Mapping[str, Any], here: datetime, took: timedelta) -> Line:
    difference = server["clock"] - here
    if abs(difference) > _CLOCK_TOLERANCE + took:
        message = f"the server's clock differs by {difference.total_seconds():+.0f} s"
        return warned("clock", message, "set both clocks by NTP; ages count by the server's")
    milliseconds = abs(difference) / timedelta(milliseconds=1)
    return passed("clock", f"the server's agrees with this machine's to {milliseconds:.0f} ms")


def _tables(database: Database, tables: Mapping[str, Any]) -> Iterator[Line]:
    if lack := what_is_owed(tables):
        yield failed("migration", *lack)
        return
    found = database.row("readiness")
    yield _migration(found, _revision(database, tables))
    if found["mark_is_indexed"]:
        yield passed("index", "is_test_data has a valid one")
    else:
        yield warned("index", "is_test_data has no valid one", "let the application's migration add it")
    yield _foreign_keys(database.rows("unindexed_keys"))
    yield _rights(found)
    yield _schema(database, tables)
    yield archive_line(found["archive_bytes"] or 0, free_disk(found, database.row("server_identity")["system_id"]))


def _migration(found: Mapping[str, Any], revision: str) -> Line:
    if not found["mark_is_sound"]:
        owed = f"let the application's migration repair it, as {MARK_REVISION} has it"
        return failed("migration", "is_test_data is not a boolean that is never null", owed)
    return passed("migration", f"is_test_data is there{revision}")


def _foreign_keys(unindexed: Sequence[Mapping[str, Any]]) -> Line:
    if not unindexed:
        return passed("foreign keys", "each that leads to test rows has an index")
    keys = ", ".join(f"{key['table_name']} ({key['name']})" for key in unindexed)
    todo = " ".join(key["statement"] for key in unindexed)
    return warned("foreign keys", f"without an index each removed row reads the whole table: {keys}", todo)


def _rights(found: Mapping[str, Any]) -> Line:
    role = found["role"]
    if not found["may_read"]:
        return failed("rights", f"{role} may not read users and appointments", "grant it SELECT")
    if found["is_superuser"]:
        return warned("rights", f"{role} is a superuser", "let cleanups connect as a role that prodtest protect makes")
    if found["is_protected"]:
        return passed("rights", f"{role} may read, and clean up through prodtest's functions")
    if not found["may_delete"]:
        todo = "let an owner run prodtest protect, or grant UPDATE and DELETE"
        return failed("rights", f"{role} may read, but not clean up", todo)
    return passed("rights", f"{role} may read and clean up")


def _revision(database: Database, tables: Mapping[str, Any]) -> str:
    try:
        rows = database.rows("application_revision") if tables["has_version_table"] else []
    except ConfigurationError:
        return " (this role may not read its revision)"
    if not rows:
        return ""
    revision = rows[0]["revision"]
    return f" (alembic_version {revision}{'' if revision == MARK_REVISION else ', a history of its own'})"


def _schema(database: Database, tables: Mapping[str, Any]) -> Line:
    installed = database.row("installed_fingerprint")["fingerprint"]
    if installed and not database.has_schema:
        return failed("schema prodtest", "this role may not use it", "let an owner run prodtest protect")
    if not database.has_schema:
        if tables["may_create_schema"]:
            return passed("schema prodtest", "the first live command creates it")
        return failed("schema prodtest", "missing, and the role may not create it", "let an owner run prodtest migrate")
    if installed == fingerprint(database.reserved.pattern):
        return passed("schema prodtest", "up to date")
    return warned("schema prodtest", "of another version", "the next live command updates it; or run prodtest migrate")
