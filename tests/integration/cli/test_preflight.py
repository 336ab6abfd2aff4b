"""The checklist before a run: what it looks at, what it says about it, and that it only looks."""

import os
import pty
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from prodtest_assets.cli.preflight.disk import archive_line, free_disk
from prodtest_assets.cli.preflight.lines import Level
from prodtest_assets.testdata.protect import Protection, protect, unprotect
from tests.booking_world import BookingWorld
from tests.integration.cli.commands import Result, command, environment, prodtest

# In the order in which a person would ask.
_EVERYTHING = [
    "database URL", "database", "database name", "primary", "server identity", "server version", "clock",
    "migration", "index", "foreign keys", "rights", "schema prodtest", "archive", "test mode", "auto cleanup",
    "retention", "suite", "application", "API key", "signature", "calendar",
]  # fmt: skip


def lines(result: Result) -> dict[str, dict[str, Any]]:
    """The checklist by the names of its lines."""
    return {line["name"]: line for line in result.json()["lines"]}


def check(world: BookingWorld, url: str | None = None, **settings: str) -> dict[str, dict[str, Any]]:
    """The checklist for a database, in test mode and without an application."""
    settings = {"PRODUCTION_DB_TEST_MODE": "true", **settings}
    return lines(prodtest("preflight", "--json", PRODUCTION_DB_URL=url or world.url, **settings))


def on_terminal(*arguments: str, **settings: str) -> str:
    """What a command shows on a terminal."""
    here, there = pty.openpty()
    process = subprocess.Popen(command(*arguments), env=environment(settings), stdin=there, stdout=there, stderr=there)
    os.close(there)
    shown = b""
    try:
        # Linux says EIO when nobody is left at the other end.
        with suppress(OSError):
            while part := os.read(here, 4096):
                shown += part
    finally:
        process.kill()
        process.wait()
        os.close(here)
    return shown.decode()


