"""Rule 11: whatever is neither reading nor a door, the server refuses the protected role."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from prodtest_assets.testdata.protect import (
    DOORS,
    protect,
    unprotect,
)
from tests.booking_world import START
from tests.integration.testdata.conftest import ProtectedWorld

OLD = timedelta(hours=48)
DENIED = psycopg.errors.InsufficientPrivilege


def clean(world: ProtectedWorld, **question: object) -> CleanupReport:
    return cleanup_now(world.cleaner.database, world.cleaner.permit, Policy(), **question)  # type: ignore[arg-type]


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
    "SELECT prodtest.note_removal(gen_random_uuid(), 'appointments', 1, 1, 1)",
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
            "SELECT prodtest.open_plan(gen_random_uuid(), 'stale', 'infinity', NULL, '{}', '{}', NULL, 100, 'x')"
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


def test_the_archive_cannot_be_emptied_before_its_time(protected):
    protected.application.book(age=OLD)
    policy = Policy(keep_archive=timedelta(0))
    cleanup_now(protected.cleaner.database, protected.cleaner.permit, policy)
    cleanup_now(protected.cleaner.database, protected.cleaner.permit, policy)
    assert len(protected.application.archived()) == 2


def test_a_type_that_runs_code_of_the_attackers_reaches_no_function_of_the_owners(protected):
    application = protected.application
    application.sql(f"CREATE SCHEMA evil AUTHORIZATION {protected.roles.login}")
    with pytest.raises(DENIED):
        protected.attempt(
            "CREATE FUNCTION evil.run(text) RETURNS boolean LANGUAGE plpgsql AS "
            "'BEGIN DELETE FROM public.appointments; RETURN true; END'",
            "CREATE DOMAIN evil.bait AS text CHECK (evil.run(VALUE))",
            "CREATE TABLE evil.trap (id int PRIMARY KEY, bait evil.bait)",
            "GRANT USAGE ON SCHEMA evil TO PUBLIC",
            "GRANT SELECT ON evil.trap TO PUBLIC",
            "SELECT prodtest.obstacle(jsonb_populate_record(NULL::prodtest.archived_row, jsonb_build_object("
            "'cleanup_id', gen_random_uuid(), 'table_oid', 'evil.trap', 'row_id', 1, "
            "'content', jsonb_build_object('id', 1, 'bait', 'x'))), '{}', true, 0)",
        )
    application.sql("DROP SCHEMA evil CASCADE")


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
