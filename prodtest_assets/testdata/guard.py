"""Where may be written: the door every write goes through."""

import re
from dataclasses import dataclass

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.testdata.connection import Database

_ALLOWING = frozenset({"test", "staging", "dev"})
_FORBIDDING = frozenset({"prod", "production", "live"})


@dataclass(frozen=True, slots=True)
class WriteRules:
    """What the person who runs this has said about writing.

    Attributes:
        test_mode: `PRODUCTION_DB_TEST_MODE`.
        allow_database: a database name that is allowed although it does not say test.
        expected_system_id: the PostgreSQL system identifier that must match, if given.
    """

    test_mode: bool
    allow_database: str | None = None
    expected_system_id: str | None = None


@dataclass(frozen=True, slots=True)
class WritePermit:
    """Proof that `authorize_writes` has looked at this database. Only that function makes one."""

    database_name: str


def authorize_writes(database: Database, rules: WriteRules) -> WritePermit:
    """Allow writes to `database`, or say why not.

    The name is what `current_database()` answers, since poolers alias the one in a URL.

    Raises:
        RefusedForSafety: test mode is off, the name does not say test, the server is another one than expected,
            or it is a read replica.
    """
    if not rules.test_mode:
        raise RefusedForSafety("writing needs test mode: set PRODUCTION_DB_TEST_MODE=true")
    facts = database.row("server_identity")
    reason = reason_to_refuse_name(database.name, rules.allow_database)
    if reason:
        raise RefusedForSafety(reason)
    if facts["is_replica"]:
        raise RefusedForSafety(f"database {database.name!r} is a read replica: connect to its primary")
    if rules.expected_system_id and str(facts["system_id"]) != rules.expected_system_id:
        raise RefusedForSafety(
            f"the server's system identifier is {facts['system_id']}, PRODTEST_EXPECTED_SYSTEM_ID says otherwise"
        )
    return WritePermit(database.name)


def reason_to_refuse_name(name: str, allowed: str | None) -> str | None:
    """Why a database of this name may not be written to; None when it may.

    Args:
        name: the server's own name for the database.
        allowed: the exact name a person has allowed, if any.
    """
    if allowed is not None and name == allowed:
        return None
    words = frozenset(re.findall("[a-z]+", name.lower()))
    hint = f"give --allow-database {name} or set PRODTEST_ALLOW_DATABASE if it is meant"
    if words & _FORBIDDING:
        return f"database {name!r} calls itself {'/'.join(sorted(words & _FORBIDDING))}: {hint}"
    if not words & _ALLOWING:
        return f"database {name!r} does not say test, staging or dev in its name: {hint}"
    return None
