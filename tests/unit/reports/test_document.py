"""The JSON documents keep their keys, and their schemas describe them."""

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from prodtest_assets.reports.document import SCHEMAS, schema, snapshot_document, verification_document
from prodtest_assets.testdata.checks import checks_of
from prodtest_assets.testdata.models import Alert
from tests.unit.reports.figures import report, snapshot


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_a_schema(name):
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["additionalProperties"] is False


def test_a_snapshot_follows_its_schema_and_keeps_the_known_keys():
    alarmed = replace(snapshot(), alerts=(Alert("info", "3 stale", "clean up"),), recommendations=("prodtest list",))
    alarmed = replace(alarmed, sensors={"watcher": alarmed.taken_at})
    document = json.loads(json.dumps(snapshot_document(alarmed, report().runs[0])))
    Draft202012Validator(schema("snapshot")).validate(document)
    assert list(document["summary"])[:6] == [
        "total_test_appointments",
        "active_appointments",
        "cancelled_appointments",
        "test_users",
        "stale_data_count",
        "recent_activity",
    ]
    assert set(document) >= {"timestamp", "age_distribution", "time_range", "storage", "trends", "alerts"}
    assert set(document["storage"]) >= {"estimated_bytes", "estimated_mb"}
    assert set(document["trends"][0]) == {"hour", "count", "hours_ago"}
    assert document["alerts"] == [{"level": "info", "message": "3 stale", "action": "clean up"}]
    assert document["recommendations"] == ["prodtest list"]
    assert document["latest_run"]["tests"][0] == {
        "file": "test_flow.py",
        "test": "test_booking",
        "outcome": "failed",
        "seconds": 2.5,
        "reason": "Hello",
    }


def test_an_empty_database_follows_the_schema_as_well():
    empty = replace(snapshot(), total=0, oldest=None, newest=None)
    document = json.loads(json.dumps(snapshot_document(empty)))
    Draft202012Validator(schema("snapshot")).validate(document)
    assert document["status"] == "clean"
    assert document["time_range"] == {"oldest": None, "newest": None}


def test_trends_run_from_the_oldest_hour_to_the_current_one():
    hours = [entry["hours_ago"] for entry in snapshot_document(snapshot())["trends"]]
    assert hours == list(range(23, -1, -1))


def test_a_verification_follows_its_schema_and_keeps_the_known_keys():
    taken = snapshot()
    document = json.loads(json.dumps(verification_document(taken, checks_of(taken))))
    Draft202012Validator(schema("verification")).validate(document)
    assert (document["total_test_appointments"], document["active_test_appointments"]) == (10, 8)
    assert (document["cancelled_test_appointments"], document["stale_test_data"]) == (2, 3)
    assert (document["cleanup_recommended"], document["passed"]) == (True, False)
