"""Each command that a document quotes, typed as written by a shell, on a real database and a real application."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from prodtest_assets.cli.entry import run
from prodtest_assets.errors import Unreachable
from prodtest_assets.sandbox.seed import seed_customers, seed_leftovers
from prodtest_assets.sandbox.server import RunningApp, running_app
from prodtest_assets.schema import MARK_REVISION
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, Scope
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.holds import Subject, add_hold
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed
from prodtest_assets.testdata.protect import unprotect
from tests.booking_world import START, BookingWorld
from tests.documents import ROOT, Expected, Reader, documents, inline_commands, quoted_commands
from tests.left_out import needs_debian_package

# A suite in the place of the shipped ones, so that a run takes seconds; those are run by test_call_suites.py,
# test_production_suite.py and the demonstration.
_SUITE = """
import pytest

pytestmark = pytest.mark.essential


def test_complete_booking_and_data_accuracy(caller):
    \"\"\"A caller books, and what is stored is what was said.\"\"\"
    call = caller.book()
    assert caller.stored(call) is not None
"""
_READS = ("psql ", "look")
_GREEN_RUN = ("1 passed, 0 failed", "of this run left: 0", ":***@")
_PLAN = ("would go:",)

# What a reader sees. A command that stands in several documents is expected to do the same in each.
_EXPECTED: Mapping[str, Expected] = {
    "export PRODUCTION_DB_URL=postgresql://USER:PASSWORD@HOST/DATABASE": Expected(),
    "export PRODUCTION_DB_URL=postgresql://user:password@host/booking_staging": Expected(),
    "export PRODUCTION_DB_TEST_MODE=true": Expected(),
    "export PRODUCTION_DB_TEST_MODE=false": Expected(),
    "export PRODUCTION_TEST_URL=https://STAGING": Expected(),
    "export PRODUCTION_TEST_URL=https://staging.example.com": Expected(),
    "export PRODTEST_ALERT_URLS='slack://TOKEN_A/TOKEN_B/TOKEN_C,"
    "mailtos://user:password@example.com?to=oncall@example.com'": Expected(),
    "export PRODTEST_ALERT_URLS='json://alerts.example.com/hook,file:///var/log/prodtest-alerts.jsonl'": Expected(),
    "export PRODTEST_WEBSERVER_URL=https://dagster.example.com": Expected(),
    'eval "$(_PRODTEST_COMPLETE=bash_source prodtest)"': Expected(),
    "alembic upgrade head": Expected(),
    "dagster definitions validate -w workspace.yaml": Expected(("Validation successful",)),
    "dagster job execute -m prodtest_assets.definitions -j booking_flow_and_cleanup": Expected(("RUN_SUCCESS",)),
    "prodtest migrate --ours-only": Expected(("schema prodtest: ",)),
    "prodtest preflight": Expected(("ready: 0 failed", "server identity", "is healthy")),
    'prodtest preflight --json | grep -A 2 "server identity"': Expected(('"level": "pass"', '"message": "')),
    "prodtest protect": Expected(("is protected",)),
    "prodtest protect --print": Expected(("BEGIN;", "COMMIT;")),
    "prodtest protect --remove": Expected(("is not protected any more",)),
    "./scripts/run_production_tests.sh": Expected(("ready: 0 failed", *_GREEN_RUN)),
    "./scripts/run_production_tests.sh --dry-run": Expected(("ready: 0 failed", "would run 1 test:")),
    "./scripts/run_production_tests.sh --help": Expected(("--skip-checks",)),
    "./scripts/run_production_tests.sh --verbose": Expected(("PASSED", *_GREEN_RUN)),
    './scripts/run_production_tests.sh --skip-checks -k "complete_booking or data_accuracy"': Expected(_GREEN_RUN),
    "prodtest run": Expected(_GREEN_RUN),
    "prodtest run -k complete_booking": Expected(_GREEN_RUN),
    "prodtest run --dry-run -k complete_booking": Expected(("would run 1 test", "::test_complete_booking_")),
    "pytest tests/production -m essential": Expected((" passed",)),
    "prodtest count": Expected(("test appointments in booking_test_",)),
    "prodtest list --limit 20": Expected(("caller", "*****")),
    "prodtest list --older-than 24": Expected(("caller", "*****")),
    "prodtest list --active-only --json": Expected(('"appointments": [',)),
    "prodtest verify": Expected(("no_stale_test_rows",)),
    "prodtest verify --strict": Expected(("do: prodtest cleanup --no-dry-run",), code=1),
    "prodtest verify --active-only": Expected(("no_stale_test_rows",)),
    "prodtest summary": Expected(("Cleanup recommended: ", "Latest run: ")),
    "prodtest snapshot --json": Expected(('"summary": {',)),
    "prodtest dashboard": Expected(("Test data in booking_test_",)),
    "prodtest export --format prometheus --output metrics.prom": Expected(("wrote metrics.prom",)),
    "prodtest export --format html --output report.html": Expected(("wrote report.html",)),
    "prodtest watch --once --alert-threshold 500": Expected((" test rows, ",)),
    "prodtest cleanup": Expected(_PLAN),
    "prodtest cleanup --no-dry-run": Expected(("writing needs test mode",), code=3),
    "prodtest cleanup --no-dry-run --yes": Expected(("drained",)),
    "prodtest cleanup --older-than 1 --no-dry-run --yes": Expected(("drained",)),
    "prodtest cleanup --max-delete 100 --no-dry-run --yes": Expected(("drained",)),
    "prodtest cleanup --id APPOINTMENT_ID --no-dry-run --yes": Expected(("drained", "1 appointment")),
    "prodtest cleanups": Expected(("bring back: prodtest undo ",)),
    "prodtest undo CLEANUP_ID --dry-run": Expected(("1 appointment",)),
    "prodtest undo CLEANUP_ID": Expected(("1 appointment",)),
    "prodtest undo CLEANUP_ID --only appointments:APPOINTMENT_ID": Expected(("1 appointment",)),
    'prodtest hold add --appointment APPOINTMENT_ID --days 3 --reason "the caller heard a wrong time"': Expected(
        ("hold ", ": appointment ", " stays until ")
    ),
    "prodtest hold list": Expected(("the caller heard a wrong time",)),
    "prodtest hold release HOLD_ID": Expected((" is released",)),
    "python tests/production/cleanup.py count": Expected(("test appointments in booking_test_",)),
    "python tests/production/cleanup.py list --limit 10": Expected(("caller", "*****", " more: ")),
    "python tests/production/cleanup.py verify": Expected(("no_stale_test_rows",)),
    "python tests/production/cleanup.py summary": Expected(("Cleanup recommended: yes",)),
    "python tests/production/cleanup.py cleanup --older-than 24 --dry-run": Expected(_PLAN),
    "python tests/production/cleanup.py cleanup --older-than 24 --no-dry-run --yes": Expected(("drained",)),
    "python tests/production/monitor_test_data.py snapshot": Expected(("Test data in booking_test_",)),
    "python tests/production/monitor_test_data.py dashboard --refresh-interval 30": Expected(
        ("Test data in booking_test_",)
    ),
    "python tests/production/monitor_test_data.py export --output metrics.json --format json": Expected(("wrote ",)),
    "python tests/production/monitor_test_data.py export --output metrics.prom --format prometheus": Expected(
        ("wrote ",)
    ),
    "python tests/production/monitor_test_data.py export --output report.html --format html": Expected(("wrote ",)),
    "python tests/production/monitor_test_data.py watch --alert-threshold 500 --check-interval 60": Expected(
        until=" test rows, "
    ),
}  # fmt: skip

# What runs for real somewhere else: the file that runs it, and the words by which it does.
_COVERED_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "make demo": (".ci/run", "make demo"),
    "make test": (".ci/run", "make test"),
    ".venv/bin/prodtest demo --fault forget-mark": ("tests/integration/cli/test_demo.py", '"--fault", "forget-mark"'),
    "pip install prodtest-assets": ("tests/integration/test_own_suite.py", '"pip", "install"'),
    "prodtest dev": ("tests/integration/cli/test_dev.py", 'command("dev"'),
    "prodtest selftest": ("tests/integration/test_selftest.py", '"selftest"'),
}

_DOCUMENTS = list(documents())
_QUOTED = [quoted for document in _DOCUMENTS for quoted in quoted_commands(document)]


class Stage:
    """A database with customers and leftovers, the application on it, and what a reader would look up there."""

    def __init__(self, world: BookingWorld, app: RunningApp) -> None:
        self._world, self._app = world, app
        self._removed: tuple[str, int] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the documents take for granted where they do not say it themselves."""
        return {
            "PRODUCTION_DB_URL": self._world.url,
            "PRODUCTION_DB_TEST_MODE": "true",
            "PRODUCTION_TEST_URL": self._app.url,
        }

    def placeholders(self) -> dict[str, Callable[[str], str]]:
        """What a reader fills in."""
        url = self._world.url
        driven = url.replace("postgresql://", "postgresql+asyncpg://")
        return {
            "postgresql://USER:PASSWORD@HOST/DATABASE": lambda command: driven,
            "postgresql://user:password@host/booking_staging": lambda command: driven,
            "https://STAGING": lambda command: self._app.url,
            "https://staging.example.com": lambda command: self._app.url,
            "CLEANUP_ID": lambda command: self._cleanup(anew="--only" in command)[0],
            "APPOINTMENT_ID": self._appointment,
            "HOLD_ID": lambda command: str(self._hold()),
        }

    def _appointment(self, command: str) -> str:
        if "--only" in command:
            return str(self._cleanup()[1])
        return str(self._world.book(age=timedelta(hours=1)))

    def _cleanup(self, *, anew: bool = False) -> tuple[str, int]:
        """A cleanup that removed one appointment, and its id."""
        if self._removed is None or anew:
            row = self._world.book(age=timedelta(hours=1))
            world = self._world
            report = cleanup_now(world.database, world.permit, Policy(), scope=Scope.NAMED, named=(row,))
            self._removed = (str(report.id), row)
        return self._removed

    def _hold(self) -> int:
        row = self._world.book(start=START + timedelta(days=1))
        subject, until = Subject("appointment", row_id=row), START
        return add_hold(self._world.database, self._world.permit, subject, until=until, reason="a test's")