class _Application(BaseHTTPRequestHandler):
    status: ClassVar[int] = 200
    keys: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        """Note the key, and answer as the test wants."""
        self.keys.append(self.headers["X-API-Key"])
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def application(status: int) -> Iterator[tuple[str, list[str | None]]]:
    """An application whose health has that status: its address, and the keys it was sent."""
    handler = type("_Now", (_Application,), {"status": status, "keys": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", handler.keys  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def role(world: BookingWorld) -> Iterator[tuple[str, str]]:
    """A role that may connect and nothing else: its name and its URL."""
    name = f"tester_{secrets.token_hex(4)}"
    world.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'p@ss:/%%word'")
    yield (
        name,
        f"postgresql://{name}:p@ss:/%word@{urlsplit(world.url).netloc.rpartition('@')[2]}{urlsplit(world.url).path}",
    )
    world.sql(f"DROP OWNED BY {name}")
    world.sql(f"DROP ROLE {name}")


def test_everything_a_run_needs_has_a_line_and_nothing_is_written(world: BookingWorld) -> None:
    world.sql("DROP SCHEMA prodtest CASCADE")
    with application(200) as (url, _):
        result = prodtest(
            "preflight", "--json", "--db-url", world.url, PRODUCTION_DB_TEST_MODE="true", PRODUCTION_TEST_URL=url
        )
    assert (result.code, result.err) == (0, "")
    assert list(lines(result)) == _EVERYTHING
    assert all(line["do"] for line in lines(result).values() if line["level"] == "warn")
    assert "bf439ec8d57f" in lines(result)["migration"]["message"]
    assert world.sql("SELECT to_regnamespace('prodtest') AS ours") == [{"ours": None}]


def test_a_person_sees_the_same_lines_and_how_many_to_look_at(world: BookingWorld) -> None:
    result = prodtest("preflight", "--db-url", world.url)
    assert all(f"  {name}" in result.out for name in _EVERYTHING if name not in ("API key", "signature"))
    assert result.out.splitlines()[-1].startswith("not ready: 2 failed, ")
    assert result.complaint.startswith("not ready: test mode: off")
    assert result.code == 3


def test_a_narrow_terminal_gets_lines_that_fit_and_no_colour_where_none_is_wanted(world: BookingWorld) -> None:
    coloured = on_terminal("preflight", PRODUCTION_DB_URL=world.url, COLUMNS="60")
    assert "\x1b[" in coloured
    plain = on_terminal("preflight", PRODUCTION_DB_URL=world.url, COLUMNS="60", NO_COLOR="1")
    assert "\x1b[" not in plain
    checklist = plain.partition("not ready:")[0].splitlines()
    assert len(checklist) > len(_EVERYTHING)
    # An address is not broken, so that it can be copied.
    assert all(len(line) <= 60 for line in checklist if "://" not in line)


def test_a_mark_that_may_be_null_is_no_mark(world: BookingWorld) -> None:
    world.sql("ALTER TABLE appointments ALTER is_test_data DROP NOT NULL")
    found = check(world)["migration"]
    assert found["level"] == "fail"
    assert "never null" in found["message"]


def test_a_missing_index_is_a_warning_and_one_of_another_name_is_none(world: BookingWorld) -> None:
    world.sql("DROP INDEX ix_appointments_is_test_data")
    assert check(world)["index"]["level"] == "warn"
    world.sql("CREATE INDEX another ON appointments (is_test_data, created_at)")
    assert check(world)["index"]["level"] == "pass"


def test_a_foreign_key_without_an_index_is_a_warning_with_the_statement_that_helps(world: BookingWorld) -> None:
    assert check(world)["foreign keys"]["level"] == "pass"
    world.sql('CREATE TABLE "Sent" (id uuid PRIMARY KEY, "of" bigint REFERENCES appointments ON DELETE CASCADE)')
    world.sql('CREATE TABLE read (sent uuid REFERENCES "Sent" ON DELETE CASCADE, who bigint REFERENCES users, a int)')
    world.sql("CREATE INDEX ON read (a, who)")
    world.sql("CREATE INDEX ON read (who) WHERE a > 0")
    found = check(world)["foreign keys"]
    assert found["level"] == "warn"
    assert found["message"] == (
        "without an index each removed row reads the whole table: Sent (Sent_of_fkey), read (read_sent_fkey), read"
        " (read_who_fkey)"
    )
    for statement in found["do"].split(";")[:-1]:
        assert "CONCURRENTLY" in statement
        world.sql(statement)
    assert check(world)["foreign keys"]["level"] == "pass"
    world.sql("DROP INDEX read_who_idx1")
    world.sql("CREATE INDEX ON read (who) WHERE who IS NOT NULL")
    assert check(world)["foreign keys"]["level"] == "pass"


def test_a_history_of_its_own_is_said(world: BookingWorld) -> None:
    world.sql("UPDATE alembic_version SET version_num = '0123456789ab'")
    assert "0123456789ab, a history of its own" in check(world)["migration"]["message"]


def test_a_superuser_is_told_that_less_would_do(world: BookingWorld) -> None:
    found = check(world)["rights"]
    assert (found["level"], "prodtest protect" in found["do"]) == ("warn", True)


def test_what_a_role_may_do_is_judged_step_by_step(world: BookingWorld, role: tuple[str, str]) -> None:
    name, url = role
    assert check(world, url)["schema prodtest"]["message"] == "this role may not use it"
    world.sql(f"GRANT USAGE ON SCHEMA prodtest TO {name}")
    assert "may not read" in check(world, url)["rights"]["message"]
    world.sql(f"GRANT SELECT ON users, appointments, alembic_version TO {name}")
    found = check(world, url)["rights"]
    assert (found["level"], found["message"]) == ("fail", f"{name} may read, but not clean up")
    world.sql(f"GRANT UPDATE, DELETE ON users, appointments TO {name}")
    assert check(world, url)["rights"]["message"] == f"{name} may read and clean up"


def test_the_protected_role_passes(world: BookingWorld, role: tuple[str, str]) -> None:
    name, url = role
    protect(world.database, world.permit, Protection(name, f"{name}_owner"))
    try:
        found = check(world, url)["rights"]
    finally:
        unprotect(world.database, world.permit)
    assert (found["level"], "through prodtest's functions" in found["message"]) == ("pass", True)


def test_a_password_with_every_special_character_stays_secret(world: BookingWorld, role: tuple[str, str]) -> None:
    result = prodtest("preflight", "--db-url", role[1])
    assert "ss:/%word" not in result.out + result.err
    assert f"{role[0]}:***@" in result.out


@pytest.mark.parametrize(("status", "code", "setting"), [(401, 0, "API_KEY"), (302, 0, "TEST_URL"), (503, 1, "log")])
def test_what_the_application_answers_decides_what_to_do(
    world: BookingWorld, status: int, code: int, setting: str
) -> None:
    with application(status) as (url, keys):
        result = prodtest(
            "preflight", "--json",
            PRODUCTION_DB_URL=world.url, PRODUCTION_DB_TEST_MODE="true", PRODUCTION_TEST_URL=url,
            PRODUCTION_API_KEY="secret-key",
        )  # fmt: skip
    assert result.code == code
    assert setting in lines(result)["application"]["do"]
    assert keys == ["secret-key"]
    assert "secret-key" not in result.out + result.err


@pytest.mark.parametrize("key", ["schl\u00fcssel", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_a_wrong_setting(world: BookingWorld, key: str) -> None:
    settings = {"PRODUCTION_DB_TEST_MODE": "true", "PRODUCTION_TEST_URL": "http://127.0.0.1:1"}
    for name in ("preflight", "run"):
        result = prodtest(name, PRODUCTION_DB_URL=world.url, PRODUCTION_API_KEY=key, **settings)
        assert result.code == 2
        assert "PRODUCTION_API_KEY" in result.complaint
        assert key not in result.out + result.err


def test_a_suite_or_a_script_that_is_missing_fails(world: BookingWorld, tmp_path: Path) -> None:
    (tmp_path / "script.toml").write_text("[[answer]]\nnonsense = 1\n")
    found = check(world, PRODTEST_SUITE="/nowhere", PRODTEST_CALL_SCRIPT=str(tmp_path / "script.toml"))
    assert (found["suite"]["level"], found["call script"]["level"]) == ("fail", "fail")


def test_wrong_settings_are_the_only_line() -> None:
    result = prodtest("preflight", "--json", TEST_DATA_RETENTION_HOURS="soon")
    assert (result.code, list(lines(result))) == (2, ["settings"])


@pytest.mark.parametrize(
    ("free", "level"), [(None, "pass"), (50_000_000, "fail"), (500_000_000, "warn"), (5e9, "pass")]
)
def test_little_room_for_the_archive_is_said(free: float | None, level: str) -> None:
    assert archive_line(1_000_000, None if free is None else int(free)).level == Level(level)


def test_free_disk_is_only_taken_from_the_server_that_was_asked(world: BookingWorld) -> None:
    found = world.database.row("readiness")
    system_id = world.database.row("server_identity")["system_id"]
    assert (free_disk(found, system_id) or 0) > 0
    assert free_disk(found, system_id + 1) is None
    assert free_disk({**found, "data_directory": "/nowhere"}, system_id) is None
    assert free_disk({**found, "data_directory": None}, system_id) is None
