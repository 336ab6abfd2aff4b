"""Rule 11: the protected role reads and goes through the doors; the server refuses it everything else."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from prodtest_assets.errors import ConfigurationError, RefusedForSafety
from prodtest_assets.schema import ensure_schema, migrate_booking_tables
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.settle import abandon_run
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.ledger import RunLedger
from prodtest_assets.testdata.models import CleanupReport, Policy, Scope, StopReason
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from prodtest_assets.testdata.protect import (
    DOORS,
    Protection,
    current_protection,
    protect,
    statements_to_protect,
    statements_to_remove,
    unprotect,
)
from prodtest_assets.testdata.snapshot import store_snapshot, stored_snapshots, take_snapshot
from tests.booking_world import RULES, START, BookingWorld
from tests.integration.testdata.conftest import ProtectedWorld

OLD = timedelta(hours=48)
DENIED = psycopg.errors.InsufficientPrivilege
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


# What must still work


def test_cleanup_drains_everything_that_is_stale_and_proves_it(protected):
    stale = [protected.application.book(age=OLD, event="ev") for _ in range(12)]
    protected.application.customer(bookings=3)
    before = customer_fingerprints(protected.application.database)
    report = clean(protected)
    assert (report.stop_reason, report.deleted) == (StopReason.DRAINED, {"appointments": 12, "users": 12})
    assert report.proof is not None
    assert report.proof.holds
    assert {row for table, row in protected.application.archived() if table == "appointments"} == set(stale)
    assert rows_changed(protected.application.database, before) == 0


def test_a_stored_plan_is_executed(protected):
    row = protected.application.book(age=OLD)
    plan = plan_cleanup(protected.cleaner.database, Policy(), permit=protected.cleaner.permit)
    assert plan.id is not None
    execute_plan(protected.cleaner.database, protected.cleaner.permit, plan.id, Policy())
    assert not protected.application.has_appointment(row)


def test_a_row_named_by_id_goes(protected):
    row = protected.application.book()
    assert clean(protected, scope=Scope.NAMED, named=(row,)).deleted["appointments"] == 1


def test_a_run_writes_its_ledger_and_takes_its_rows_back(protected):
    application = protected.application
    with RunLedger(protected.url, uuid4(), "http://127.0.0.1:1", RULES) as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = application.book(application.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        assert run.stored_booking(call.call_sid) is not None
        assert run.remove_call(call.call_sid) == 2
        run.finish("passed", passed=1)
    assert ("appointments", row) in application.archived()
    assert application.sql("SELECT outcome FROM prodtest.test_run") == [{"outcome": "passed"}]


def test_an_unmarked_row_of_a_dead_run_is_adopted_and_goes(protected):
    application, run_id = protected.application, uuid4()
    with RunLedger(protected.url, run_id, "http://127.0.0.1:1", RULES) as run:
        call = run.open_call(persona="quick", requested_start=START)
        row = application.book(application.user(mobile=call.number, name=call.name), marked=False)
        application.kill_run(run_id)
        report = clean(protected)
        assert not abandon_run(protected.cleaner.database, protected.cleaner.permit, run_id)
    assert report.adopted == 1
    assert ("appointments", row) in application.archived()


def test_a_snapshot_is_taken_stored_and_read(protected):
    protected.application.book(age=OLD)
    snapshot = take_snapshot(protected.cleaner.database, retention=timedelta(hours=24))
    store_snapshot(protected.cleaner.database, protected.cleaner.permit, snapshot)
    assert (snapshot.stale.eligible, len(stored_snapshots(protected.cleaner.database))) == (1, 1)


def test_children_by_cascade_are_archived_and_other_children_keep_their_parent(world, roles):
    world.sql("CREATE TABLE reminders (id int PRIMARY KEY, of bigint REFERENCES appointments ON DELETE CASCADE)")
    world.sql("CREATE TABLE invoices (id int PRIMARY KEY, of bigint REFERENCES appointments)")
    goes, stays = world.book(age=OLD), world.book(age=OLD)
    world.sql("INSERT INTO reminders VALUES (1, %s)", goes)
    world.sql("INSERT INTO invoices VALUES (1, %s)", stays)
    protect(world.database, world.permit, roles)
    try:
        world.database.connection.execute(f"SET SESSION AUTHORIZATION {roles.login}".encode())
        report = cleanup_now(world.database, world.permit, Policy())
    finally:
        world.database.connection.execute("RESET SESSION AUTHORIZATION")
        unprotect(world.database, world.permit)
    assert report.deleted == {"appointments": 1, "reminders": 1, "users": 1}
    assert world.has_appointment(stays)


def test_a_waiting_application_is_seen_by_the_protected_role(protected):
    row = protected.application.book()
    lock = "SELECT 1 FROM appointments WHERE id = %s FOR UPDATE"
    with psycopg.connect(protected.application.url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute(lock, [row])
        assert protected.cleaner.database.row("blocked_backends")["count"] == 0
        waiter = pool.submit(protected.application.sql, lock, row)
        deadline = time.monotonic() + 10
        while protected.cleaner.database.row("blocked_backends")["count"] == 0:
            assert time.monotonic() < deadline, "nobody was seen waiting"
        holder.rollback()
        waiter.result(10)


# What the server must refuse


FORBIDDEN = [
    "DELETE FROM public.appointments",
    "DELETE FROM public.users",
    "TRUNCATE public.appointments",
    "TRUNCATE public.users CASCADE",
    "UPDATE public.appointments SET is_test_data = true",
    "UPDATE public.users SET mobile = '+12125550100'",
    "INSERT INTO public.users (full_name, mobile) VALUES ('x', '+12125550100')",
    "SELECT * FROM public.appointments FOR UPDATE",
    "DROP TABLE public.appointments",
    "ALTER TABLE public.appointments DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "UPDATE prodtest.test_call SET appointment_id = 1",
    "INSERT INTO prodtest.plan_batch VALUES (gen_random_uuid(), 1, 'public.appointments', 'stale', '{1}')",
    "UPDATE prodtest.protection SET retention_floor = '0'",
    "DELETE FROM prodtest.archived_row",
    "INSERT INTO prodtest.hold (run_id, until, reason, actor) VALUES (gen_random_uuid(), 'infinity', 'x', 'x')",
    "CREATE TABLE prodtest.mine (id int)",
    "SELECT prodtest.archive_appointments(gen_random_uuid(), NULL, NULL, '{1}', 'stale', 'infinity', NULL, true)",
    "SELECT prodtest.archive_users(gen_random_uuid(), NULL, NULL, '{1}', 'stale', 'infinity', NULL, true)",
    "SELECT prodtest.archive_children(gen_random_uuid(), 'public.users', '{1}')",
    "SELECT prodtest.note_removal(gen_random_uuid(), 'appointments', 1, 1)",
    "SELECT prodtest.adopt('{1}')",
    "ALTER FUNCTION prodtest.adopt(bigint[]) SECURITY INVOKER",
]


def test_the_server_refuses_whatever_is_neither_reading_nor_a_door(protected):
    protected.application.customer()
    before = customer_fingerprints(protected.application.database)
    for statement in FORBIDDEN:
        with pytest.raises(DENIED):
            protected.attempt(statement)
    assert rows_changed(protected.application.database, before) == 0


def test_it_may_call_the_doors_and_no_other_function(protected):
    callable_ones = protected.attempt(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'prodtest'::regnamespace "
        "AND has_function_privilege(oid, 'EXECUTE')"
    )
    assert {row["proname"] for row in callable_ones} <= DOORS


def test_it_cannot_become_the_owner(protected):
    with pytest.raises(DENIED):
        protected.attempt(f"SET ROLE {protected.roles.owner}")


@pytest.mark.parametrize("privilege", ["DELETE", "DELETE, TRUNCATE, UPDATE"])
def test_rights_given_by_mistake_meet_the_tripwire(protected, privilege):
    application = protected.application
    customer = application.customer(bookings=2)
    application.sql(f"GRANT {privilege} ON users, appointments TO {protected.roles.login}")
    before = customer_fingerprints(application.database)
    for statement in ("DELETE FROM appointments", "DELETE FROM users", f"DELETE FROM users WHERE id = {customer}"):
        with pytest.raises(psycopg.Error, match="customer"):
            protected.attempt(statement)
    if "TRUNCATE" in privilege:
        with pytest.raises(psycopg.Error, match="may not truncate"):
            protected.attempt("TRUNCATE users CASCADE")
        with pytest.raises(psycopg.Error, match="may not mark"):
            protected.attempt("UPDATE appointments SET is_test_data = true")
    assert rows_changed(application.database, before) == 0


def test_a_cascade_that_reaches_a_customers_row_is_refused(protected):
    application = protected.application
    user = application.user()
    application.book(user)
    row = application.book(user, marked=False, start=START + timedelta(days=1))
    application.sql(f"GRANT DELETE ON users TO {protected.roles.login}")
    # The user's own row may go, as far as its trigger can see, once the mark hides the booking from it.
    application.sql("ALTER TABLE users DISABLE TRIGGER prodtest_refuse_delete")
    with pytest.raises(psycopg.Error, match="customer"):
        protected.attempt(f"DELETE FROM users WHERE id = {user}")
    assert application.has_appointment(row)


def test_everybody_else_may_delete_what_they_could_before(protected):
    application = protected.application
    application.customer(bookings=2)
    application.sql("DELETE FROM appointments")
    application.sql("TRUNCATE users CASCADE")
    assert application.sql("SELECT * FROM users") == []


def test_an_ordinary_application_role_still_books(protected):
    application = protected.application
    role = f"application_{uuid4().hex[:8]}"
    application.sql(f"CREATE ROLE {role}")
    try:
        application.sql(f"GRANT SELECT, INSERT, DELETE ON users, appointments TO {role}")
        with psycopg.connect(application.url, autocommit=True) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            connection.execute("INSERT INTO users (full_name, mobile) VALUES ('x', '+12125550100')")
            connection.execute("INSERT INTO appointments (user_id, starts_at) SELECT id, now() FROM users")
            assert connection.execute("DELETE FROM users").rowcount == 1
    finally:
        application.sql(f"DROP OWNED BY {role}")
        application.sql(f"DROP ROLE {role}")


def test_objects_that_shadow_ours_change_nothing(protected):
    application = protected.application
    application.customer()
    customer_row = application.sql("SELECT id FROM appointments")[0]["id"]
    goes = application.book(age=OLD)
    application.sql(f"CREATE SCHEMA evil AUTHORIZATION {protected.roles.login}")
    application.sql(f"GRANT TEMPORARY ON DATABASE {application.database.name} TO {protected.roles.login}")
    connection = protected.cleaner.database.connection
    shadows = """
        CREATE TEMP TABLE appointments AS SELECT id, user_id, true AS is_test_data FROM public.appointments;
        CREATE TABLE evil.appointments AS SELECT * FROM appointments;
        CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS 'SELECT ''taken''::text';
        CREATE FUNCTION evil.are_reserved_digits(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''infinity''::timestamptz';
        CREATE FUNCTION evil.less(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR evil.< (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.less);
        CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR evil.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);
        SET search_path = pg_temp, evil, pg_catalog
    """
    connection.execute(shadows.encode())
    young = application.book()
    report = clean(protected)
    connection.execute("DROP TABLE pg_temp.appointments")
    assert report.deleted == {"appointments": 1, "users": 1}
    assert application.has_appointment(customer_row)
    assert application.has_appointment(young)
    assert not application.has_appointment(goes)
    application.sql("DROP SCHEMA evil CASCADE")


def test_a_role_that_owns_something_by_now_stays(protected):
    protected.application.sql(f"CREATE SCHEMA theirs AUTHORIZATION {protected.roles.login}")
    unprotect(protected.application.database, protected.application.permit)
    assert protected.application.sql("SELECT 1 FROM pg_roles WHERE rolname = %s", protected.roles.login)
    protected.application.sql("DROP SCHEMA theirs")
    protected.application.sql(f"DROP ROLE {protected.roles.login}")


def test_a_younger_cutoff_than_the_floor_is_refused_by_the_server(protected):
    row = protected.application.book(age=timedelta(hours=2))
    with pytest.raises(RefusedForSafety, match="24"):
        plan_cleanup(protected.cleaner.database, Policy(retention=timedelta(hours=1)), permit=protected.cleaner.permit)
    with pytest.raises(psycopg.Error, match="protected"):
        protected.attempt(
            "SELECT prodtest.make_plan(gen_random_uuid(), 'stale', 'infinity', NULL, '{}', '{}', NULL, 100, 'x')"
        )
    assert protected.application.has_appointment(row)


def test_a_plan_from_before_the_protection_meets_the_floor_as_well(world, roles):
    world.book(age=timedelta(hours=2))
    plan = plan_cleanup(world.database, Policy(retention=timedelta(hours=1)), permit=world.permit)
    assert plan.id is not None
    protect(world.database, world.permit, roles)
    try:
        with pytest.raises(RefusedForSafety, match="protected"):
            execute_plan(world.database, world.permit, plan.id, Policy())
    finally:
        unprotect(world.database, world.permit)


def test_a_ledger_row_cannot_be_forged_for_a_customers_number(protected):
    run = uuid4()
    protected.cleaner.database.call("open_run", run, "forged")
    with pytest.raises(RefusedForSafety, match="not reserved"):
        protected.cleaner.database.call("open_call", "CA1", run, "x", "+4915112345678", "Paying Customer", START)


def test_a_call_cannot_be_kept_open_by_closing_it_again(protected):
    application, run = protected.application, uuid4()
    protected.cleaner.database.call("open_run", run, "forged")
    protected.cleaner.database.call("open_call", "CA1", run, "x", "+12125550111", "Forged Name", START)
    with pytest.raises(Exception, match="open"):
        protected.cleaner.database.call("close_call", "CA1", "open", None)
    assert application.sql("SELECT closed_at FROM prodtest.test_call") == [{"closed_at": None}]


# Protect, protect again, and take it back


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
