"""`prodtest selftest` on every PostgreSQL of this machine: it passes, it can fail, and it leaves nothing behind."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from prodtest_assets.sandbox.binaries import installed_binaries
from prodtest_assets.sandbox.postgres import PostgresServer, private_postgres
from prodtest_assets.selftest.promises import all_promises
from prodtest_assets.selftest.run import Outcome, Result, try_promise
from prodtest_assets.selftest.scratch import PREFIX
from prodtest_assets.selftest.world import World
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.proof import customer_fingerprints
from prodtest_assets.testdata.protect import Protection, protect, unprotect
from tests.booking_world import BookingWorld
from tests.integration.cli.commands import command, environment, prodtest
from tests.left_out import needs_debian_package
from tests.packaged_postgres import PACKAGED, packaged_binaries

TEST_MODE = {"PRODUCTION_DB_TEST_MODE": "true"}
# Those of this machine, one per major version.
INSTALLED = {found.major: found for found in reversed(list(installed_binaries()))}
# The oldest that the systems of our users bring along, and the one of the sandbox.
ALWAYS_TRIED = (15, 18)


def leftovers(url: str) -> list[str]:
    """Scratch databases and roles that stand on the server."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %(p)s "
            "UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE '%%selftest%%'",
            {"p": f"{PREFIX}%"},
        ).fetchall()
    return [row[0] for row in found]


def version(major: int) -> object:
    """A parameter of a test: this machine's PostgreSQL of that version, or else npm's."""
    marks = [] if major in INSTALLED else [needs_debian_package("npm")]
    return pytest.param(major, marks=marks, id=f"PostgreSQL {major}")


@pytest.mark.parametrize("major", [version(major) for major in ALWAYS_TRIED])
def test_every_promise_is_kept(server_directory, record_property, major):
    keeps_every_promise_on(major, server_directory, record_property)


@pytest.mark.soak
@pytest.mark.parametrize("major", [version(major) for major in sorted({*INSTALLED, *PACKAGED} - {*ALWAYS_TRIED})])
def test_every_promise_is_kept_on_the_other_versions_that_packages_offer(server_directory, record_property, major):
    keeps_every_promise_on(major, server_directory, record_property)


def keeps_every_promise_on(major: int, directory: Path, record_property: Callable[[str, object], None]) -> None:
    binaries = INSTALLED.get(major) or packaged_binaries(major)
    with private_postgres(directory, binaries=binaries) as running:
        with psycopg.connect(running.url("postgres")) as connection:
            assert connection.info.server_version // 10_000 == major
        started = time.monotonic()
        keeps_every_promise(running)
    record_property("seconds", round(time.monotonic() - started, 1))


def keeps_every_promise(server: PostgresServer) -> None:
    url = server.url("postgres")
    result = prodtest("selftest", "--json", "--db-url", url, **TEST_MODE)
    report = result.json()
    assert (result.code, result.err) == (0, "")
    assert {found["outcome"] for found in report["results"]} == {"kept"}
    assert len(report["results"]) == len(all_promises())
    assert report["before"] == report["after"]
    assert report["customer_rows"] > 400
    assert leftovers(url) == []


def test_a_person_sees_each_promise_as_a_sentence_also_where_transactions_are_stricter_by_default(postgres):
    stricter = {"PGOPTIONS": r"-c default_transaction_isolation=repeatable\ read"}
    result = prodtest("selftest", "--db-url", postgres.url("postgres"), **TEST_MODE, **stricter)
    lines = result.out.splitlines()
    assert result.code == 0, result.out
    for promise in all_promises():
        assert sum(promise.sentence in line for line in lines) == 1
    assert "promises kept" in lines[-1]


# It must be able to fail

MEDDLE_WITH_CUSTOMERS = """
    CREATE FUNCTION public.meddle_more() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN UPDATE public.users SET full_name = ''Cust'' WHERE full_name = ''Customer 1''; RETURN NEW; END';
    CREATE TRIGGER meddles_more AFTER INSERT ON prodtest.archived_row FOR EACH ROW EXECUTE FUNCTION public.meddle_more()
"""
SABOTAGE = {
    "removals_are_archived": "CREATE RULE forget AS ON INSERT TO prodtest.archived_row DO INSTEAD NOTHING",
    "stale_rows_go": MEDDLE_WITH_CUSTOMERS,
    "drifted_plan_is_refused": "CREATE OR REPLACE FUNCTION prodtest.drift(p_plan uuid) RETURNS jsonb LANGUAGE sql "
    "AS 'SELECT ''{}''::jsonb'",
    "foreign_trigger_is_refused": "CREATE OR REPLACE FUNCTION prodtest.triggers_in_the_way(p_plan uuid, "
    "p_allowed text[]) RETURNS text[] LANGUAGE sql AS 'SELECT ''{}''::text[]'",
    "floor_holds": "CREATE OR REPLACE FUNCTION prodtest.require_floor(p_scope text, p_cutoff timestamptz) "
    "RETURNS void LANGUAGE sql AS 'SELECT'",
    "tripwire_holds": "CREATE OR REPLACE FUNCTION prodtest.refuse_delete() RETURNS trigger LANGUAGE plpgsql "
    "AS 'BEGIN RETURN OLD; END'",
    "set_null_child_keeps_its_parent": "CREATE OR REPLACE FUNCTION prodtest.blocked(p_table regclass, p_ids bigint[], "
    "p_plan uuid, p_call text, p_wait boolean, p_above text[] DEFAULT '{}') RETURNS bigint[] LANGUAGE sql "
    "AS 'SELECT ''{}''::bigint[]'; "
    "CREATE OR REPLACE FUNCTION prodtest.leave_out_blocked(p_plan uuid) RETURNS jsonb LANGUAGE sql "
    "AS 'SELECT ''{}''::jsonb'",
}


