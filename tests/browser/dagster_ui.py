"""What a person does in Dagster's web UI."""

import json
import re
import urllib.request
from typing import Any

from playwright.sync_api import Locator, Page, ViewportSize, expect

_SECONDS_FOR_A_RUN = 300
_MILLISECONDS_FOR_CODE = 30_000
_RELOADS = 3
_MILLISECONDS_FOR_A_MOVE = 1_000
# What the chart that React drew on a canvas was given.
_DRAWN = """canvas => {
    let part = canvas[Object.keys(canvas).find(name => name.startsWith('__reactFiber'))];
    while (part && !part.memoizedProps?.data?.datasets) part = part.return;
    return part.memoizedProps.data.datasets[0].data.map(point => point.y ?? point);
}"""
_USUAL = ViewportSize(width=1600, height=1000)
# The plot of a check stands below its metadata; the search bar leaves the steps of a run little room.
_HIGHER = ViewportSize(width=1600, height=1150)
_HIGH = ViewportSize(width=1600, height=1500)
# Dagster draws nothing of the lineage that lies outside of the window.
_WIDE = ViewportSize(width=2400, height=1400)


class DagsterUi:
    """The UI in one window."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        page.set_viewport_size(_USUAL)

    def open_lineage(self) -> None:
        """All assets, with their groups unfolded, in a window that has room for all of them, from edge to edge."""
        self.page.set_viewport_size(_WIDE)
        self.page.goto(f"{self.url}/asset-groups")
        self.page.wait_for_selector("svg foreignObject")
        self.page.keyboard.press("Alt+E")
        self.page.get_by_placeholder("Jump to").locator("xpath=following::button[1]").click()
        # Dagster fits the graph into the window, and its edge just outside.
        self.page.wait_for_timeout(_MILLISECONDS_FOR_A_MOVE)
        self.page.mouse.dblclick(_WIDE["width"] / 2, _WIDE["height"] - 20)
        self.page.wait_for_timeout(_MILLISECONDS_FOR_A_MOVE)
        self.page.locator("button", has=self.page.get_by_label("zoom_out")).click()
        self.page.wait_for_timeout(_MILLISECONDS_FOR_A_MOVE)

    def open_asset(self, key: str) -> None:
        """The overview of an asset."""
        self.page.set_viewport_size(_USUAL)
        self.page.goto(f"{self.url}/assets/{key}")
        for _ in range(_RELOADS):
            try:
                expect(self.page.locator(".dagster-markdown").first).to_be_visible(timeout=_MILLISECONDS_FOR_CODE)
            except AssertionError:
                # Dagster loads the code for Markdown apart, and does not ask again for a part that was too slow.
                self.page.reload()
            else:
                return

    def open_check(self, key: str, check: str) -> None:
        """The page of an asset's check."""
        self.page.set_viewport_size(_HIGHER)
        self.page.goto(f"{self.url}/assets/{key}?view=checks&checkDetail={check}")
        expect(self.page.get_by_role("tab", name="Execution history")).to_be_visible()

    def history(self, key: str, check: str) -> list[str]:
        """All that a check has said, the latest first."""
        self.open_check(key, check)
        self.page.get_by_role("tab", name="Execution history").click()
        said = self.page.locator("tr").get_by_text(re.compile("^(Passed|Failed|Warning|Skipped)$"))
        expect(said.first).to_be_visible()
        return said.all_inner_texts()

    def entry(self, name: str) -> Locator:
        """The row of one entry of metadata."""
        return self.page.locator("tr").filter(has=self.page.get_by_text(name, exact=True)).last

    def unfold(self, name: str) -> Locator:
        """Open an entry of metadata that is too long for its row; gives the dialog."""
        self.entry(name).get_by_text("[Show Markdown]").click()
        return self.page.get_by_role("dialog")

    def plotted(self, name: str) -> list[float]:
        """The figures of one plot on an asset's page, as they are drawn, the oldest first."""
        canvas = self.page.get_by_text(name, exact=True).locator("xpath=following::canvas[1]")
        expect(canvas).to_be_visible()
        return [float(y) for y in canvas.evaluate(_DRAWN)]

    def configure(self, job: str, config: str) -> None:
        """Write the configuration of a run in the launchpad; what may stand there is shown beside it."""
        self.page.goto(f"{self.url}/locations/prodtest/jobs/{job}/playground")
        self.page.locator(".CodeMirror").first.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(config)

    def launch(self, job: str) -> str:
        """Launch a job as a whole, from its launchpad, and wait until the run has ended. Gives its status."""
        before = len(self.runs(job))
        self.page.goto(f"{self.url}/locations/prodtest/jobs/{job}/playground")
        self.page.get_by_role("button", name="Launch Run").click()
        for _ in range(_SECONDS_FOR_A_RUN):
            self.page.wait_for_timeout(1_000)
            runs = self.runs(job)
            if len(runs) > before and runs[0]["endTime"]:
                break
        return str(self.runs(job)[0]["status"])

    def open_latest_run(self, job: str) -> None:
        """The page of the job's last run."""
        self.page.set_viewport_size(_HIGH)
        self.page.goto(f"{self.url}/runs/{self.runs(job)[0]['runId']}")

    def runs(self, job: str) -> list[dict[str, Any]]:
        """The job's runs, the newest first, as the web server tells them."""
        query = "query($job: String!) { runsOrError(filter: {pipelineName: $job}) { ... on Runs { results {"
        query += " runId status endTime } } } }"
        body = json.dumps({"query": query, "variables": {"job": job}}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["runsOrError"]["results"]
        return found
