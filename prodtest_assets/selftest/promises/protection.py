"""What the protected role can do: clean up, and nothing else."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import psycopg
from psycopg import sql

from prodtest_assets.errors import ConfigurationError, RefusedForSafety, Unreachable
from prodtest_assets.selftest.registry import promise
from prodtest_assets.selftest.scratch import with_login
from prodtest_assets.selftest.world import NotTested, World, expect, filled, statement
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, Scope
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.connection import Database, open_database, translated_errors
from prodtest_assets.testdata.protect import Protection, protect, unprotect

_DIRECT = (
    "delete_appointments", "delete_users", "truncate_appointments", "truncate_users", "mark_customers",
    "forge_removal", "forge_adoption", "forge_proof", "forge_plan",
)  # fmt: skip
# No privilege, the retention floor, the tripwire: any other error would be a statement that proves nothing.
_REFUSALS = ("42501", "PT011", "PT012")
_TRIPPED = ("delete_appointments", "delete_users", "truncate_appointments", "truncate_users", "mark_customers")


@promise("The protected role cleans up.")
def protected_role_cleans_up(world: World) -> None:
    """Everything stale goes when a session may do no more than that."""
    with _protected(world) as database:
        row = world.book()
        cleanup_now(database, world.permit, Policy())
        expect(world.is_archived(row), "the stale row stayed")
        named = world.book(age=timedelta(0))
        cleanup_now(database, world.permit, Policy(), scope=Scope.NAMED, named=(named,))
        expect(world.is_archived(named), "the row that was named stayed")


@promise("The server refuses the protected role DELETE, TRUNCATE, UPDATE and forged evidence.")
def protected_role_is_refused(world: World) -> None:
    """Straight at the tables, and at the functions behind the doors."""
    with _protected(world) as database:
        world.book()
        for attempt in _DIRECT:
            _expect_refusal(database, attempt)


@promise("Rights that somebody gives the protected role by mistake meet a tripwire, cascades included.")
def tripwire_holds(world: World) -> None:
    """DELETE, TRUNCATE and UPDATE are granted, and customers' rows stay."""
    with _protected(world) as database:
        role = sql.Identifier(_roles(world)[0])
        with world.application() as owner:
            owner.execute(filled("grant_too_much", role=role))
            owner.commit()
            for attempt in _TRIPPED:
                _expect_refusal(database, attempt)
            owner.execute(filled("take_too_much_back", role=role))
            owner.commit()


@promise("Names that shadow ours in the protected role's search path change nothing.")
def shadows_change_nothing(world: World) -> None:
    """A temporary table of the same name that marks every row, and functions that say yes."""
    with _protected(world) as database:
        try:
            database.connection.execute(statement("shadow"))
        except psycopg.errors.InsufficientPrivilege as error:
            raise NotTested("this server lets no role make temporary tables") from error
        young, stale = world.book(age=timedelta(hours=1)), world.book()
        report = cleanup_now(database, world.permit, Policy())
        expect(report.deleted == {"appointments": 1, "users": 1}, f"it removed {dict(report.deleted)}")
        expect(world.is_there(young) and world.is_archived(stale), "the wrong row went")


@promise("The protected role cannot call rows stale before the retention floor.")
def floor_holds(world: World) -> None:
    """A retention of zero would reach the rows of tests that still run."""
    with _protected(world) as database:
        row = world.book(age=timedelta(hours=2))
        try:
            plan_cleanup(database, Policy(retention=timedelta(0)), permit=world.permit)
        except RefusedForSafety:
            expect(world.is_there(row), "the row went all the same")
            return
        expect(False, "the plan was made")


def _expect_refusal(database: Database, attempt: str) -> None:
    try:
        database.connection.execute(statement(attempt))
    except psycopg.Error as error:
        if error.sqlstate in _REFUSALS:
            return
        raise
    expect(False, f"the server did {attempt.replace('_', ' ')}")


def _roles(world: World) -> tuple[str, str]:
    if world.roles is None:
        raise NotTested("the role of --db-url may not create roles (CREATEROLE)")
    return world.roles


@contextmanager
def _protected(world: World) -> Iterator[Database]:
    """The scratch database protected, and a session of the protected role."""
    login, owner = _roles(world)
    protect(world.database, world.permit, Protection(login, owner))
    try:
        with _session_of(world, login) as database:
            yield database
    finally:
        unprotect(world.database, world.permit)


@contextmanager
def _session_of(world: World, login: str) -> Iterator[Database]:
    if world.is_superuser:
        with open_database(world.url, reserved=world.reserved) as database:
            database.connection.execute(filled("become", role=sql.Identifier(login)))
            yield database
        return
    password = secrets.token_urlsafe(24)
    with translated_errors():
        connection = world.database.connection
        # Only its hash travels, so that no log of the server's can show it.
        scrambled = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
        connection.execute(filled("set_password", role=sql.Identifier(login), password=sql.Literal(scrambled)))
    with ExitStack() as stack:
        try:
            url = with_login(world.url, login, password)
            database = stack.enter_context(open_database(url, reserved=world.reserved))
        except (ConfigurationError, Unreachable) as error:
            raise NotTested("the server lets no new role log in by password (pg_hba.conf)") from error
        yield database
