"""The example of a team's own suite, run as that team runs it: from the wheel, in an environment of its own."""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from prodtest_assets.sandbox.seed import seed_customers
from prodtest_assets.sandbox.server import running_app
from tests.suites import nothing_left_behind, settings_for

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_suite"
EXTRAS = {"sandbox/": "sandbox", "cli/demo/": "sandbox", "google_calendar/": "calendar"}
"""Folders of the package that need an extra."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, as it is released."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """The interpreter of a fresh environment with the wheel in it; what the wheel depends on is lent by this one."""
    folder = wheel.parent
    venv.create(folder / "venv", with_pip=False)
    interpreter = folder / "venv" / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "-q", "--offline", "--no-deps", "--no-cache",
         "--python", str(interpreter), str(wheel)],
        check=True,
    )  # fmt: skip
    found = subprocess.run(
        [str(interpreter), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (Path(found.stdout.strip()) / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return interpreter


def run(python: Path, folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run something of the fresh environment, in `folder` and with nothing of the checkout in sight."""
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(python), *arguments], cwd=folder, env=environment | settings, capture_output=True, text=True, check=False,
        timeout=240, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The example, copied away from the checkout."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "own_suite"))


def imports_of(wheel: ZipFile, file: str) -> set[str]:
    """The modules of others that a file of the wheel imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(wheel.read(file))))
    modules = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {module.split(".")[0] for module in modules} - sys.stdlib_module_names - {"prodtest_assets"}


def test_every_import_of_the_wheel_is_of_something_that_the_wheel_asks_for(wheel: Path) -> None:
    providers = packages_distributions()
    with ZipFile(wheel) as packed:
        (metadata,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        asked = [Requirement(line) for line in message_from_bytes(packed.read(metadata)).get_all("Requires-Dist", [])]
        missing = {
            (file, module)
            for file in packed.namelist()
            if file.startswith("prodtest_assets/") and file.endswith(".py")
            for module in imports_of(packed, file)
            if not {canonicalize_name(name) for name in providers.get(module, ())} & installed_for(file, asked)
        }

    assert missing == set()


def installed_for(file: str, asked: list[Requirement]) -> set[str]:
    """What is installed where a file is used: everybody's, and that of the extra to which its folder belongs."""
    extra = next((extra for folder, extra in EXTRAS.items() if file.startswith(f"prodtest_assets/{folder}")), "")
    return {canonicalize_name(each.name) for each in asked if not each.marker or each.marker.evaluate({"extra": extra})}


def test_the_example_runs_from_the_wheel_and_leaves_nothing(booking_url: str, python: Path, suite: Path) -> None:
    seed_customers(booking_url)
    place = run(python, suite, "-c", "import prodtest_assets; print(prodtest_assets.__file__)").stdout
    assert Path(place).is_relative_to(python.parents[1])

    with running_app(booking_url) as app, nothing_left_behind(booking_url):
        settings = settings_for(booking_url, app) | {"PRODTEST_CALL_SCRIPT": "calls.toml"}
        done = run(python, suite, "-m", "pytest", "-q", "-p", "no:cacheprovider", **settings)

    assert "5 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_without_settings_the_example_is_skipped_and_says_what_is_missing(python: Path, suite: Path) -> None:
    done = run(python, suite, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider")

    assert "5 skipped" in done.stdout, done.stdout + done.stderr
    assert "PRODUCTION_DB_URL not configured" in done.stdout


def test_the_wheel_carries_the_script_s_schema_the_suites_and_the_command(python: Path, suite: Path) -> None:
    check = run(python, suite, "-m", "prodtest_assets", "caller", "check", "calls.toml")
    assert (check.returncode, check.stdout) == (0, "calls.toml: 2 answers, nothing wrong\n"), check.stderr

    schema = "from prodtest_assets.caller.script_file import script_schema; print(script_schema()['title'])"
    assert run(python, suite, "-c", schema).stdout == "prodtest call script\n"
    suites = (
        "from prodtest_assets.booking_flow.discovery import suite_folder;"
        "print(*sorted(file.name for file in suite_folder(None).glob('test_*')))"
    )
    assert run(python, suite, "-c", suites).stdout.split() == [
        "test_call_scenarios.py", "test_production_database_flow.py", "test_twilio_simulation.py",
    ]  # fmt: skip
