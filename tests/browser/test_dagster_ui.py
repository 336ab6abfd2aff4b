"""What a person sees and does in Dagster's web UI, with `prodtest dev` behind it.

One story, since all of it needs the same two runs, and each of them the same processes.
"""

import re

import dagster as dg
import pytest
from playwright.sync_api import Page, expect

from prodtest_assets.definitions import defs
from prodtest_assets.defs.cleanup_config import CleanupConfig
from tests.browser.conftest import StartDev, TakePicture
from tests.browser.dagster_ui import DagsterUi
from tests.left_out import needs_debian_package

pytestmark = [needs_debian_package("chromium"), pytest.mark.timeout(1200)]

JOB = "booking_flow_and_cleanup"
GRAPH = defs.resolve_asset_graph()
KEYS = sorted(key.to_user_string() for key in GRAPH.get_all_asset_keys())
CHECKED = {key.asset_key for key in GRAPH.asset_check_keys}
ALL_CHECKS_PASSED = re.compile(r"^(\d+) / \1 Passed$")
SOME_SUCCEEDED = re.compile(r"^Succeeded \([1-9]")
GROUPS = ("booking_app", "booking_flow", "test_data", "cleanup", "reports")
# One figure of each of our assets that is to be plotted.
PLOTTED = {
    "test_data_snapshot": "test_rows",
    "age_distribution": "< 1 hour",
    "storage_metrics": "test_row_bytes",
    "creation_trend": "created_last_24_hours",
    "test_data_cleanup": "deleted",
    "booking_flow_results": "passed",
    "test_data_report": "residue_total",
}
# What the fault of the second run changes for certain.
DIFFERENT = {"booking_flow_results"}


def test_a_person_finds_everything_launches_the_job_and_sees_which_check_is_red(
    page: Page, start_dev: StartDev, take_picture: TakePicture
) -> None:
    with start_dev() as url:
        ui = DagsterUi(page, url)
        assert ui.launch(JOB) == "SUCCESS"

        ui.open_latest_run(JOB)
        expect(page.get_by_text(SOME_SUCCEEDED)).to_be_visible()
        expect(page.get_by_text("RUN_SUCCESS").first).to_be_visible()
        take_picture("run")
        the_lineage_shows_every_asset_in_its_group(ui)
        expect(page.locator("svg foreignObject").get_by_text(ALL_CHECKS_PASSED)).to_have_count(len(CHECKED))
        take_picture("lineage")
        ui.configure(JOB, "ops:\n  test_data_cleanup:\n    config:\n      older_than_hours: 48")
        for field in CleanupConfig.model_fields.values():
            expect(page.get_by_text(str(field.description).split(".")[0])).to_be_visible()
        expect(page.get_by_text("No errors")).to_be_visible()
        take_picture("launchpad")

    with start_dev("--fault", "forget-mark") as url:
        ui = DagsterUi(page, url)

        assert ui.launch(JOB) == "FAILURE"

        ui.open_check("booking/appointments", "no_unmarked_test_rows")
        expect(ui.entry("repair").get_by_text("prodtest run", exact=True)).to_be_visible()
        expect(page.locator("canvas")).to_be_visible()
        take_picture("check-red")
        expect(ui.unfold("sample").get_by_text("5550").first).to_be_hidden()
        expect(page.get_by_role("dialog").get_by_text("persona").first).to_be_visible()
        take_picture("check-red-sample")
        history = {
            name: ui.history("booking/appointments", name) for name in ("no_unmarked_test_rows", "no_stale_test_rows")
        }
        assert history == {"no_unmarked_test_rows": ["Failed", "Passed"], "no_stale_test_rows": ["Passed", "Passed"]}
        assert ui.history("booking_flow_results", "test_appointment_data_accuracy") == ["Failed", "Passed"]
        take_picture("check-history")
        for key in KEYS:
            ui.open_asset(key)
            the_asset_says_what_it_is(ui, key)
            if key in PLOTTED:
                the_asset_shows_its_picture_and_plots(ui, key, take_picture)
        ui.open_asset("booking/appointments")
        expect(page.get_by_text("Row count")).to_be_visible()
        expect(ui.entry("newest_row")).to_be_visible()
        take_picture("application-table")


def the_lineage_shows_every_asset_in_its_group(ui: DagsterUi) -> None:
    ui.open_lineage()
    for key in KEYS:
        expect(ui.page.locator("svg foreignObject").get_by_text(key.rpartition("/")[2], exact=True)).to_be_visible()
    for group in GROUPS:
        expect(ui.page.locator("svg").get_by_text(group, exact=True)).to_be_visible()


def the_asset_says_what_it_is(ui: DagsterUi, key: str) -> None:
    """In its first words; whose it is, what it writes, and where its runbook stands."""
    asset = GRAPH.get(dg.AssetKey.from_user_string(key))
    first_words = str(asset.description).split("*")[0].split("`")[0][:40].strip()

    expect(ui.page.get_by_text(first_words).first).to_be_visible()
    expect(ui.page.get_by_text(asset.owners[0].removeprefix("team:"), exact=True)).to_be_visible()
    expect(ui.page.get_by_text(f"prodtest/writes: {asset.tags['prodtest/writes']}")).to_be_visible()
    expect(ui.entry("runbook").get_by_text("docs/operations.md#")).to_be_visible()


def the_asset_shows_its_picture_and_plots(ui: DagsterUi, key: str, take_picture: TakePicture) -> None:
    """The picture of the last materialization, and a figure of both over time."""
    picture = ui.unfold("picture").locator("img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0
    if key != "test_data_report":  # its page shows behind the picture where the report lies on this machine
        take_picture(f"asset-{key.replace('_', '-')}")
    ui.page.get_by_role("button", name="Close").click()

    ui.page.get_by_role("button", name="Plots").click()
    expect(ui.page.get_by_text(PLOTTED[key], exact=True)).to_be_visible()
    figures = ui.plotted(PLOTTED[key])
    assert len(figures) == 2
    assert key not in DIFFERENT or figures[0] > figures[1]
    if key in DIFFERENT:
        ui.page.locator("canvas").nth(2).scroll_into_view_if_needed()
        take_picture("plots")
