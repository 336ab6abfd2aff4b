"""Every statement by its name, with the shared predicates filled in."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import LiteralString

_NAMED = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{([a-z]\w*)(?::([\w.]+))?\}")

# Most numbers need no regular expression, which would cost more than everything else about their row.
_BARE = (
    "CASE WHEN translate($, '+0123456789', '') = '' THEN ltrim($, '+') ELSE regexp_replace($, '[^0-9]', '', 'g') END"
)
# Without the North American 1, so that every spelling of a number is the same; as `identity.digits`.
# Most of these numbers are written the international way, which is seen at a glance.
_DIGITS = (
    "CASE WHEN left($, 2) = '+1' AND length($) = 12 AND translate(substr($, 3), '0123456789', '') = '' "
    "THEN substr($, 3) "
    f"WHEN length({_BARE}) = 11 AND left({_BARE}, 1) = '1' THEN substr({_BARE}, 2) "
    f"WHEN length({_BARE}) = 13 AND left({_BARE}, 3) = '001' THEN substr({_BARE}, 4) ELSE {_BARE} END"
)
# A function whose result has changed cannot be replaced. Those that an index or a trigger needs stay.
_DROP_FUNCTIONS = """DO $$
DECLARE
    ours text;
BEGIN
    FOR ours IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'prodtest'::regnamespace
                AND p.proname NOT IN ('is_reserved_number', 'are_reserved_digits')
                AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgfoid = p.oid) LOOP
        EXECUTE 'DROP FUNCTION ' || ours;
    END LOOP;
