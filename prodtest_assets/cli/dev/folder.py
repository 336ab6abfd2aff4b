"""Where `prodtest dev` keeps its files, and the lock that makes it the only one there."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.sandbox.locks import EXCLUSIVE, open_lock, release, wait_for_lock
from prodtest_assets.sandbox.state import make_directories, state_directory

_SECONDS_FOR_A_KILLED_ONE = 0.5


@dataclass(frozen=True, slots=True)
class DevFolder:
    """The files of `prodtest dev`.

    Attributes:
        path: the folder, absolute.
    """

    path: Path

    @property
    def postgres(self) -> Path:
        """The private PostgreSQL's directory."""
        return self.path / "postgres"

    @property
    def dagster_home(self) -> Path:
        """Dagster's settings, and what its steps print."""
        return self.path / "dagster"

    @property
    def logs(self) -> Path:
        """What each process of the last session had to say."""
        return self.path / "logs"

    @property
    def lock(self) -> Path:
        """Held by the session that is at work here."""
        return self.path / "dev.lock"

    @property
    def address(self) -> Path:
        """The web UI's address; only to be believed while the lock is held."""
        return self.path / "address"


@contextmanager
def only_session() -> Iterator[DevFolder]:
    """The folder in the state directory, for this process alone.

    Raises:
        ConfigurationError: a session is at work there.
        OSError: the folder cannot be made.
    """
    folder = DevFolder(state_directory() / "dev")
    # The account PostgreSQL runs under must be able to pass through.
    make_directories(folder.path, 0o711)
    make_directories(folder.logs, 0o700)
    lock = open_lock(folder.lock)
    try:
        if not wait_for_lock(lock, EXCLUSIVE, _SECONDS_FOR_A_KILLED_ONE):
            raise ConfigurationError(f"prodtest dev is at work here already{_where(folder)}; stop it first")
        folder.address.unlink(missing_ok=True)
        yield folder
    finally:
        release(lock)


def _where(folder: DevFolder) -> str:
    with suppress(OSError):
        return f" ({folder.address.read_text()})"
    return ""
