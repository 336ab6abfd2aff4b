"""Where state lies: `.prodtest/` in a checkout, else the user's data folder, else `/var/tmp` for root."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import prodtest_assets
from prodtest_assets.errors import ConfigurationError
from prodtest_assets.sandbox.accounts import server_account

_CHECKOUT = Path(prodtest_assets.__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class ServerDirectory:
    """The files of one private PostgreSQL.

    Everything is the current user's except `server`, which belongs to the account PostgreSQL runs under:
    root must not write into a folder in which another user can plant symbolic links.

    Attributes:
        path: the directory, absolute.
    """

    path: Path

    @property
    def start_lock(self) -> Path:
        """Held while somebody joins, starts or removes the server."""
        return self.path / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by all users; the supervisor gets it exclusively when the last one is gone."""
        return self.path / "users.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor as long as it lives; the file says its process id."""
        return self.path / "supervisor.lock"

    @property
    def port_file(self) -> Path:
        """The port; only to be believed while `supervisor_lock` is held."""
        return self.path / "port"

    @property
    def password_file(self) -> Path:
        """The superuser's password, readable by its owner only."""
        return self.path / "password"

    @property
    def log(self) -> Path:
        """What PostgreSQL and the supervisor had to say since the last start."""
        return self.path / "server.log"

    @property
    def binaries(self) -> Path:
        """A copy of PostgreSQL's binaries, where the account cannot read the installed ones."""
        return self.path / "binaries"

    @property
    def server(self) -> Path:
        """The folder of the account PostgreSQL runs under."""
        return self.path / "server"

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.server / "data"


def state_directory(environment: Mapping[str, str] = os.environ, checkout: Path = _CHECKOUT) -> Path:
    """Where this project keeps what outlives a command.

    `.prodtest/` in a checkout, else `prodtest` in `XDG_DATA_HOME`
    (https://specifications.freedesktop.org/basedir-spec/latest/). For root, where the account PostgreSQL runs
    under cannot reach that, a folder in `/var/tmp`, one for each such place.

    Args:
        environment: where `XDG_DATA_HOME` is looked up.
        checkout: the folder above this package; a checkout if a `pyproject.toml` lies there.

    Returns:
        An absolute path. Only the folder in `/var/tmp` is made; the others may not exist yet.

    Raises:
        ConfigurationError: the folder in `/var/tmp` is somebody else's.
    """
    wanted = _wanted_directory(environment, checkout)
    account = server_account()
    if account is None or account.can_enter(nearest_existing(wanted)):
        return wanted
    place = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:8]
    return _own_folder(Path("/var/tmp") / f"prodtest-{place}")


def nearest_existing(path: Path) -> Path:
    """The deepest directory on the way to `path` that exists already.

    Args:
        path: an absolute path.
    """
    return next((folder for folder in (path, *path.parents) if folder.is_dir()), Path("/"))


def make_directories(path: Path, mode: int) -> list[Path]:
    """Make `path` and what is missing above it; what exists is left as it is.

    Args:
        path: an absolute path.
        mode: the permissions of every directory that is made, whatever the umask.

    Returns:
        What was made, outermost first.

    Raises:
        OSError: a directory cannot be made.
    """
    made: list[Path] = []
    for folder in (*reversed(path.parents), path):
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError:
            if folder.is_dir():
                continue
            raise
        folder.chmod(mode)
        made.append(folder)
    return made


def refuse_foreign(directory: Path) -> None:
    """Refuse a directory that is a symbolic link, somebody else's, or open to others.

    Args:
        directory: an existing directory.

    Raises:
        ConfigurationError: somebody else could exchange what lies in it.
    """
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise ConfigurationError(f"{directory} belongs to another user; be that user or use another directory")
    if status.st_mode & stat.S_IWOTH:
        raise ConfigurationError(f"anybody may write to {directory}; take that right away (chmod o-w)")


def _wanted_directory(environment: Mapping[str, str], checkout: Path) -> Path:
    if (checkout / "pyproject.toml").is_file() and os.access(checkout, os.W_OK):
        return checkout / ".prodtest"
    data_home = Path(environment.get("XDG_DATA_HOME", ""))
    # The specification says to ignore relative paths.
    return (data_home if data_home.is_absolute() else Path.home() / ".local" / "share") / "prodtest"


def _own_folder(folder: Path) -> Path:
    make_directories(folder, 0o711)
    refuse_foreign(folder)
    return folder
