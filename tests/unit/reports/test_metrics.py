"""The metrics can be read by Prometheus, and the example rules ask for metrics that exist."""

import re
from dataclasses import replace
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from prodtest_assets.reports.prometheus import metrics
from prodtest_assets.testdata.models import Alert
from tests.unit.reports.figures import NOW, snapshot

RULES = Path(__file__).parents[3] / "docs" / "prometheus-alerts.yml"


def families():
    alarmed = replace(snapshot(), alerts=(Alert("info", "3 stale", "clean up"),), sensors={"watcher": NOW})
    return {family.name: family for family in text_string_to_metric_families(metrics(alarmed).decode())}


def values(name, label):
    return {sample.labels[label]: sample.value for sample in families()[name].samples}


def test_every_metric_has_help_and_type_and_names_the_database():
    for family in families().values():
        assert family.type == "gauge"
        assert family.documentation
        assert {sample.labels["database"] for sample in family.samples} == {"booking_test"}


def test_the_metrics_are_the_snapshots_figures():
    assert values("prodtest_test_appointments", "status") == {"active": 8, "cancelled": 2}
    assert values("prodtest_test_appointments_by_age", "age") == {
        bucket: float(count) for bucket, count in snapshot().ages.items()
    }
    assert values("prodtest_stale_test_appointments", "kind") == {"eligible": 3, "held": 0, "suspect": 0, "blocked": 0}
    assert values("prodtest_alerts", "level") == {"critical": 0, "warning": 0, "info": 1}
    assert values("prodtest_sensor_heartbeat_timestamp_seconds", "sensor") == {"watcher": NOW.timestamp()}
    assert families()["prodtest_snapshot_timestamp_seconds"].samples[0].value == NOW.timestamp()


def test_what_is_not_known_is_left_out():
    assert "archive" not in values("prodtest_storage_bytes", "part")


def test_a_database_name_with_quotes_does_not_break_the_file():
    text = metrics(replace(snapshot(), database='book"ing\\test\n')).decode()
    names = {sample.labels["database"] for family in text_string_to_metric_families(text) for sample in family.samples}
    assert names == {'book"ing\\test\n'}


def test_the_example_rules_ask_for_metrics_that_exist():
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name in re.findall(r"\bprodtest_\w+", rule["expr"])}
    assert asked
    assert asked <= set(families())
    assert all(rule["annotations"]["action"].startswith("Run `prodtest") for rule in rules)
