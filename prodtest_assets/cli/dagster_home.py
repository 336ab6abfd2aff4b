"""Dagster's settings folder, and its storage in a private PostgreSQL."""

import shutil
from pathlib import Path

import prodtest_assets
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.sandbox.state import make_directories

_DATABASE = "dagster"


def prepare_dagster(home: Path, server: PostgresServer, *, fresh: bool) -> dict[str, str]:
    """Make what Dagster needs to run; what stands already is left as it is.

    Args:
        home: Dagster's folder; made if it is missing.
        server: holds its storage, in a database of its own.
        fresh: forget what the folder holds. (The server's data is forgotten with the server.)

    Returns:
        The environment variables that lead Dagster there. They hold the server's password.

    Raises:
        Unreachable: the server does not answer.
    """
    if fresh:
        shutil.rmtree(home, ignore_errors=True)
    make_directories(home, 0o700)
    shutil.copyfile(_instance_settings(), home / "dagster.yaml")
    if not server.has_database(_DATABASE):
        server.create_database(_DATABASE)
    return {
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_HOST": server.host,
        "DAGSTER_POSTGRES_PORT": str(server.port),
        "DAGSTER_POSTGRES_USER": server.user,
        "DAGSTER_POSTGRES_PASSWORD": server.password,
        "DAGSTER_POSTGRES_DB": _DATABASE,
    }


def _instance_settings() -> Path:
    """The same file that a deployment uses: in the wheel beside this package, else in the checkout."""
    package = Path(prodtest_assets.__file__).resolve().parent
    shipped = package / "deploy" / "dagster.yaml"
    return shipped if shipped.is_file() else package.parent / "deploy" / "dagster.yaml"
