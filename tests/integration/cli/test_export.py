"""`prodtest export`: files for programs and people, whole or not at all."""

import json
import os
import resource
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from prodtest_assets.reports.document import schema
from tests.booking_world import BookingWorld
from tests.integration.cli.commands import command, environment, prodtest

FORMATS = ("json", "prometheus", "html")


@pytest.fixture
def seeded(world: BookingWorld) -> BookingWorld:
    """Two test rows, one of them stale."""
    for hours in (1, 50):
        world.book(age=timedelta(hours=hours))
    return world


def test_json_is_the_document_that_snapshot_prints(seeded: BookingWorld, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    result = prodtest("export", "--output", str(file), "--format", "json", "--db-url", seeded.url)
    assert (result.code, result.out) == (0, "")
    document = json.loads(file.read_text())
    Draft202012Validator(schema("snapshot")).validate(document)
    shown = prodtest("snapshot", "--json", "--db-url", seeded.url).json()
    Draft202012Validator(schema("snapshot")).validate(shown)
    moments = ("timestamp", "cutoff", "trends")
    assert {k: v for k, v in document.items() if k not in moments} == {
        k: v for k, v in shown.items() if k not in moments
    }


def test_prometheus_reads_what_is_exported(seeded: BookingWorld, tmp_path: Path) -> None:
    file = tmp_path / "prodtest.prom"
    assert prodtest("export", "-o", str(file), "--format", "prometheus", PRODUCTION_DB_URL=seeded.url).code == 0
    found = {family.name: family.samples for family in text_string_to_metric_families(file.read_text())}
    assert sum(sample.value for sample in found["prodtest_test_appointments"]) == 2


def test_the_page_is_one_file(seeded: BookingWorld, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert prodtest("export", "-o", str(file), "--format", "html", "--db-url", seeded.url).code == 0
    assert file.read_text().startswith("<!doctype html>")
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_dash_is_stdout_and_nothing_else_is_printed(seeded: BookingWorld, form: str) -> None:
    result = prodtest("export", "--output", "-", "--format", form, "--db-url", seeded.url)
    assert (result.code, result.err) == (0, "")
    assert result.out.strip()


def test_an_export_needs_no_schema_of_ours(world: BookingWorld) -> None:
    world.sql("DROP SCHEMA prodtest CASCADE")
    for form in FORMATS:
        assert prodtest("export", "--format", form, "--db-url", world.url).code == 0


@pytest.mark.parametrize("form", FORMATS)
def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(
    seeded: BookingWorld, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "report"
    file.write_text("before")
    done = subprocess.run(
        command("export", "--output", str(file), "--format", form),
        env=environment({"PRODUCTION_DB_URL": seeded.url, "PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256)),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"prodtest: File too large: {file}\n"
    assert file.read_text() == "before"
    assert os.listdir(tmp_path) == ["report"]


def test_a_full_device_is_one_line(seeded: BookingWorld) -> None:
    result = prodtest("export", "--output", "/dev/full", "--db-url", seeded.url)
    assert (result.code, result.complaint) == (2, "No space left on device: /dev/full")


def test_a_folder_that_is_not_there_is_wrong_usage(seeded: BookingWorld, tmp_path: Path) -> None:
    result = prodtest("export", "--output", str(tmp_path / "nowhere" / "x.json"), "--db-url", seeded.url)
    assert result.code == 2
    assert "no such folder" in result.complaint


def test_a_reader_that_goes_away_is_no_error(seeded: BookingWorld) -> None:
    for form in FORMATS:
        line = f"set -o pipefail; {' '.join(command('export', '--format', form))} | head -1"
        done = subprocess.run(
            ["bash", "-c", line],
            env=environment({"PRODUCTION_DB_URL": seeded.url}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_the_database_lets_it_wait_leaves_no_file(seeded: BookingWorld, tmp_path: Path) -> None:
    with seeded.database.connection.transaction():
        seeded.database.connection.execute("LOCK TABLE appointments IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen(
            command("export", "--output", str(tmp_path / "x.json"), "--db-url", seeded.url),
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        waiting = "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT granted AND datname = %s"
        while not seeded.sql(waiting, seeded.database.name):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaint == "prodtest: interrupted\n"
    assert os.listdir(tmp_path) == []