@pytest.fixture
def stage(world: BookingWorld) -> Iterator[Stage]:
    """One for each document. No customer's row changes, whatever is typed."""
    seed_customers(world.url)
    seed_leftovers(world.url)
    before = customer_fingerprints(world.database)
    with running_app(world.url) as app:
        yield Stage(world, app)
    assert rows_changed(world.database, before) == 0
    unprotect(world.database, world.permit)


@pytest.fixture
def reader(stage: Stage, tmp_path: Path) -> Reader:
    """Somebody who follows a document from its top to its end."""
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "test_short.py").write_text(_SUITE)
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Reader(folder, {**stage.environment, "PRODTEST_SUITE": str(suite)}, stage.placeholders())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_of_a_document_does_what_it_says(document: Path, reader: Reader) -> None:
    typed = [quoted for quoted in quoted_commands(document) if quoted.text not in _COVERED_ELSEWHERE]
    for quoted in typed:
        if not quoted.text.startswith(_READS):
            reader.type(quoted.text, _EXPECTED[quoted.text])
        if quoted.text == "alembic upgrade head":  # it says nothing itself
            reader.type("alembic current", Expected((f"{MARK_REVISION} (head)",)))


@needs_debian_package("postgresql-client", "psql")
def test_what_is_given_to_psql_is_understood_by_it_and_only_reads(reader: Reader, world: BookingWorld) -> None:
    looks = [quoted.text for quoted in _QUOTED if quoted.text.startswith("look")]
    for scheme in ("postgresql+asyncpg", "postgresql+psycopg2", "postgresql+psycopg", "postgres", "postgresql"):
        reader.environment = {**reader.environment, "PRODUCTION_DB_URL": world.url.replace("postgresql", scheme, 1)}
        for look in looks:
            reader.type(look, Expected() if "{" in look else Expected((" row",)))
    reader.type('look "DELETE FROM appointments"', Expected(("read-only transaction",), code=1))


