"""Draws the pictures of this folder anew, from a real database: `make pictures`.

It starts a private PostgreSQL with customers, leftovers and eight days of snapshots, lets the suite run against the
reference application, once as it should be and once with a fault, and looks at what the commands show. The page is
photographed by a browser: Chromium of the system, or the one that `playwright install chromium` brings.
"""

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
from PIL import Image
from playwright.sync_api import sync_playwright
from psycopg.types.json import Jsonb
from rich.console import Console

from prodtest_assets.cli.demo.world import forget_settings, prepare_bookings, settings_for
from prodtest_assets.reports.html import page
from prodtest_assets.reports.terminal import dashboard_view, snapshot_view
from prodtest_assets.sandbox.postgres import private_postgres, remove_private_postgres
from prodtest_assets.sandbox.server import running_app
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.models import Snapshot, Staleness
from prodtest_assets.testdata.report_facts import read_report_facts
from prodtest_assets.testdata.snapshot import take_snapshot, to_json

HERE = Path(__file__).parent
RETENTION = timedelta(hours=24)
SNAPSHOTS, EVERY = 96, timedelta(hours=2)
FOOTER = "every 30 s   r refresh   q quit"
DESKTOP, PHONE = (1280, 1500), (390, 1500)
BROWSER = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


def main() -> None:
    """Draw them all."""
    forget_settings()
    with seeded_database() as url, open_database(url) as database:
        facts = read_report_facts(database, retention=RETENTION)
        for width in (80, 200):
            dashboard = dashboard_view(facts.snapshot, facts.volumes, footer=FOOTER)
            draw(dashboard, width, "dashboard", "prodtest dashboard")
        draw(snapshot_view(facts.snapshot), 80, "snapshot", "prodtest snapshot")
        photograph(page(facts))


@contextmanager
def seeded_database() -> Iterator[str]:
    """The URL of a database with a past, on a server that is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="prodtest-pictures-", dir="/var/tmp")) / "postgres"
    directory.parent.chmod(0o711)  # the account PostgreSQL runs under must be able to pass through
    try:
        with private_postgres(directory) as server:
            url = prepare_bookings(server)
            store_past(url)
            for faults in ((), ("wrong-time",)):
                run_suite(url, faults)
            yield url
    finally:
        remove_private_postgres(directory)
        shutil.rmtree(directory.parent)


def store_past(url: str) -> None:
    """Snapshots of eight days in which tests came and went."""
    with open_database(url) as database, psycopg.connect(url) as connection:
        now = take_snapshot(database, retention=RETENTION)
        for place in range(SNAPSHOTS, 0, -1):
            past = as_it_was(now, place)
            connection.execute(
                "INSERT INTO prodtest.snapshot (taken_at, figures) VALUES (%s, %s)",
                (past.taken_at, Jsonb(to_json(past))),
            )


def as_it_was(now: Snapshot, place: int) -> Snapshot:
    """Figures that rise from one cleanup, every two days, to the next."""
    since_cleanup = (SNAPSHOTS - place) % 24
    total = 6 + round(since_cleanup * 1.7 + 4 * math.sin(place))
    stale = max(total - 20, 0)
    residue = replace(now.residue, stale=stale, orphaned=stale // 6, unmarked=0)
    return replace(
        now,
        taken_at=now.taken_at - place * EVERY,
        cutoff=now.cutoff - place * EVERY,
        total=total,
        stale=Staleness(stale, 0, 0),
        residue=residue,
        pending_events=0,
    )


def run_suite(url: str, faults: tuple[str, ...]) -> None:
    """Run the suite as a person does; that tests fail where a fault is on is what the pictures are to show."""
    with running_app(url, faults=faults, auth_token="pictures", api_key="pictures") as app:
        environment: Mapping[str, str] = os.environ | settings_for(url, app, "pictures", "pictures")
        command = [sys.executable, "-m", "prodtest_assets", "run", "-k", "not canary"]
        subprocess.run(command, env=environment, cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL, check=False)


def draw(view: object, width: int, name: str, title: str) -> None:
    """What a terminal of that width shows, as SVG."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(view)
        picture = console.export_svg(title=title, unique_id=f"{name}{width}")
        # Fonts of the machine that shows it: a picture in a document fetches nothing.
        (HERE / f"{name}-{width}.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))


def photograph(html: str) -> None:
    """The page at the width of a desk and of a phone, by day and by night."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "report.html"
        file.write_text(html, encoding="utf-8")
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(BROWSER))
        for name, (width, height), scheme in (("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")):
            view = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            view.goto(file.as_uri())
            view.screenshot(path=HERE / f"report-{name}.png")
            charts = view.locator("section", has=view.get_by_role("heading", name="What was stored"))
            charts.screenshot(path=HERE / f"report-{name}-charts.png")
            if name == "desktop":
                view.locator("table.tests").screenshot(path=HERE / f"report-{name}-tests.png")
        browser.close()
    for picture in HERE.glob("report-*.png"):
        Image.open(picture).quantize(256).save(picture, optimize=True)


if __name__ == "__main__":
    main()