END
$$;"""
# Ids are given out anew when tables are emptied or reloaded, so a ledger row also knows when its rows were created.
_SHARED = {
    "digits": _DIGITS,
    "made_row": "$.appointment_id = a.id AND $.user_id = a.user_id AND $.appointment_created_at = a.created_at",
    "may_adopt": "{made_row:$} AND NOT $.marked_by_app AND $.adopted_at IS NULL",
    "made_user": "$.user_id = u.id AND $.user_created_at = u.created_at",
    "since": "CASE WHEN isfinite($) THEN $ ELSE 'infinity' END",
}
_WITH_SCHEMA = _SHARED | {
    "reserved_digits": "prodtest.are_reserved_digits($)",
    "reserved": "prodtest.is_reserved_number($)",
}
_WITHOUT_SCHEMA = _SHARED | {
    "reserved_digits": "$ ~ %(reserved)s",
    "reserved": "({digits:$}) ~ %(reserved)s",
}

_IN_FUNCTIONS = {
    "cutoff": "p_cutoff",
    "run_id": "p_run",
    "named": "v_named",
    "named_users": "v_named_users",
    "scopes": "v_scopes",
    "active_only": "v_active_only",
    "foreseen_blocked": "",
    "blocked_row": "false",
    "blocked_user": "false",
}
_IN_QUERIES = {
    # In parentheses of its own, so that it is found out once and not for each row; hours, not days of 23 to 25 hours.
    "cutoff": "(SELECT coalesce(%(cutoff)s::timestamptz, "
    "now() - make_interval(secs => extract(epoch FROM %(retention)s::interval)::float)))",
    "run_id": "%(run_id)s::uuid",
    "named": "%(named)s::bigint[]",
    "named_users": "%(named_users)s::bigint[]",
    "scopes": "%(scopes)s::text[]",
    "active_only": "%(active_only)s::boolean",
    "foreseen_blocked": "UNION ALL SELECT 'public.appointments'::regclass, unnest(%(blocked)s::bigint[]) "
    "UNION ALL SELECT 'public.users'::regclass, unnest(%(blocked_users)s::bigint[])",
    "blocked_row": "k.id IN (SELECT b.row_id FROM blocked b WHERE b.table_oid = 'public.appointments'::regclass)",
    "blocked_user": "t.id IN (SELECT b.row_id FROM blocked b WHERE b.table_oid = 'public.users'::regclass)",
}
_SPARED = "{active_only} AND (k.cancelled_at IS NOT NULL OR k.status = 'cancelled')"


@cache
def query(name: str, *, with_schema: bool = True) -> LiteralString:
    """The statement `name` of `queries/`, ready for psycopg's named parameters.

    Args:
        name: as in its `-- name:` line.
        with_schema: whether schema `prodtest` stands; without it, nothing is ledgered, held or archived.
    """
    values = dict(_IN_QUERIES)
    if not with_schema:
        values["sources"] = _blocks("predicates.sql")["sources_without_schema"]
    return _fill(_blocks("queries")[name], values | (_WITH_SCHEMA if with_schema else _WITHOUT_SCHEMA))


def block(file: str, name: str) -> LiteralString:
    """One named statement of another file of this folder, as it stands there.

    Args:
        file: its name, such as `protect.sql`.
        name: as in the statement's `-- name:` line.
    """
    return _blocks(file)[name]


def functions() -> LiteralString:
    """The statements that install every function of schema `prodtest`.

    They are the one door to the application's tables: nothing else in this project inserts into the ledger,
    marks, archives, deletes or restores a row. Every function fixes its search_path and names schemas in full.
    Its errors carry a code of class PT, which `connection.py` turns into ours.
    """
    text = "\n".join(_read("functions"))
    # The bodies name each other, so they can only be checked when all of them stand.
    return f"SET LOCAL check_function_bodies = off;\n{_DROP_FUNCTIONS}\n" + _fill(text, _IN_FUNCTIONS | _WITH_SCHEMA)


def _fill(text: str, values: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name, argument = match.groups()
        if name == "only_appointments":
            return ""
        if name == "spared":
            return "false"
        if name in values:
            return _fill(values[name].replace("$", argument or ""), values)
        return _fill(_narrow(_blocks("predicates.sql")[name], argument), values)

    return _PLACEHOLDER.sub(replace, text)


def _narrow(block: str, restriction: str | None) -> str:
    block = block.replace("{known}", _blocks("predicates.sql")["known"])
    for word in (restriction or "").split("."):
        if word == "by_id":
            block = block.replace("{only_appointments}", "AND a.id = ANY (v_ids)").replace(
                "{everybody}", "SELECT unnest(v_ids) AS id"
            )
        elif word == "by_user":
            block = block.replace("{only_appointments}", "AND a.user_id = ANY (v_ids)")
        elif word == "as_asked":
            block = block.replace("{judged_known}", _blocks("predicates.sql")["judged_known"])
            block = block.replace("{spared}", _SPARED)
    return block


def named_statements(text: LiteralString) -> dict[str, LiteralString]:
    """The statements of a file by the names in their `-- name:` lines."""
    parts = _NAMED.split(text)
    return {name: body.rstrip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def _blocks(name: str) -> dict[str, LiteralString]:
    return {title: text for file in _read(name) for title, text in named_statements(file).items()}


@cache
def _read(name: str) -> list[LiteralString]:
    """The text of a file, or of each file of a folder in the order of their names."""
    place = _folder().joinpath(name)
    files_in_order = sorted(place.iterdir(), key=lambda entry: entry.name) if place.is_dir() else [place]
    return [file.read_text(encoding="utf-8") for file in files_in_order if file.name.endswith(".sql")]


def _folder() -> Traversable:
    return files("prodtest_assets.testdata")


def reserved_number_function(pattern: str) -> LiteralString:
    """The statement that teaches the database which numbers belong to tests.

    Args:
        pattern: of `ReservedNumbers`; it holds no quote.
    """
    number = _DIGITS.replace("$", "$1")
    return (
        "CREATE OR REPLACE FUNCTION prodtest.are_reserved_digits(text) RETURNS boolean "
        f"LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT $1 ~ '{pattern}' $$;"
        "CREATE OR REPLACE FUNCTION prodtest.is_reserved_number(text) RETURNS boolean "
        f"LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT ({number}) ~ '{pattern}' $$;"
        f"COMMENT ON SCHEMA prodtest IS '{fingerprint(pattern)}'"
    )


def fingerprint(pattern: str) -> str:
    """What stands installed, in short: changes with the functions, the tables' names and the reserved numbers."""
    import hashlib  # commands that only read do without it

    return hashlib.sha256(f"{functions()}{pattern}{partial_indexes()}".encode()).hexdigest()[:16]


def partial_indexes() -> dict[str, LiteralString]:
    """The statements that build the indexes on the application's tables, by the index's name."""
    return {
        "public.prodtest_stale_test_rows": (
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS prodtest_stale_test_rows "
            "ON public.appointments (created_at) WHERE is_test_data"
        ),
        "public.prodtest_reserved_users": (
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS prodtest_reserved_users "
            "ON public.users (id) WHERE prodtest.is_reserved_number(mobile)"
        ),
    }