@needs_debian_package("postgresql-client", "psql")
def test_the_sessions_of_prodtest_are_ended_from_anywhere(booking_url: str, tmp_path: Path) -> None:
    (command,) = [quoted.text for quoted in _QUOTED if "pg_terminate_backend" in quoted.text]
    reader = Reader(tmp_path, {"PRODUCTION_DB_URL": booking_url.replace("://", "+asyncpg://", 1)}, {})
    with open_database(booking_url) as database, psycopg.connect(booking_url) as application:
        reader.type(command, Expected((" ended", " 1\n", "(1 row)")))
        with pytest.raises(Unreachable):
            database.rows("server_identity")
        application.execute("SELECT 1")


def test_every_quoted_command_is_run_here_or_declared_to_be_run_elsewhere() -> None:
    quoted = {command.text for command in _QUOTED if not command.text.startswith(_READS)}
    assert quoted == _EXPECTED.keys() | _COVERED_ELSEWHERE.keys()


@pytest.mark.parametrize("command", sorted(set().union(*map(inline_commands, _DOCUMENTS))))
def test_a_command_that_is_named_in_the_text_exists_with_its_options(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, check=True)
    else:
        assert run([*words[1:], "--help"]) == 0


@pytest.mark.parametrize("command", _COVERED_ELSEWHERE)
def test_what_is_declared_to_be_run_elsewhere_is_run_there(command: str) -> None:
    file, words = _COVERED_ELSEWHERE[command]
    assert words in (ROOT / file).read_text()


def test_links_between_documents_lead_somewhere() -> None:
    for document in _DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