@pytest.fixture
def attempt(world: BookingWorld) -> Iterator[Callable[[str], Result]]:
    """Tries the promise of that name in a database that may have been sabotaged."""
    suffix = secrets.token_hex(4)
    with ThreadPoolExecutor(2) as threads, open_database(world.url) as application:
        scratch = World(
            url=world.url,
            session=application.connection,
            database=world.database,
            permit=world.permit,
            reserved=ReservedNumbers(),
            threads=threads,
            roles=(f"selftest_{suffix}_cleaner", f"selftest_{suffix}_owner"),
            is_superuser=True,
        )
        scratch.add_customers()
        customers = customer_fingerprints(world.database)
        promises = {promise.name: promise for promise in all_promises()}
        yield lambda name: try_promise(scratch, promises[name], customers)


@pytest.mark.parametrize("name", sorted(SABOTAGE))
def test_a_promise_that_is_not_kept_is_seen(world, attempt, name):
    world.sql(SABOTAGE[name])
    result = attempt(name)
    assert result.outcome is Outcome.BROKEN, result
    assert result.detail


def test_a_customers_row_that_was_changed_breaks_whatever_promise_it_was(world, attempt):
    world.sql(MEDDLE_WITH_CUSTOMERS)
    assert "customers' rows were changed" in attempt("two_cleanups_share").detail


# It leaves nothing behind, and says what it needs


def start_selftest(url: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command("selftest", "--db-url", url),
        env=environment({**TEST_MODE, "PYTHONUNBUFFERED": "1"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_its_database_is_gone_however_it_ends(server_directory, ending):
    with private_postgres(server_directory) as server:
        url = server.url("postgres")
        process = start_selftest(url)
        assert leftovers(url)
        os.kill(process.pid, ending)
        _, complaint = process.communicate(timeout=60)
        deadline = time.monotonic() + 15
        while leftovers(url):
            assert time.monotonic() < deadline, leftovers(url)
            time.sleep(0.1)
        assert process.returncode != 0
        assert "Traceback" not in complaint


def test_what_an_earlier_one_left_behind_goes_after_an_hour(server_directory):
    with private_postgres(server_directory) as server:
        old, young = (f"{PREFIX}{int(time.time()) - age:08x}0000beef" for age in (3700, 60))
        for name in (old, young):
            server.create_database(name)
        process = start_selftest(server.url("postgres"))
        standing = leftovers(server.url("postgres"))
        process.terminate()
        process.communicate(timeout=60)
    assert old not in standing
    assert young in standing


def test_the_protected_role_is_told_what_it_lacks(world):
    roles = Protection(f"cleaner_{secrets.token_hex(4)}", f"owner_{secrets.token_hex(4)}")
    protect(world.database, world.permit, roles)
    try:
        world.sql(f"ALTER ROLE {roles.login} PASSWORD 'secret'")
        place = world.url.rpartition("@")[2]
        result = prodtest("selftest", "--db-url", f"postgresql://{roles.login}:secret@{place}", **TEST_MODE)
    finally:
        unprotect(world.database, world.permit)
    assert result.code == 2
    assert "CREATEDB" in result.complaint


def test_a_role_that_may_create_databases_and_roles_and_is_no_superuser_keeps_every_promise(server_directory):
    with private_postgres(server_directory) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE keeper LOGIN PASSWORD 'secret' CREATEDB CREATEROLE")
        url = f"postgresql://keeper:secret@{server.host}:{server.port}/postgres"
        report = prodtest("selftest", "--json", "--db-url", url, **TEST_MODE).json()
        assert [found for found in report["results"] if found["outcome"] != "kept"] == []
        assert leftovers(server.url("postgres")) == []


def test_promises_about_roles_are_named_as_untested_where_no_role_may_be_made(server_directory):
    with private_postgres(server_directory) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE keeper LOGIN PASSWORD 'secret' CREATEDB")
        url = f"postgresql://keeper:secret@{server.host}:{server.port}/postgres"
        result = prodtest("selftest", "--json", "--db-url", url, **TEST_MODE)
    outcomes = [found["outcome"] for found in result.json()["results"]]
    assert result.code == 0
    assert set(outcomes) == {"kept", "not tested"}
    assert outcomes.count("not tested") == 5


def test_without_test_mode_it_writes_nothing(postgres):
    result = prodtest("selftest", "--db-url", postgres.url("postgres"))
    assert result.code == 3
    assert "PRODUCTION_DB_TEST_MODE" in result.complaint
