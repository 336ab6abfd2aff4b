"""The workflow of production tests, rehearsed: its steps run in order in a shell, as the runner would run them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from prodtest_assets.sandbox.seed import seed_customers
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.settings import documented as documented_settings
from tests.booking_world import BookingWorld

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "production-tests.yml").read_text())
STEPS = WORKFLOW["jobs"]["booking-flow"]["steps"]
# `make install` is what .ci/run begins with on a clean checkout.
_COVERED_ELSEWHERE = {"Install"}
# What a checkout holds that the steps use; whatever else lies in this one (an `.env`, say) is none of their business.
_CHECKED_OUT = ("alembic.ini", "migrations", "prodtest_assets", "scripts", "tests")
_EXPRESSION = re.compile(r"\$\{\{ *(\w+)\.(\w+) *\}\}")
# https://docs.github.com/en/actions/writing-workflows/workflow-syntax-for-github-actions#jobsjob_idstepsshell
_SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")


@dataclass
class Runner:
    """Plays the runner: contexts are filled in, a failed step skips those that do not always run."""

    folder: Path
    contexts: Mapping[str, Mapping[str, str]]
    outcomes: dict[str, str] = field(default_factory=dict)
    output: str = ""

    def run(self) -> bool:
        """Run all steps; whether the job is green."""
        for step in STEPS:
            if "run" in step and step["name"] not in _COVERED_ELSEWHERE:
                self._step(step)
        return "failed" not in self.outcomes.values()

    def _step(self, step: Mapping[str, Any]) -> None:
        if "failed" in self.outcomes.values() and step.get("if") != "always()":
            self.outcomes[step["name"]] = "skipped"
            return
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            [*_SHELL, str(script)], cwd=self.folder, env=self._environment(step), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        self.output += done.stdout
        self.outcomes[step["name"]] = "failed" if done.returncode else "passed"

    def _environment(self, step: Mapping[str, Any]) -> dict[str, str]:
        given = {**WORKFLOW["env"], **step.get("env", {})}
        return {
            **os.environ,
            **{name: self._filled_in(str(text)) for name, text in given.items()},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CI": "true",
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
        }

    def _filled_in(self, text: str) -> str:
        """A secret or variable that nobody has set is empty, as on the runner."""
        return _EXPRESSION.sub(lambda found: self.contexts[found[1]].get(found[2], ""), text)


def runner(folder: Path, database_url: str, url: str, expression: str) -> Runner:
    """A runner with a checkout, the secrets of a deployment, and what a person has typed."""
    for name in _CHECKED_OUT:
        (folder / name).symlink_to(ROOT / name)
    secrets = {"PRODUCTION_DB_URL": database_url, "PRODUCTION_TEST_URL": url}
    return Runner(folder, {"secrets": secrets, "vars": {}, "inputs": {"expression": expression}})


def test_a_green_morning(world: BookingWorld, tmp_path: Path) -> None:
    seed_customers(world.url)
    stale = world.book(age=timedelta(hours=48))
    with running_app(world.url) as app:
        job = runner(tmp_path, world.url.replace("postgresql://", "postgresql+asyncpg://"), app.url, "complete_booking")
        assert job.run(), job.output
    assert job.outcomes == dict.fromkeys(("Migrate", "Test", "Clean up", "Report"), "passed")
    assert "1 passed, 0 failed" in job.output
    assert not world.has_appointment(stale)
    assert json.loads((tmp_path / "report" / "report.json").read_text())["summary"]["total_test_appointments"] == 0
    assert "<html" in (tmp_path / "report" / "report.html").read_text()
    assert "0 test appointments" in (tmp_path / "summary.md").read_text()
    _hides_the_password(job, world.url)


def test_a_red_morning_is_cleaned_up_and_reported_all_the_same(world: BookingWorld, tmp_path: Path) -> None:
    seed_customers(world.url)
    stale = world.book(age=timedelta(hours=48))
    with running_app(world.url, faults=["wrong-time"]) as app:
        job = runner(tmp_path, world.url, app.url, "appointment_data_accuracy")
        assert not job.run()
    assert job.outcomes == {"Migrate": "passed", "Test": "failed", "Clean up": "passed", "Report": "passed"}
    assert not world.has_appointment(stale)
    assert (tmp_path / "report" / "report.html").exists()
    _hides_the_password(job, world.url)


def test_it_runs_in_the_morning_and_by_hand_never_twice_at_once_and_not_for_ever() -> None:
    triggers = WORKFLOW[True]  # YAML 1.1 reads the key `on` so
    assert triggers["schedule"] == [{"cron": "0 8 * * *"}]
    assert "workflow_dispatch" in triggers
    assert WORKFLOW["concurrency"]["cancel-in-progress"] is False
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert 0 < WORKFLOW["jobs"]["booking-flow"]["timeout-minutes"] <= 60


def test_cleaning_up_and_reporting_happen_always_and_the_report_is_kept() -> None:
    always = [step.get("name", step.get("uses")) for step in STEPS if step.get("if") == "always()"]
    assert always == ["Clean up", "Report", "actions/upload-artifact@v4"]


# Nothing in the workflow alerts, and no Dagster runs.
_NOT_FOR_THE_WORKFLOW = {
    "PRODTEST_ALERT_URLS", "PRODTEST_AUTOSTART", "PRODTEST_CALENDAR_API_URL", "PRODTEST_TARGET",
    "PRODTEST_WEBSERVER_URL",
}  # fmt: skip


def test_every_setting_can_be_given() -> None:
    assert set(WORKFLOW["env"]) == {setting.names[0] for setting in documented_settings()} - _NOT_FOR_THE_WORKFLOW


@pytest.mark.parametrize(
    "name",
    [
        "PRODUCTION_DB_URL",
        "PRODUCTION_TEST_URL",
        "PRODUCTION_API_KEY",
        "TWILIO_AUTH_TOKEN",
        "GOOGLE_SERVICE_ACCOUNT_JSON",
    ],
)
def test_what_is_secret_comes_from_the_secrets_and_no_script_holds_an_expression(name: str) -> None:
    assert WORKFLOW["env"][name] == "${{ secrets.%s }}" % name  # noqa: UP031
    # What a person types must not become part of a script:
    # https://docs.github.com/en/actions/security-for-github-actions/security-guides/security-hardening-for-github-actions
    assert not [step for step in STEPS if "${{" in step.get("run", "")]


def _hides_the_password(job: Runner, url: str) -> None:
    password = url.partition("://")[2].partition("@")[0].partition(":")[2]
    assert password not in job.output
