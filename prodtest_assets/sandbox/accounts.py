"""Under whose name PostgreSQL runs: it refuses root, so root lends it an unprivileged account that exists."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from prodtest_assets.errors import ConfigurationError

# The classic accounts that own nothing; one named after a service might own its data.
_UNPRIVILEGED = ("nobody", "daemon")


class RunAs(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An account PostgreSQL may run under.

    Attributes:
        name: as in the password database.
        uid: its user id.
        gid: its primary group; no other groups are taken along.
    """

    name: str
    uid: int
    gid: int

    def run_as(self) -> RunAs:
        """The arguments of `subprocess.Popen` that make a child run under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, directory: Path) -> bool:
        """Whether this account may reach what lies in `directory`.

        Asked of the system by trying, since access lists and mount options count as well as mode bits.

        Args:
            directory: an existing directory.
        """
        return self._test("-x", directory)

    def can_read(self, path: Path) -> bool:
        """Whether this account may read the file or directory `path`.

        Args:
            path: an existing path.
        """
        return self._test("-r", path)

    def _test(self, flag: str, path: Path) -> bool:
        try:
            command = ["/bin/sh", "-c", 'test "$1" "$2"', "sh", flag, os.fspath(path)]
            return subprocess.run(command, cwd="/", env={}, check=False, **self.run_as()).returncode == 0
        except (OSError, subprocess.SubprocessError):
            return False


def server_account() -> Account | None:
    """The account PostgreSQL must run under.

    Returns:
        None when it runs as the current user; an unprivileged account when the current user is root.

    Raises:
        ConfigurationError: this is root, and no unprivileged account can be used.
    """
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(name, entry.pw_uid, entry.pw_gid)
        if account.can_enter(Path("/")):
            return account
    raise ConfigurationError(
        f"PostgreSQL refuses to run as root, and none of the users {', '.join(_UNPRIVILEGED)} can be used "
        "instead; run this as an ordinary user"
    )
