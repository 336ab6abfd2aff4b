"""The texts of an application: tables that belong to its appointments and to each other, and the books of them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString, cast

import psycopg
from psycopg.rows import TupleRow

# Its table and what tells it from others there.
Text = tuple[str, str]

# A message may answer one of any appointment, a delivery knows its message and an appointment, also another one than
# the message does, and a receipt has no key at all.
_TABLES: tuple[LiteralString, ...] = (
    "CREATE TABLE messages (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), of bigint NOT NULL REFERENCES appointments"
    " ON DELETE CASCADE, message uuid REFERENCES messages ON DELETE CASCADE)",
    "CREATE TABLE deliveries (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, of bigint NOT NULL"
    " REFERENCES appointments ON DELETE CASCADE, message uuid REFERENCES messages ON DELETE CASCADE)",
    "CREATE TABLE receipts (id uuid DEFAULT gen_random_uuid(), of bigint REFERENCES appointments ON DELETE CASCADE,"
    " message uuid NOT NULL REFERENCES messages ON DELETE CASCADE)",
)
_NAMES = ("messages", "deliveries", "receipts")
# Each text with whether it stands in its table, what it refers to, and all of it.
_FOUND = " UNION ALL ".join(
    f"SELECT '{name}', id::text, true, of, message::text, t::text FROM {name} t UNION ALL"
    f" SELECT '{name}', t.id::text, false, t.of, t.message::text, t::text FROM prodtest.archived_row a,"
    f" jsonb_populate_record(NULL::{name}, a.content) t WHERE a.table_oid = '{name}'::regclass"
    for name in _NAMES
)


@dataclass(slots=True)
class Texts:
    """What the application has written, oldest first, and which of it was in the archive at the last check."""

    connection: psycopg.Connection[TupleRow]
    written: dict[Text, str] = field(default_factory=dict)
    archived: set[Text] = field(default_factory=set)

    def create(self) -> None:
        """The tables, empty."""
        for table in _TABLES:
            self.connection.execute(table)

    def standing(self) -> list[Text]:
        """What stands in the tables now, oldest first."""
        found = {(row[0], row[1]) for row in self._found() if row[2]}
        return [text for text in self.written if text in found]

    def write(self, table: str, of: int | None, message: str | None) -> None:
        """A new text."""
        row = self._one(
            f"INSERT INTO {table} (of, message) VALUES (%s, %s) RETURNING id::text, {table}::text", of, message
        )
        assert row is not None
        self.written[table, row[0]] = row[1]

    def give(self, text: Text, column: str, to: object) -> None:
        """Let one refer to something else."""
        table, key = text
        row = self._one(f"UPDATE {table} SET {column} = %s WHERE id::text = %s RETURNING {table}::text", to, key)
        assert row is not None
        self.written[text] = row[0]

    @contextmanager
    def going_along(self) -> Iterator[None]:
        """Strike out what goes when the application itself deletes something."""
        before = self.standing()
        yield
        for text in set(before) - set(self.standing()):
            del self.written[text]

    def check(self, kept: set[int]) -> None:
        """Each text is in one place, as it was written; with an appointment or message that must stay it stays too.

        Args:
            kept: appointments from which no cleanup may take anything.
        """
        found = self._found()
        assert Counter((row[0], row[1], row[5]) for row in found) == Counter(
            (*text, content) for text, content in self.written.items()
        ), "a text was lost, changed or doubled"
        archived = {(row[0], row[1]) for row in found if not row[2]}
        messages = {row[1] for row in found if row[0] == "messages" and row[2]}
        for table, key, is_standing, of, message, _ in found:
            if not is_standing and (table, key) not in self.archived:
                assert of not in kept, "a text of a kept appointment was archived"
                assert message not in messages, "a text was archived without the message it belongs to"
        self.archived = archived

    def _found(self) -> list[TupleRow]:
        return self.connection.execute(_FOUND.encode()).fetchall()

    def _one(self, statement: str, *values: Any) -> TupleRow | None:
        return self.connection.execute(cast("LiteralString", statement), values).fetchone()
