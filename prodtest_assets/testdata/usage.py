"""How the commands that are recommended name the rows that were counted."""

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command needs beside its name to mean the rows that a snapshot has counted.

    Attributes:
        db_url: the database as it was named on the command line, its password masked; None for that of the settings.
        older_than: hours from the command line; None for the retention of the settings.
        active_only: whether cancelled rows are left out.
        max_delete: rows in all tables that one cleanup may take unless it is told how many.
    """

    db_url: str | None = None
    older_than: float | None = None
    max_delete: int = 10_000
    active_only: bool = False

    def command(self, words: str, *, with_age: bool = False) -> str:
        """A command line that can be pasted.

        Where the password is masked, the command fails until a person has put it in: it never means another database.

        Args:
            words: what stands behind `prodtest`.
            with_age: whether the command must know which rows are stale.
        """
        cancelled = " --active-only" if with_age and self.active_only else ""
        age = f" --older-than {self.older_than:g}" if with_age and self.older_than is not None else ""
        place = f" --db-url {shlex.quote(self.db_url)}" if self.db_url else ""
        return f"prodtest {words}{age}{cancelled}{place}"
