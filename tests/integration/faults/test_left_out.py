"""A test that cannot run on this machine is named at the end, with what would help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[3]
_TESTS = """
from tests.left_out import needs, needs_debian_package

@needs_debian_package("no-such-package", "no-such-program")
def test_that_needs_a_program():
    assert False

@needs(True, "never shown")
def test_that_needs_nothing(record_property):
    record_property("kills survived", 7)
"""


@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_is_left_out_is_named_with_the_command_that_helps(tmp_path, processes):
    (tmp_path / "test_example.py").write_text(_TESTS)
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", processes, "-p", "tests.left_out", "--strict-markers", tmp_path],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(_CHECKOUT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout
    assert "1 passed" in answer.stdout
    assert "no-such-program is not installed: apt-get install -y no-such-package" in answer.stdout
    assert "test_that_needs_nothing: kills survived 7" in answer.stdout
    assert "never shown" not in answer.stdout
