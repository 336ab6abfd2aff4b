"""Three targets under one Dagster, as deploy/ describes them, and the database of one of them is away."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from prodtest_assets.cli.dev.children import children
from prodtest_assets.cli.dev.processes import free_port, start_preparing
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.testdata.connection import open_database
from tests.integration.dagster_web import FINISHED, ask, launch, locations, status, wait_for

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"
AWAY = "zurich"
JOB = "booking_flow_and_cleanup"


@pytest.fixture
def storage(postgres: PostgresServer, empty_database: str, tmp_path: Path) -> dict[str, str]:
    """The environment that leads each process of Dagster to the instance of deploy/dagster.yaml."""
    shutil.copy(DEPLOY / "dagster.yaml", tmp_path)
    return {
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_POSTGRES_HOST": postgres.host,
        "DAGSTER_POSTGRES_PORT": str(postgres.port),
        "DAGSTER_POSTGRES_USER": postgres.user,
        "DAGSTER_POSTGRES_PASSWORD": postgres.password,
        "DAGSTER_POSTGRES_DB": empty_database.rpartition("/")[2],
    }


@pytest.fixture
def targets(postgres: PostgresServer, migrated_template: str) -> Iterator[dict[str, dict[str, str]]]:
    """The settings of each target: two with a database and an application, one whose database does not answer."""
    found = {}
    with ExitStack() as stack:
        for name in ("berlin", "vienna"):
            url = postgres.create_database(f"booking_test_{name}", template=migrated_template)
            stack.callback(postgres.drop_database, f"booking_test_{name}")
            app = stack.enter_context(running_app(url, auth_token=name))
            found[name] = {
                "PRODTEST_TARGET": name,
                "PRODUCTION_DB_URL": url,
                "PRODUCTION_DB_TEST_MODE": "true",
                "PRODUCTION_TEST_URL": app.url,
                "TWILIO_AUTH_TOKEN": name,
            }
        nobody = f"postgresql://somebody:secret@127.0.0.1:{free_port()}/booking_test"
        found[AWAY] = found["berlin"] | {"PRODTEST_TARGET": AWAY, "PRODUCTION_DB_URL": nobody}
        yield found


@pytest.fixture
def web(storage: Mapping[str, str], targets: Mapping[str, Mapping[str, str]], tmp_path: Path) -> Iterator[str]:
    """The address of a web server; behind it a daemon, and a code server for each entry of the workspace."""
    plain = {**os.environ, "PYTHONPATH": str(CHECKOUT), **storage}
    workspace = yaml.safe_load((DEPLOY / "workspace.three-targets.yaml").read_text())
    with children(tmp_path) as helpers:
        start_preparing(helpers, plain, tmp_path).finish(60)
    with children(tmp_path) as all_of_them:
        for entry in workspace["load_from"]:
            server = entry["grpc_server"]
            server["host"], server["port"] = "127.0.0.1", free_port()
            words = ["-m", "dagster", "api", "grpc", "-m", "prodtest_assets.definitions"]
            words += ["-h", server["host"], "-p", str(server["port"])]
            all_of_them.start(server["location_name"], words, plain | targets[server["location_name"]], tmp_path)
        file = tmp_path / "workspace.yaml"
        file.write_text(yaml.safe_dump(workspace))
        port = free_port()
        web = ["-m", "dagster_webserver", "-w", str(file), "-h", "127.0.0.1", "-p", str(port)]
        all_of_them.start("webserver", web, plain, tmp_path)
        all_of_them.start("daemon", ["-m", "dagster._daemon", "run", "-w", str(file)], plain, tmp_path)

        def are_loaded() -> bool:
            all_of_them.check()
            try:
                found = locations(f"http://127.0.0.1:{port}")
            except OSError:
                return False
            return found == dict.fromkeys(targets, "RepositoryLocation")

        wait_for(are_loaded, 180)
        yield f"http://127.0.0.1:{port}"


def failures(url: str, run_id: str) -> str:
    """What the failed steps of a run say."""
    query = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
        ... on ExecutionStepFailureEvent { failureMetadata { description } error { message } } } } } }"""
    return str([event for event in ask(url, query, id=run_id)["logsForRun"]["events"] if event])


def checks(url: str, target: str) -> dict[str, str]:
    """The last execution of each check on the target's table of appointments."""
    query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
        assetChecksOrError { ... on AssetChecks { checks { name
        executionForLatestMaterialization { status runId } } } } } } }"""
    node = ask(url, query, key={"path": [target, "booking", "appointments"]})["assetNodeOrError"]
    return {
        check["name"]: (check["executionForLatestMaterialization"] or {}).get("status", "never")
        for check in node["assetChecksOrError"]["checks"]
    }


@pytest.mark.timeout(600)
def test_two_targets_stay_green_while_the_database_of_the_third_is_away(
    web: str, targets: Mapping[str, Mapping[str, str]]
) -> None:
    runs = {name: launch(web, name, JOB) for name in targets}
    wait_for(lambda: all(status(web, run_id) in FINISHED for run_id in runs.values()), 400)
    ended = {name: status(web, run_id) for name, run_id in runs.items()}
    assert ended == {"berlin": "SUCCESS", "vienna": "SUCCESS", AWAY: "FAILURE"}
    said = failures(web, runs[AWAY])
    assert "the database at postgresql://somebody:***@127.0.0.1" in said
    assert "does not answer" in said
    assert "secret" not in said

    query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { tags { key value } } } }"
    for name, run_id in runs.items():
        tags = {tag["key"]: tag["value"] for tag in ask(web, query, id=run_id)["runOrError"]["tags"]}
        assert tags["prodtest/target"] == name
    for name in ("berlin", "vienna"):
        assert set(checks(web, name).values()) == {"SUCCEEDED"}
        with open_database(targets[name]["PRODUCTION_DB_URL"]) as database:
            assert str(database.row("run", run_id=runs[name])["id"]) == runs[name]
            assert not database.rows("run", run_id=runs["vienna" if name == "berlin" else "berlin"])
