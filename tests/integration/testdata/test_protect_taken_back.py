"""`prodtest protect` can be run again, survives new versions, and is taken back without a trace."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.schema import ensure_schema, migrate_booking_tables
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.protect import (
    Protection,
    current_protection,
    protect,
    statements_to_protect,
    statements_to_remove,
    unprotect,
)
from tests.booking_world import BookingWorld
from tests.integration.testdata.conftest import ProtectedWorld

OLD = timedelta(hours=48)
# What stands in the server about rights: all of it must be as before once the protection is taken back.
RIGHTS = {
    "tables": "SELECT c.oid::regclass::text, a.grantee::regrole::text, a.privilege_type FROM pg_class c, "
    "aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a WHERE c.relkind = 'r' ORDER BY 1, 2, 3",
    "columns": "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attacl IS NOT NULL ORDER BY 1, 2",
    "schemas": "SELECT n.nspname, a.grantee::regrole::text, a.privilege_type FROM pg_namespace n, "
    "aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a ORDER BY 1, 2, 3",
    "functions": "SELECT p.oid::regprocedure::text, p.prosecdef, p.proowner::regrole::text, a.grantee, "
    "a.privilege_type FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a "
    "WHERE p.pronamespace = 'prodtest'::regnamespace ORDER BY 1, 4, 5",
    "triggers": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
    "roles": "SELECT rolname FROM pg_roles WHERE rolname LIKE '%cleaner%' OR rolname LIKE '%owner%' ORDER BY 1",
    "database": "SELECT a.grantee, a.privilege_type FROM pg_database d, "
    "aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = current_database() ORDER BY 1, 2",
}


def clean(world: ProtectedWorld, **question: object) -> CleanupReport:
    return cleanup_now(world.cleaner.database, world.cleaner.permit, Policy(), **question)  # type: ignore[arg-type]


def rights(world: BookingWorld) -> dict[str, list[dict[str, object]]]:
    return {subject: world.sql(statement.replace("%", "%%")) for subject, statement in RIGHTS.items()}


def definer_functions(world: BookingWorld) -> set[str]:
    rows = world.sql("SELECT proname FROM pg_proc WHERE pronamespace = 'prodtest'::regnamespace AND prosecdef")
    return {row["proname"] for row in rows}


def test_what_protect_did_is_taken_back_without_a_trace(world, roles):
    before = rights(world)
    protect(world.database, world.permit, roles)
    assert rights(world) != before
    unprotect(world.database, world.permit)
    assert rights(world) == before
    assert current_protection(world.database) is None
    assert unprotect(world.database, world.permit) == []


def test_protecting_twice_changes_nothing(world, roles):
    protect(world.database, world.permit, roles)
    try:
        once = rights(world)
        protect(world.database, world.permit, roles)
        assert rights(world) == once
    finally:
        unprotect(world.database, world.permit)


def test_printing_runs_nothing(world, roles):
    before = rights(world)
    assert statements_to_protect(world.database, roles)
    assert statements_to_remove(world.database) == []
    assert rights(world) == before


def test_the_printed_sql_does_what_protect_does(world, roles):
    world.sql("; ".join(["BEGIN", *statements_to_protect(world.database, roles), "COMMIT"]))
    try:
        assert current_protection(world.database) == roles
    finally:
        world.sql("; ".join(["BEGIN", *statements_to_remove(world.database), "COMMIT"]))
    assert current_protection(world.database) is None


def test_functions_installed_anew_are_protected_again(protected):
    application = protected.application
    before = rights(application)
    application.sql("COMMENT ON SCHEMA prodtest IS 'of another version'")
    application.sql("DROP FUNCTION prodtest.store_snapshot(jsonb)")
    assert ensure_schema(application.url, ReservedNumbers()).changed
    assert rights(application) == before
    protected.application.book(age=OLD)
    assert clean(protected).deleted["appointments"] == 1


def test_a_current_schema_asks_nothing_of_the_protected_role(protected):
    assert not ensure_schema(protected.url, ReservedNumbers()).changed
    assert not migrate_booking_tables(protected.url).changed


def test_an_old_schema_sends_the_protected_role_to_an_owner(protected):
    protected.application.sql("COMMENT ON SCHEMA prodtest IS 'of another version'")
    with pytest.raises(ConfigurationError, match="may not"):
        ensure_schema(protected.url, ReservedNumbers())


def test_a_role_that_could_do_more_is_refused_and_nothing_is_changed(world, roles):
    world.sql(f"CREATE ROLE {roles.login} LOGIN")
    world.sql(f"GRANT DELETE ON appointments TO {roles.login}")
    before = rights(world)
    try:
        with pytest.raises(RefusedForSafety, match=r"DELETE on public\.appointments"):
            protect(world.database, world.permit, roles)
        assert rights(world) == before
    finally:
        world.sql(f"DROP OWNED BY {roles.login}")
        world.sql(f"DROP ROLE {roles.login}")


def test_a_role_that_was_there_before_stays(world, roles):
    world.sql(f"CREATE ROLE {roles.login} LOGIN")
    try:
        protect(world.database, world.permit, roles)
        unprotect(world.database, world.permit)
        assert world.sql("SELECT 1 FROM pg_roles WHERE rolname = %s", roles.login)
    finally:
        world.sql(f"DROP ROLE {roles.login}")


def test_other_roles_than_the_protected_ones_are_refused_until_these_are_taken_back(protected):
    other = replace(protected.roles, login="somebody_else")
    with pytest.raises(ConfigurationError, match="--remove"):
        protect(protected.application.database, protected.application.permit, other)


def test_roles_stay_while_another_database_needs_them(postgres, migrated_template, protected):
    name = f"booking_test_{uuid4().hex[:8]}"
    url = postgres.create_database(name, template=migrated_template)
    try:
        with open_database(url) as second:
            protect(second, protected.application.permit, protected.roles)
            unprotect(second, protected.application.permit)
        assert protected.attempt("SELECT 1 AS n") == [{"n": 1}]
    finally:
        postgres.drop_database(name)


def test_an_owner_who_is_no_superuser_protects_and_takes_back(world, roles):
    admin = f"admin_{uuid4().hex[:8]}"
    world.sql(f"CREATE ROLE {admin} CREATEROLE")
    try:
        for table in world.sql("SELECT oid::regclass::text AS t FROM pg_class WHERE relkind = 'r' AND relnamespace "
                               "IN ('public'::regnamespace, 'prodtest'::regnamespace)"):  # fmt: skip
            world.sql(f"ALTER TABLE {table['t']} OWNER TO {admin}")
        world.sql(f"ALTER SCHEMA prodtest OWNER TO {admin}")
        world.sql(f"ALTER SCHEMA public OWNER TO {admin}")
        world.sql(f"ALTER DATABASE {world.database.name} OWNER TO {admin}")
        for function in definer_or_not(world):
            world.sql(f"ALTER FUNCTION {function} OWNER TO {admin}")
        before = rights(world)
        world.database.connection.execute(f"SET SESSION AUTHORIZATION {admin}".encode())
        protect(world.database, world.permit, roles)
        assert {"archive_appointments", "remove_batch"} <= definer_functions(world)
        protect(world.database, world.permit, roles)
        unprotect(world.database, world.permit)
        world.database.connection.execute("RESET SESSION AUTHORIZATION")
        assert rights(world) == before
    finally:
        world.database.connection.execute("RESET SESSION AUTHORIZATION")
        world.sql(f"REASSIGN OWNED BY {admin} TO CURRENT_USER")
        world.sql(f"DROP OWNED BY {admin}")
        world.sql(f"DROP ROLE {admin}")


def definer_or_not(world: BookingWorld) -> list[str]:
    rows = world.sql("SELECT oid::regprocedure::text AS f FROM pg_proc WHERE pronamespace = 'prodtest'::regnamespace")
    return [row["f"] for row in rows]


def test_the_floor_can_be_changed(world, roles):
    protect(world.database, world.permit, roles)
    try:
        protect(world.database, world.permit, replace(roles, retention_floor=timedelta(hours=1)))
        stands = current_protection(world.database)
        assert stands == Protection(roles.login, roles.owner, timedelta(hours=1))
    finally:
        unprotect(world.database, world.permit)
