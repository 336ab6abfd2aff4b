"""The suite never outlives the job: interrupted it cleans up after itself, killed it is gone at once."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_SECONDS = 60.0
_SUITE = """
    import time
    from pathlib import Path
    import pytest

    HERE = Path(__file__).parent

    @pytest.fixture
    def row():
        yield
        (HERE / "removed").touch()

    def test_long(row):
        for count in range(600):
            (HERE / "beat").write_text(str(count))
            time.sleep(0.1)
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite whose only test leaves signs of life."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "test_suite.py").write_text(textwrap.dedent(_SUITE))
    return folder


@pytest.fixture
def job(suite: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The main job as the command line starts it, in the middle of its suite."""
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    module, name = "prodtest_assets.definitions", "booking_flow_and_cleanup"
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "job", "execute", "-m", module, "-j", name],
        env=os.environ | {"PRODTEST_SUITE": str(suite), "DAGSTER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    try:
        deadline = time.monotonic() + _SECONDS
        while not (suite / "beat").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def is_still(beat: Path) -> bool:
    """Whether nobody writes to `beat` any more."""
    before = beat.read_text()
    time.sleep(1)
    return beat.read_text() == before


@pytest.mark.parametrize("request_to_end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_job_stops_its_suite_which_takes_back_what_it_made(
    job: "subprocess.Popen[bytes]", suite: Path, request_to_end: signal.Signals
) -> None:
    job.send_signal(request_to_end)

    assert job.wait(_SECONDS) != 0
    assert (suite / "removed").exists()
    assert is_still(suite / "beat")


def test_nothing_of_a_killed_job_goes_on(job: "subprocess.Popen[bytes]", suite: Path) -> None:
    job.kill()
    job.wait()
    time.sleep(1)

    assert is_still(suite / "beat")
