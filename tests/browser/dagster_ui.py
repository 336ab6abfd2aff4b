"""What a person does in Dagster's web UI."""

import json
import re
import urllib.request
from typing import Any

from playwright.sync_api import Locator, Page, ViewportSize, expect

_SECONDS_FOR_A_RUN = 300
_MILLISECONDS_FOR_CODE = 30_000
_RELOADS = 3
_USUAL = ViewportSize(width=1600, height=1000)
# Dagster draws nothing of the lineage that lies outside of the window.
_WIDE = ViewportSize(width=2400, height=1400)


class DagsterUi:
    """The UI in one window."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        page.set_viewport_size(_USUAL)

    def open_lineage(self) -> None:
        """All assets, with their groups unfolded, in a window that is wide enough for all of them."""
        self.page.set_viewport_size(_WIDE)
        self.page.goto(f"{self.url}/asset-groups")
        self.page.wait_for_selector("svg foreignObject")
        self.page.keyboard.press("Alt+E")

    def open_asset(self, key: str) -> None:
        """The overview of an asset."""
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
