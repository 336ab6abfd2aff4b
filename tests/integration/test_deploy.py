"""The files in deploy/: Dagster reads them, and what they say twice they say alike."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.workspace.config_schema import process_workspace_config

from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.settings import documented

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"
TARGETS = ["berlin", "vienna", "zurich"]


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


@pytest.fixture
def instance_environment(
    postgres: PostgresServer, empty_database: str, booking_url: str, tmp_path: Path
) -> dict[str, str]:
    """Leads Dagster to storage in an empty database, by deploy/dagster.yaml, and a run to a booking database."""
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text())
    return {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_POSTGRES_HOST": postgres.host,
        "DAGSTER_POSTGRES_PORT": str(postgres.port),
        "DAGSTER_POSTGRES_USER": postgres.user,
        "DAGSTER_POSTGRES_PASSWORD": postgres.password,
        "DAGSTER_POSTGRES_DB": empty_database.rpartition("/")[2],
        "PRODUCTION_DB_URL": booking_url,
        "PRODUCTION_DB_TEST_MODE": "true",
        "PRODTEST_TARGET": "berlin",
    }


_LOOK = """
from dagster import DagsterInstance, DagsterRunStatus
with DagsterInstance.get() as instance:
    assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage", instance.event_log_storage
    assert not instance.telemetry_enabled and not instance.nux_enabled
    assert instance.run_monitoring_enabled and instance.run_retries_enabled
    assert instance.global_op_concurrency_default_limit == 1
    (run,) = instance.get_runs()
    assert run.status == DagsterRunStatus.SUCCESS, run.status
    assert run.tags["prodtest/target"] == "berlin"
    print(len(instance.all_logs(run.run_id)) > 20)
"""


def test_a_job_runs_with_the_instance_that_a_deployment_uses(
    instance_environment: dict[str, str], tmp_path: Path
) -> None:
    migrate = ["-m", "dagster", "instance", "migrate"]
    job = ["-m", "dagster", "job", "execute", "-m", "prodtest_assets.definitions", "-j", "monitor_test_data"]
    young, all_of_them = ([str(DEPLOY / "forget_old_runs.py"), days] for days in ("1", "0"))
    said = []
    for words in (migrate, job, ["-c", _LOOK], young, all_of_them):
        done = subprocess.run(
            [sys.executable, *words],
            env=instance_environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        said.append(done.stdout.strip())
    assert said[2:] == ["True", "0 runs removed", "1 runs removed"]


def test_the_workspace_is_one_and_names_each_target_once() -> None:
    workspace = read("workspace.three-targets.yaml")
    assert process_workspace_config(workspace).success
    servers = [entry["grpc_server"] for entry in workspace["load_from"]]
    assert [server["location_name"] for server in servers] == TARGETS
    assert [(server["host"], server["port"]) for server in servers] == [(name, 4000) for name in TARGETS]


def test_compose_serves_what_the_workspace_names_each_with_an_environment_of_its_own() -> None:
    services = read("compose.yaml")["services"]
    assert sorted(services) == sorted(["storage", "migrate", "webserver", "daemon", *TARGETS])
    for name in TARGETS:
        assert services[name]["env_file"] == [f"{name}.env"]
        assert services[name]["image"] == services["webserver"]["image"] == services["daemon"]["image"]
    for name in ("webserver", "daemon"):
        assert "workspace.three-targets.yaml" in services[name]["command"]
        assert "env_file" not in services[name]  # they need no secret of a target
    assert all(port.startswith("127.0.0.1:") for port in services["webserver"]["ports"])
    assert "ports" not in services["storage"]
    wanted = {
        setting["env"]
        for setting in read("dagster.yaml")["storage"]["postgres"]["postgres_db"].values()
        if isinstance(setting, dict)
    }
    assert all(set(services[name]["environment"]) == wanted for name in services if name != "storage")
    # The tables of the storage are made by one process, before any other looks for them.
    assert services["migrate"]["depends_on"] == {"storage": {"condition": "service_healthy"}}
    assert "healthcheck" in services["storage"]
    for name in ("webserver", "daemon", *TARGETS):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_helm_configures_the_instance_as_compose_does() -> None:
    values, instance = read("values.yaml"), read("dagster.yaml")
    storage = instance.pop("storage")["postgres"]["postgres_db"]
    assert values["telemetry"] == instance.pop("telemetry")
    assert values["additionalInstanceConfig"] == instance
    assert values["postgresql"]["postgresqlScheme"] == storage["scheme"]
    deployments = values["dagster-user-deployments"]["deployments"]
    assert [each["name"] for each in deployments] == TARGETS
    for each in deployments:
        assert each["env"] == [{"name": "PRODTEST_TARGET", "value": each["name"]}]
        assert each["envSecrets"] == [{"name": f"prodtest-{each['name']}"}]


def test_the_example_of_a_target_names_only_settings_that_exist() -> None:
    lines = [line for line in (DEPLOY / "target.env.example").read_text().splitlines() if line and line[0] != "#"]
    known = {name for setting in documented() for name in setting.names}
    assert {line.partition("=")[0] for line in lines} <= known
