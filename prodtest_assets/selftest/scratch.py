"""The scratch database: made for one self-test, gone after it however that ends."""

import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.selftest.world import filled, statement
from prodtest_assets.testdata.connection import Database, normalize_url, open_database, translated_errors

PREFIX = "booking_test_selftest_"
# Eight hexadecimal digits of the time it was made, eight that are drawn.
_NAME = re.compile(rf"^{PREFIX}([0-9a-f]{{8}})([0-9a-f]{{8}})$")
_LEFT_BEHIND_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Scratch:
    """A scratch database and what its server lets us do.

    Attributes:
        roles: names of a login role and an owner that may be made; None where this role may not make any.
        version: the server's.
    """

    url: str
    name: str
    roles: tuple[str, str] | None
    is_superuser: bool
    version: str


@contextmanager
def scratch_database(url: str) -> Iterator[Scratch]:
    """Make a scratch database on the server of `url`, and drop it in the end.

    What earlier self-tests left behind more than an hour ago is dropped first. A guard process drops this one when
    this process is killed.

    Args:
        url: any database of the server, in any documented form; nothing is written to it.

    Raises:
        ConfigurationError: this role may not create a database, or the URL is wrong.
        Unreachable: the server does not answer.
    """
    with open_database(url) as server:
        abilities = _abilities(server)
        _drop_what_was_left_behind(server)
        name = f"{PREFIX}{int(time.time()):08x}{secrets.token_hex(4)}"
        with _guard(url, name):
            try:
                with translated_errors():
                    server.connection.execute(filled("create_database", name=sql.Identifier(name)))
                yield Scratch(
                    url=with_database(url, name),
                    name=name,
                    roles=roles_of(name) if abilities["may_create_roles"] else None,
                    is_superuser=abilities["is_superuser"],
                    version=abilities["version"],
                )
            finally:
                # A new session, since the old one may have been cut off with the server.
                with open_database(url) as again:
                    drop(again, name)


def with_database(url: str, name: str) -> str:
    """`url` with another database."""
    return urlunsplit(urlsplit(normalize_url(url))._replace(path=f"/{name}"))


def with_login(url: str, role: str, password: str) -> str:
    """`url` for another role."""
    parts = urlsplit(normalize_url(url))
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password, safe='')}@{place}"))


def roles_of(name: str) -> tuple[str, str]:
    """The login role and the owner that belong to a scratch database."""
    suffix = name.removeprefix(PREFIX)
    return f"prodtest_selftest_{suffix}_cleaner", f"prodtest_selftest_{suffix}_owner"


def drop(server: Database, name: str) -> None:
    """Drop a scratch database, cutting off whoever is connected, and its roles; missing ones are fine.

    Raises:
        ValueError: it is not the name of a scratch database.
    """
    if not _NAME.match(name):
        raise ValueError(f"{name} is no scratch database")
    with translated_errors():
        server.connection.execute(filled("drop_database", name=sql.Identifier(name)))
    for role in roles_of(name):
        # Only those who may create roles may drop one, and then there is none.
        with suppress(psycopg.errors.InsufficientPrivilege):
            server.connection.execute(filled("drop_role", name=sql.Identifier(role)))


def _abilities(server: Database) -> dict[str, Any]:
    with translated_errors():
        found = server.connection.execute(statement("abilities")).fetchone() or {}
    if not found["may_create_database"]:
        role = found["role"]
        raise ConfigurationError(
            f"role {role} may not create a database, and the self-test works in one of its own: "
            f"ALTER ROLE {role} CREATEDB, or give the --db-url of a role that may"
        )
    return dict(found)


def _drop_what_was_left_behind(server: Database) -> None:
    with translated_errors():
        found = server.connection.execute(statement("databases_like"), {"pattern": f"{PREFIX}%"}).fetchall()
    for row in found:
        made = _NAME.match(row["name"])
        if made and time.time() - int(made[1], 16) > _LEFT_BEHIND_SECONDS:
            drop(server, row["name"])


@contextmanager
def _guard(url: str, name: str) -> Iterator[None]:
    """A process that drops the database when this one is gone without having said that it is done."""
    with subprocess.Popen(
        [sys.executable, "-m", "prodtest_assets.selftest.guard"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for us alone
    ) as process:
        assert process.stdin is not None
        process.stdin.write(f"{normalize_url(url)}\n{name}\n".encode())
        process.stdin.flush()
        try:
            yield
        finally:
            with suppress(BrokenPipeError):
                process.stdin.write(b"done\n")
                process.stdin.flush()
