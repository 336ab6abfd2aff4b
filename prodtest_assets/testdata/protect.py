"""Least privilege: a login role that may read and go through the doors, and nothing else.

The functions of schema `prodtest` get an owner whom nobody can log in as, run with its rights (SECURITY DEFINER), and
only the doors among them may be called by the login role. What each side may do is decided here and nowhere else; the
statements stand in `protect.sql`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.testdata.connection import Database, translated_errors
from prodtest_assets.testdata.guard import WritePermit
from prodtest_assets.testdata.statements import block

LOGIN_ROLE = "prodtest_cleaner"
OWNER_ROLE = "prodtest_owner"
# Whatever is not named here is called by these functions alone: with arguments of their own choice, which are
# checked, instead of a caller's, which could be forged.
DOORS = frozenset(
    """
    open_run beat finish_run settle_run settle_dead_runs store_snapshot
    offer_names open_call close_call compare_call attribute_call remove_call
    take_lease hold_lease release_lease open_plan fill_plan close_plan drift reachable triggers_in_the_way
    open_cleanup note_unstarted_cleanup remove_batch finish_cleanup event_removed
    expire_archive expire_records add_hold release_hold
    open_undo restore_order triggers_on_restore foresee_undo restore_batch finish_undo is_asked_for name_of
    record_findings record_reminders claim_message note_delivered note_refused sensor_beat
    is_reserved_number are_reserved_digits
    """.split()
)
_MADE_HERE = "made by prodtest protect"


@dataclass(frozen=True, slots=True)
class Protection:
    """What is asked for, or what stands.

    Attributes:
        login: the role that cleanups connect as.
        owner: the role that owns the functions; nobody can log in as it.
        retention_floor: younger rows are never stale.
        archive_floor: what was removed can be restored for at least so long.
    """

    login: str = LOGIN_ROLE
    owner: str = OWNER_ROLE
    retention_floor: timedelta = timedelta(hours=24)
    archive_floor: timedelta = timedelta(days=7)


def current_protection(database: Database) -> Protection | None:
    """Who is protected in this database; None when nobody is."""
    return _stored(database.connection)


def statements_to_protect(database: Database, wanted: Protection) -> list[str]:
    """The SQL that protects this database as it stands now: safe to run again, without any secret.

    Raises:
        ConfigurationError: schema `prodtest` is missing, or the roles do not fit.
    """
    with translated_errors():
        return [statement.as_string(database.connection) for statement in _to_protect(database.connection, wanted)]


def statements_to_remove(database: Database) -> list[str]:
    """The SQL that takes the protection back; empty when there is none."""
    with translated_errors():
        return [statement.as_string(database.connection) for statement in _to_remove(database.connection)]


def protect(database: Database, permit: WritePermit, wanted: Protection) -> list[str]:
    """Protect this database, and make sure that the login role is left with nothing more than it needs.

    Args:
        permit: proof that this database may be written to.
        wanted: the roles and the floor.

    Returns:
        The statements that were run, in one transaction.

    Raises:
        ConfigurationError: schema `prodtest` is missing, or this role may not do it.
        RefusedForSafety: the login role could do more all the same; nothing was changed.
    """
    statements = statements_to_protect(database, wanted)
    with translated_errors(), database.connection.transaction():
        _run(database.connection, statements)
        _refuse_powers(database.connection, wanted)
    return statements


def unprotect(database: Database, permit: WritePermit) -> list[str]:
    """Take back everything that `protect` did. Roles stay where another database of the server needs them.

    Args:
        permit: proof that this database may be written to.

    Returns:
        The statements that were run, in one transaction; none when nothing was protected.
    """
    statements = statements_to_remove(database)
    with translated_errors(), database.connection.transaction():
        _run(database.connection, statements)
    return statements


def protect_again(connection: psycopg.Connection[Any]) -> None:
    """After functions were installed anew: give them back the owner and the rights, if this database is protected.

    Args:
        connection: in the transaction that installed them.
    """
    stored = _stored(connection)
    if stored:
        _run(connection, [statement.as_string(connection) for statement in _to_protect(connection, stored)])


def _run(connection: psycopg.Connection[Any], statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def _stored(connection: psycopg.Connection[Any]) -> Protection | None:
    if not _rows(connection, "facts", login="", owner="")[0]["has_schema"]:
        return None
    found = _rows(connection, "protection")
    if not found:
        return None
    row = found[0]
    return Protection(row["login_role"], row["owner_role"], row["retention_floor"], row["archive_floor"])


def _to_protect(connection: psycopg.Connection[Any], wanted: Protection) -> Iterator[sql.Composed]:
    facts = _rows(connection, "facts", login=wanted.login, owner=wanted.owner)[0]
    _refuse_wrong_setup(connection, facts, wanted)
    roles = {"login": sql.Identifier(wanted.login), "owner": sql.Identifier(wanted.owner)}
    yield _filled("wait_briefly")
    for role in ("owner", "login"):
        if not facts[f"has_{role}"]:
            yield _filled(f"create_{role}", **roles)
            yield _filled(f"comment_{role}", comment=sql.Literal(_MADE_HERE), **roles)
    if not facts["is_superuser"]:
        yield _filled("join_owner", **roles)
    yield _filled("open_schema", **roles)
    functions = _rows(connection, "functions")
    for function in functions:
        name = _as_it_stands(function["signature"])
        yield _filled("own_function", function=name, **roles)
        if function["name"] in DOORS:
            yield _filled("open_door", function=name, **roles)
    yield _filled("close_schema", **roles)
    yield from _rights(connection, facts["database"], roles)
    names = {"login_name": sql.Literal(wanted.login), "owner_name": sql.Literal(wanted.owner)}
    yield _filled("tripwire", **names)
    former = next((f["owner"] for f in functions if f["owner"] != wanted.owner), facts["admin"])
    floors = {name: sql.Literal(getattr(wanted, name)) for name in ("retention_floor", "archive_floor")}
    yield _filled("remember", former_name=sql.Literal(former), **floors, **names)


def _rights(
    connection: psycopg.Connection[Any], database: str, roles: Mapping[str, sql.Identifier]
) -> Iterator[sql.Composed]:
    own_tables = _rows(connection, "own_tables")
    yield _filled("rights_of_owner", **roles)
    for row in own_tables:
        rights = "look_at_own" if row["is_fixed"] else "own_rights_of_owner"
        yield _filled(rights, table=_as_it_stands(row["name"]), **roles)
    for child in _rows(connection, "child_tables"):
        yield _filled(
            "rights_on_child" if child["goes_along"] else "look_at_other",
            schema=sql.Identifier(child["schema"]),
            table=_as_it_stands(child["name"]),
            key=sql.Identifier(child["key"] or ""),
            **roles,
        )
    for parent in _rows(connection, "parent_tables"):
        names = {"schema": sql.Identifier(parent["schema"]), "table": _as_it_stands(parent["name"])}
        yield _filled("look_at_other", **names, **roles)
    for row in _rows(connection, "sequences"):
        yield _filled("read_sequence", sequence=_as_it_stands(row["name"]), **roles)
    yield _filled("enter", database=sql.Identifier(database), **roles)
    for row in [*own_tables, *_rows(connection, "read_tables")]:
        yield _filled("read", table=_as_it_stands(row["name"]), **roles)


def _to_remove(connection: psycopg.Connection[Any]) -> Iterator[sql.Composed]:
    stored = _stored(connection)
    if stored is None:
        return
    facts = _rows(connection, "facts", login=stored.login, owner=stored.owner)[0]
    former = _rows(connection, "protection")[0]["former_owner"]
    roles = {"login": sql.Identifier(stored.login), "owner": sql.Identifier(stored.owner)}
    children = _rows(connection, "child_tables")
    yield _filled("wait_briefly")
    yield _filled("remove_tripwire")
    for function in _rows(connection, "functions"):
        name = _as_it_stands(function["signature"])
        yield _filled("return_function", function=name, former=sql.Identifier(former), **roles)
    for role in (stored.owner, stored.login):
        for row in _rows(connection, "granted_tables", role=role):
            yield _filled("take_table_back", table=_as_it_stands(row["name"]), role=sql.Identifier(role))
    for schema in {child["schema"] for child in children} - {"public"}:
        yield _filled("take_schema_back", schema=sql.Identifier(schema), **roles)
    yield _filled("take_schemas_back", database=sql.Identifier(facts["database"]), **roles)
    yield _filled("forget")
    for role in (stored.login, stored.owner):
        needed = _rows(connection, "is_needed", role=role, comment=_MADE_HERE)[0]
        if needed["is_ours"] and not needed["is_used_elsewhere"]:
            yield _filled("drop_role", role=sql.Identifier(role))


def _refuse_wrong_setup(connection: psycopg.Connection[Any], facts: Mapping[str, Any], wanted: Protection) -> None:
    if not facts["has_schema"]:
        raise ConfigurationError("schema prodtest is missing or old: run `prodtest migrate` first")
    if facts["owner_is_somebody"]:
        raise ConfigurationError(f"role {wanted.owner} can log in: the functions need an owner whom nobody can be")
    if wanted.login in (wanted.owner, facts["admin"]):
        raise ConfigurationError(f"role {wanted.login} cannot be the protected one: give another --role")
    stored = _stored(connection)
    if stored and (stored.login, stored.owner) != (wanted.login, wanted.owner):
        raise ConfigurationError(
            f"the database is protected with roles {stored.login} and {stored.owner} already: "
            "run `prodtest protect --remove` first"
        )


def _refuse_powers(connection: psycopg.Connection[Any], wanted: Protection) -> None:
    found = _rows(connection, "powers", login=wanted.login, owner=wanted.owner, doors=sorted(DOORS))
    if found:
        powers = ", ".join(row["power"] for row in found[:5])
        raise RefusedForSafety(f"role {wanted.login} would still hold more than it needs ({powers}): revoke that first")


def _rows(connection: psycopg.Connection[Any], name: str, **parameters: object) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(block("protect.sql", name), parameters).fetchall()


def _filled(name: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(block("protect.sql", name)).format(**parts)


def _as_it_stands(name: LiteralString) -> sql.SQL:
    """A name that PostgreSQL itself has quoted."""
    return sql.SQL(name)
