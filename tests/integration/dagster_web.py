"""Asks Dagster's web server what its web UI asks."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

REPOSITORY = "__repository__"
FINISHED = ("SUCCESS", "FAILURE", "CANCELED")


def ask(url: str, query: str, **variables: object) -> Any:
    """The answer to a GraphQL query."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        body = json.dumps({"query": query, "variables": variables})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    assert "errors" not in answer, answer
    return answer["data"]


def locations(url: str) -> dict[str, str]:
    """Each code location, and what became of loading it: `RepositoryLocation`, or an error."""
    query = """{ workspaceOrError { ... on Workspace { locationEntries {
        name locationOrLoadError { __typename } } } } }"""
    entries = ask(url, query)["workspaceOrError"]["locationEntries"]
    return {entry["name"]: (entry["locationOrLoadError"] or {}).get("__typename", "") for entry in entries}


def instigators(url: str, location: str) -> dict[str, str]:
    """Each schedule and sensor of a location, and whether it runs."""
    query = """query($at: RepositorySelector!) { repositoryOrError(repositorySelector: $at) { ... on Repository {
        schedules { name scheduleState { status } } sensors { name sensorState { status } } } } }"""
    at = {"repositoryName": REPOSITORY, "repositoryLocationName": location}
    found = ask(url, query, at=at)["repositoryOrError"]
    states = [(each["name"], each["scheduleState"]) for each in found["schedules"]]
    states += [(each["name"], each["sensorState"]) for each in found["sensors"]]
    return {name: state["status"] for name, state in states}


def daemons_are_well(url: str) -> bool:
    """Whether each of Dagster's daemons that must run does."""
    query = "{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }"
    found = ask(url, query)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(each["healthy"] for each in found if each["required"])


def launch(url: str, location: str, job: str) -> str:
    """Launch a job as the web UI does; returns the run's id."""
    query = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
        __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
    selector = {"repositoryName": REPOSITORY, "repositoryLocationName": location, "jobName": job}
    told = ask(url, query, params={"selector": selector, "mode": "default"})["launchPipelineExecution"]
    assert told["__typename"] == "LaunchRunSuccess", told
    return str(told["run"]["runId"])


def status(url: str, run_id: str) -> str:
    """What Dagster says of a run."""
    query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    return str(ask(url, query, id=run_id)["runOrError"]["status"])


def wait_for(what: Callable[[], bool], seconds: float = 90) -> None:
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)
