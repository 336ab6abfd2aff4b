"""A real Chromium in front of a real `prodtest dev`."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from prodtest_assets.cli.dev.processes import free_port
from tests.integration.cli.checkouts import assert_that_nothing_runs, copied_checkout, end
from tests.integration.cli.commands import CHECKOUT, command, environment
from tests.integration.cli.test_dev import QUIET, until_up
from tests.left_out import program_path

# Chromium's own connections to its maker, and what needs a graphics card or a user of its own, are switched off.
_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
_PATIENCE_MILLISECONDS = 120_000
# Plots and dialogs grow into their place.
_MILLISECONDS_TO_SETTLE = 1_000
_PICTURES = CHECKOUT / "docs" / "pictures"

StartDev = Callable[..., AbstractContextManager[str]]
TakePicture = Callable[[str], None]


@pytest.fixture(scope="session")
def browser() -> Iterator[BrowserContext]:
    """One Chromium for all tests, which loads Dagster's code once."""
    expect.set_options(timeout=_PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program_path("chromium"), args=_ARGUMENTS)
        context = chromium.new_context(color_scheme="light", reduced_motion="reduce")
        context.set_default_timeout(_PATIENCE_MILLISECONDS)
        yield context
        chromium.close()


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """A window of its own."""
    with browser.new_page() as page:
        yield page


@pytest.fixture
def start_dev() -> Iterator[StartDev]:
    """Starts `prodtest dev` and gives its address. The sessions of a test share a checkout and what is stored there."""
    with copied_checkout() as checkout:

        @contextmanager
        def start(*arguments: str) -> Iterator[str]:
            process = subprocess.Popen(
                command("dev", "--json", f"--port={free_port()}", *arguments),
                cwd=checkout,
                env=environment(QUIET, package=checkout),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                yield str(until_up(process)["url"])
            finally:
                process.terminate()
                end(process)

        yield start
        assert_that_nothing_runs(checkout)


@pytest.fixture
def take_picture(page: Page, request: pytest.FixtureRequest, tmp_path: Path) -> TakePicture:
    """Photographs the page; into `docs/pictures` with `--pictures`, else into a folder that is forgotten."""
    folder = _PICTURES if request.config.getoption("--pictures") else tmp_path

    def take(name: str) -> None:
        raw = tmp_path / "raw.png"
        page.wait_for_timeout(_MILLISECONDS_TO_SETTLE)
        page.screenshot(path=raw)
        with Image.open(raw) as image:
            image.convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE).save(folder / f"{name}.png", optimize=True)

    return take
