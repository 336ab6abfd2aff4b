"""The report's page: the same file that the command line exports, beside the run's other files."""

import re
from datetime import timedelta
from pathlib import Path

from tests.booking_world import BookingWorld
from tests.defs.conftest import RunJob
from tests.integration.cli.commands import prodtest

ALONE = "__ASSET_JOB"


def test_the_asset_writes_the_page_that_the_command_line_exports(run_job: RunJob, world: BookingWorld) -> None:
    world.book(age=timedelta(hours=48))
    ended = run_job(ALONE, selection=["test_data_report"])
    file = Path(ended.value("test_data_report", "page"))
    assert ended.value("test_data_report", "page_url") == file.as_uri()
    assert ended.value("test_data_report", "test_rows") == 1
    exported = prodtest("export", "--format", "html", PRODUCTION_DB_URL=world.url).out
    assert without_moments(file.read_text()) == without_moments(exported)


def without_moments(page: str) -> str:
    """A page but for the moments at which it was made."""
    return re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?", "", page).strip()
