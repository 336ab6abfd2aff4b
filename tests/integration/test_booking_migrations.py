"""The migrations of the booking application's tables, by Alembic's command line and by program."""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from prodtest_assets.errors import ConfigurationError, RefusedForSafety, Unreachable
from prodtest_assets.sandbox.database import open_engine
from prodtest_assets.sandbox.marker import mark_as_sandbox
from prodtest_assets.sandbox.models import metadata

ROOT = Path(__file__).parents[2]
HEAD, BASELINE = "bf439ec8d57f", "0a1c0f5e2b77"


def _config(url: str) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.attributes["sqlalchemy.url"] = url
    return config


def _alembic(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def _query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def _catalog(url: str) -> Mapping[str, list[tuple[Any, ...]]]:
    """All that PostgreSQL knows about schema public, with the transactions that wrote it."""
    public = "'public'::regnamespace"
    return {
        "relations": _query(url, f"SELECT xmin::text, oid, relname, relkind, reloptions FROM pg_class"
                                 f" WHERE relnamespace = {public} ORDER BY oid"),
        "columns": _query(url, f"SELECT a.xmin::text, a.attrelid, a.attname, a.atttypid, a.attnotnull, a.attisdropped"
                               f" FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
                               f" WHERE c.relnamespace = {public} ORDER BY a.attrelid, a.attnum"),
        "constraints": _query(url, f"SELECT xmin::text, oid, pg_get_constraintdef(oid) FROM pg_constraint"
                                   f" WHERE connamespace = {public} ORDER BY oid"),
        "version": _query(url, "SELECT xmin::text, ctid::text, version_num FROM public.alembic_version"),
    }  # fmt: skip


def _version(url: str) -> str | None:
    if _query(url, "SELECT to_regclass('public.alembic_version')") == [(None,)]:
        return None
    rows = _query(url, "SELECT version_num FROM alembic_version")
    return rows[0][0] if rows else None


@pytest.fixture
def migrated(empty_database: str) -> str:
    """A database at the newest revision, without the sandbox's marker."""
    command.upgrade(_config(empty_database), "head")
    return empty_database


def test_the_migrated_schema_is_what_the_models_declare(migrated: str) -> None:
    engine = open_engine(migrated)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()

    assert differences == []
    assert _version(migrated) == HEAD


def test_a_database_at_the_newest_revision_is_left_as_it_is(migrated: str) -> None:
    before = _catalog(migrated)

    command.upgrade(_config(migrated), "head")

    assert _catalog(migrated) == before


def test_rows_that_are_there_are_customers_rows(empty_database: str) -> None:
    command.upgrade(_config(empty_database), BASELINE)
    _execute(
        empty_database,
        "WITH anna AS (INSERT INTO users (full_name, mobile) VALUES ('Anna Berg', '+447700900123') RETURNING id)"
        " INSERT INTO appointments (user_id, starts_at) SELECT id, now() FROM anna",
    )

    command.upgrade(_config(empty_database), "head")

    assert _query(empty_database, "SELECT is_test_data, duration_min, status FROM appointments") == [
        (False, 30, "booked")
    ]


def test_a_mark_that_is_there_already_stays_as_it_is(empty_database: str) -> None:
    command.upgrade(_config(empty_database), BASELINE)
    _execute(empty_database, "ALTER TABLE appointments ADD is_test_data boolean NOT NULL DEFAULT false")
    _execute(empty_database, "CREATE INDEX ix_appointments_is_test_data ON appointments (is_test_data)")

    command.upgrade(_config(empty_database), "head")

    assert _version(empty_database) == HEAD


def test_up_down_and_up_again_works_on_the_sandboxs_own_database(migrated: str) -> None:
    mark_as_sandbox(migrated)

    command.downgrade(_config(migrated), "-1")
    assert _version(migrated) == BASELINE
    command.downgrade(_config(migrated), "base")
    assert _query(migrated, "SELECT to_regclass('public.users')") == [(None,)]
    command.upgrade(_config(migrated), "head")

    assert _version(migrated) == HEAD


@pytest.mark.parametrize("target", ["-1", "base"])
def test_going_down_is_refused_everywhere_else(migrated: str, target: str) -> None:
    before = _catalog(migrated)

    with pytest.raises(RefusedForSafety, match="marker"):
        command.downgrade(_config(migrated), target)
    printed = _alembic("downgrade", f"{HEAD}:base", "--sql", PRODUCTION_DB_URL=migrated)

    assert _catalog(migrated) == before
    assert printed.returncode != 0
    assert "DROP" not in printed.stdout


def test_a_revision_of_another_chain_is_named_and_nothing_is_done(migrated: str) -> None:
    _execute(migrated, "UPDATE alembic_version SET version_num = 'c0ffee000001'")
    before = _catalog(migrated)

    with pytest.raises(ConfigurationError, match=r"c0ffee000001.*nothing was done"):
        command.upgrade(_config(migrated), "head")

    assert _catalog(migrated) == before


def test_tables_without_a_revision_are_left_to_their_application(empty_database: str) -> None:
    _execute(empty_database, "CREATE TABLE users (id bigint PRIMARY KEY)")

    with pytest.raises(ConfigurationError, match=r"must add appointments\.is_test_data"):
        command.upgrade(_config(empty_database), "head")

    assert _version(empty_database) is None
    assert _query(empty_database, "SELECT to_regclass('public.appointments')") == [(None,)]


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"]
)
def test_the_command_line_takes_every_documented_scheme(empty_database: str, scheme: str) -> None:
    url = empty_database.replace("postgresql://", f"{scheme}://")

    done = _alembic("upgrade", "head", PRODUCTION_DB_URL=url)

    assert (done.returncode, done.stderr) == (0, "")
    assert _version(empty_database) == HEAD


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "PRODUCTION_DB_URL is not set"),
        ("mysql://anna:sesame@127.0.0.1/booking", "must start with postgresql://"),
        ("postgresql://anna:sesame@127.0.0.1:1/booking_test", "does not answer"),
        ("postgresql://anna:sesame@127.0.0.1:port/booking_test", "cannot be read"),
    ],
)
def test_the_command_line_says_in_one_line_what_is_wrong_with_the_url(url: str, said: str) -> None:
    failed = _alembic("upgrade", "head", PRODUCTION_DB_URL=url)

    output = (failed.stdout + failed.stderr).strip()
    assert failed.returncode != 0
    assert said in output
    assert len(output.splitlines()) == 1
    assert "sesame" not in output


def test_two_migrations_at_once_take_turns(empty_database: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: _alembic("upgrade", "head", PRODUCTION_DB_URL=empty_database), range(3)))

    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 3


def test_what_the_database_refuses_is_one_line_too(postgres: Any, empty_database: str) -> None:
    _execute(empty_database, "CREATE ROLE reader LOGIN PASSWORD 'sesame'")
    try:
        url = f"postgresql://reader:sesame@127.0.0.1:{postgres.port}/{empty_database.rpartition('/')[2]}"
        failed = _alembic("upgrade", "head", PRODUCTION_DB_URL=url)
    finally:
        _execute(empty_database, "DROP ROLE reader")

    output = (failed.stdout + failed.stderr).strip()
    assert "permission denied" in output
    assert len(output.splitlines()) == 1
    assert "sesame" not in output


def test_a_program_gets_our_errors(empty_database: str) -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        command.upgrade(_config(f"{empty_database}_missing"), "head")


def test_the_sql_can_be_printed_for_someone_else_to_run(empty_database: str) -> None:
    printed = _alembic("upgrade", "head", "--sql")

    _execute(empty_database, printed.stdout)

    assert _version(empty_database) == HEAD
