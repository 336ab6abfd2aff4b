"""Runs of the real assets and checks: on a real database, with a Dagster instance that forgets everything."""

import secrets
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from prodtest_assets.booking_flow.discovery import suite_tests
from prodtest_assets.definitions import defs
from prodtest_assets.defs.flow import booking_flow_asset
from prodtest_assets.defs.resources import BookingDatabase
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from tests.booking_world import RULES, BookingWorld
from tests.defs.alerting import Daemon, Deployment
from tests.mailbox import MailReceiver, WebReceiver, mail_receiver, web_receiver

RunSuite = Callable[..., "Ended"]
RunJob = Callable[..., "Ended"]
SetSettings = Callable[..., None]
ALONE = "__ASSET_JOB"


class Ended:
    """How a run ended: every evaluation and materialization it recorded."""

    def __init__(self, result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> None:
        self.success = result.success
        self.run_id = result.run_id
        self.evaluations = result.get_asset_check_evaluations()
        self.times = {
            record.event_log_entry.get_dagster_event().asset_check_evaluation_data.check_name: record.timestamp
            for record in instance.get_records_for_run(
                result.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
            ).records
        }
        self.materialized = {
            event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
            for event in result.get_asset_materialization_events()
            if event.asset_key
        }
        self.failures = {
            event.step_key: event.step_failure_data for event in result.all_events if event.is_step_failure
        }

    def check(self, name: str) -> dg.AssetCheckEvaluation:
        """The only evaluation of a check."""
        (found,) = [evaluation for evaluation in self.evaluations if evaluation.check_name == name]
        return found

    def value(self, asset: str, name: str) -> Any:
        """One value of an asset's metadata."""
        return self.materialized[asset][name].value

    def failure(self, step: str) -> str:
        """What a failed step says."""
        data = self.failures[step]
        return str(data.user_failure_data.description if data.user_failure_data else data.error)


def values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values of metadata."""
    return {name: entry.value for name, entry in metadata.items()}


@pytest.fixture
def run_job(instance: dg.DagsterInstance) -> RunJob:
    """Runs a job of the definitions, or a part of one by selecting assets."""

    def run(name: str, *, config: dict[str, Any] | None = None, selection: list[str] | None = None) -> Ended:
        """`config` is of the asset `test_data_cleanup`."""
        run_config = {"ops": {"test_data_cleanup": {"config": config}}} if config else None
        keys = [dg.AssetKey.from_user_string(key) for key in selection] if selection else None
        result = defs.resolve_job_def(name).execute_in_process(
            instance=instance, run_config=run_config, asset_selection=keys, raise_on_error=False
        )
        return Ended(result, instance)

    return run


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's storage for one test."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


_POSTGRES_STORAGE = """
storage:
  postgres:
    postgres_db:
      scheme: postgresql+psycopg2
      hostname: 127.0.0.1
      port: {port}
      username: {user}
      password: {password}
      db_name: {name}
telemetry: {{enabled: false}}
"""


@contextmanager
def dagster_on_postgres(server: PostgresServer, database: str, home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster with its storage in a database of the server, as it is deployed."""
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(
        _POSTGRES_STORAGE.format(port=server.port, user=server.user, password=server.password, name=database)
    )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


@pytest.fixture(scope="session")
def dagster_template(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database in which Dagster has made its tables."""
    postgres.create_database("template_dagster")
    with dagster_on_postgres(postgres, "template_dagster", tmp_path_factory.mktemp("dagster")) as instance:
        instance.get_runs_count()
    return "template_dagster"


@pytest.fixture
def postgres_instance(postgres: PostgresServer, dagster_template: str, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's storage in PostgreSQL, for one test."""
    name = f"dagster_{secrets.token_hex(4)}"
    postgres.create_database(name, template=dagster_template)
    with dagster_on_postgres(postgres, name, tmp_path / "dagster_home") as instance:
        yield instance
    postgres.drop_database(name)


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> SetSettings:
    """Sets settings as a person does, in the environment."""

    def set_all(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def world(booking_url: str, settings_of: SetSettings) -> Iterator[BookingWorld]:
    """A migrated database to which the settings lead."""
    settings_of(PRODUCTION_DB_URL=booking_url, PRODUCTION_DB_TEST_MODE="true")
    with open_database(booking_url) as database:
        yield BookingWorld(booking_url, database, authorize_writes(database, RULES))


@pytest.fixture
def run_suite(tmp_path: Path, instance: dg.DagsterInstance, settings_of: SetSettings) -> RunSuite:
    """Writes a suite of one file, and runs the asset whose checks are its tests."""

    def run(
        source: str,
        *,
        selection: dg.AssetSelection | None = None,
        then: str | None = None,
        moved_away: bool = False,
    ) -> Ended:
        """`then` replaces the suite's source after its tests were declared; `moved_away` removes the suite."""
        file = tmp_path / "suite" / "test_suite.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(source))
        asset = booking_flow_asset(suite_tests(file.parent))
        if then is not None:
            file.write_text(textwrap.dedent(then))
        settings_of(PRODTEST_SUITE=str(file.parent))
        if moved_away:
            file.parent.rename(tmp_path / "away")
        return Ended(
            dg.materialize(
                [asset],
                selection=selection,
                instance=instance,
                resources={"booking_database": BookingDatabase()},
                raise_on_error=False,
            ),
            instance,
        )

    return run


@pytest.fixture(params=["postgres_instance", "sqlite_instance"])
def storage(request: pytest.FixtureRequest) -> dg.DagsterInstance:
    """Each of Dagster's storages that outlives a process."""
    found: dg.DagsterInstance = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def sqlite_instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


@pytest.fixture
def web(world: BookingWorld, settings_of: SetSettings) -> Iterator[WebReceiver]:
    """A channel that the settings name."""
    with web_receiver() as receiver:
        settings_of(PRODTEST_ALERT_URLS=receiver.url, PRODTEST_WEBSERVER_URL="http://127.0.0.1:3000")
        yield receiver


@pytest.fixture
def mail(web: WebReceiver, settings_of: SetSettings) -> Iterator[MailReceiver]:
    """A second channel beside the first."""
    with mail_receiver() as receiver:
        settings_of(PRODTEST_ALERT_URLS=f"{web.url}, {receiver.url}")
        yield receiver


@pytest.fixture
def deployment(postgres_instance: dg.DagsterInstance) -> Deployment:
    return Deployment(postgres_instance)


@pytest.fixture
def daemon(postgres_instance: dg.DagsterInstance) -> Daemon:
    return Daemon(postgres_instance)
