"""Each way in which a test can end is exactly one result of its check, and never a failure of the asset."""

import dagster as dg
import pytest

from tests.booking_world import BookingWorld
from tests.defs.conftest import Ended, RunSuite, values

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def outcome(ended: Ended, name: str) -> tuple[bool, dg.AssetCheckSeverity, str]:
    check = ended.check(name)
    return check.passed, check.severity, values(check.metadata)["outcome"]


def test_a_test_that_passed_is_a_check_that_passed(run_suite: RunSuite) -> None:
    ended = run_suite('def test_it():\n    "It works."\n')

    assert ended.success
    assert outcome(ended, "test_it") == (True, ERROR, "passed")
    assert ended.value("booking_flow_results", "passed") == 1


def test_a_failed_test_says_why_and_leaves_the_asset_standing(run_suite: RunSuite) -> None:
    ended = run_suite("""
        def find(wanted):
            assert wanted == 4, "the booking is not there"

        def test_it():
            find(5)
    """)

    assert ended.success
    assert outcome(ended, "test_it") == (False, ERROR, "failed")
    shown = values(ended.check("test_it").metadata)
    assert "the booking is not there" in shown["reason"]
    assert "test_suite.py:6 in test_it: find(5)" in shown["traceback"]
    assert "test_suite.py:3 in find" in shown["traceback"]
    assert ended.value("booking_flow_results", "failed") == 1


def test_a_skipped_test_has_not_passed_but_only_warns(run_suite: RunSuite) -> None:
    ended = run_suite("""
        import pytest

        def test_it():
            pytest.skip("PRODUCTION_DB_URL not configured")
    """)

    assert outcome(ended, "test_it") == (False, WARN, "skipped")
    assert ended.check("test_it").description == "PRODUCTION_DB_URL not configured"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("assert n < 9", (True, ERROR, "passed")),
        ("assert n != 1", (False, ERROR, "failed")),
        ("n != 1 or pytest.skip('not today')", (False, WARN, "skipped")),
    ],
)
def test_parameters_are_folded_into_one_result(
    run_suite: RunSuite, body: str, expected: tuple[bool, dg.AssetCheckSeverity, str]
) -> None:
    ended = run_suite(f"""
        import pytest

        @pytest.mark.parametrize("n", [0, 1, 2])
        def test_it(n):
            {body}
    """)

    assert outcome(ended, "test_it") == expected
    assert "test_it[2]" in values(ended.check("test_it").metadata)["cases"]


def test_a_test_that_cannot_clean_up_has_failed(run_suite: RunSuite) -> None:
    ended = run_suite("""
        import pytest

        @pytest.fixture
        def row():
            yield
            raise RuntimeError("the row is still there")

        def test_it(row):
            pass
    """)

    assert outcome(ended, "test_it") == (False, ERROR, "failed")
    assert "in teardown: RuntimeError: the row is still there" in values(ended.check("test_it").metadata)["reason"]


def test_a_deselected_test_did_not_run(run_suite: RunSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k kept")

    ended = run_suite("def test_kept(): pass\ndef test_other(): pass\n")

    assert outcome(ended, "test_kept") == (True, ERROR, "passed")
    assert outcome(ended, "test_other") == (False, ERROR, "did not run")
    assert ended.check("test_other").description == "it was deselected"


def test_what_was_known_before_the_process_was_killed_stays_known(run_suite: RunSuite) -> None:
    ended = run_suite("""
        import os, signal

        def test_before(): pass
        def test_killer(): os.kill(os.getpid(), signal.SIGKILL)
        def test_after(): pass
    """)

    assert ended.success
    assert outcome(ended, "test_before") == (True, ERROR, "passed")
    assert outcome(ended, "test_killer") == outcome(ended, "test_after") == (False, ERROR, "did not run")
    assert "killed (SIGKILL)" in values(ended.check("test_after").metadata)["reason"]


def test_a_file_that_cannot_be_imported_is_named_in_every_result(run_suite: RunSuite) -> None:
    ended = run_suite("def test_it(): pass\n", then="import no_such_module\ndef test_it(): pass\n")

    assert outcome(ended, "test_it") == (False, ERROR, "did not run")
    assert "no_such_module" in values(ended.check("test_it").metadata)["reason"]


def test_a_test_that_has_gone_since_the_checks_were_declared_did_not_run(run_suite: RunSuite) -> None:
    ended = run_suite("def test_gone(): pass\ndef test_it(): pass\n", then="def test_it(): pass\n")

    assert outcome(ended, "test_gone") == (False, ERROR, "did not run")
    assert outcome(ended, "test_it") == (True, ERROR, "passed")


def test_a_test_that_nobody_declared_is_counted_and_shown(run_suite: RunSuite) -> None:
    ended = run_suite("def test_it(): pass\n", then="def test_it(): pass\ndef test_new(): assert False\n")

    assert [check.check_name for check in ended.evaluations] == ["test_it"]
    assert ended.value("booking_flow_results", "failed") == 1
    assert "test_new (not declared)" in ended.value("booking_flow_results", "tests")


def test_a_suite_that_cannot_start_fails_its_checks_and_not_the_asset(
    run_suite: RunSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")

    ended = run_suite("def test_it(): pass\n")

    assert ended.success
    assert outcome(ended, "test_it") == (False, ERROR, "did not run")
    assert ended.check("test_it").description == "pytest could not start; the step's output says why"


def test_a_suite_that_is_gone_fails_its_checks_and_not_the_asset(run_suite: RunSuite) -> None:
    ended = run_suite("def test_it(): pass\n", then=None, moved_away=True)

    assert ended.success
    assert outcome(ended, "test_it") == (False, ERROR, "did not run")
    assert "does not exist" in values(ended.check("test_it").metadata)["reason"]


def test_a_check_run_alone_runs_only_its_test(run_suite: RunSuite) -> None:
    ended = run_suite(
        "def test_a(): pass\ndef test_b(): assert False\n",
        selection=dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("booking_flow_results"), "test_a")),
    )

    assert [check.check_name for check in ended.evaluations] == ["test_a"]
    assert outcome(ended, "test_a") == (True, ERROR, "passed")
    assert not ended.materialized


def test_results_come_in_while_the_suite_runs(run_suite: RunSuite) -> None:
    ended = run_suite("""
        import time

        def test_early(): pass
        def test_late(): time.sleep(2)
    """)

    early, late = (ended.times[name] for name in ("test_early", "test_late"))
    assert late - early > 1


_LEADS_A_RUN = """
    import os, signal
    from datetime import UTC, datetime

    from prodtest_assets.testdata.guard import WriteRules
    from prodtest_assets.testdata.ledger import RunLedger

    START = datetime(2030, 6, 3, 14, tzinfo=UTC)

    def run_ledger(request):
        run_id = request.config.getoption("--prodtest-run-id")
        return RunLedger(os.environ["PRODUCTION_DB_URL"], run_id, "http://127.0.0.1:1", WriteRules(test_mode=True))
"""


def test_secrets_and_callers_are_masked_in_what_a_test_says(run_suite: RunSuite, world: BookingWorld) -> None:
    ended = run_suite(
        _LEADS_A_RUN
        + """
    def test_it(request):
        with run_ledger(request) as run:
            run.open_call(persona="test", requested_start=START, number="+12125550123", name="Alma Kabelora")
            assert "ALMA KABELORA at +12125550123, (212) 555-0124" == os.environ["PRODUCTION_DB_URL"]
    """
    )

    text = str(values(ended.check("test_it").metadata)) + str(ended.check("test_it").description)
    password = world.url.split(":")[2].split("@")[0]
    assert "A*** K***" in text
    for secret in (password, "kabelora", "5550123", "555-0124"):
        assert secret not in text.lower()


def test_a_killed_run_is_closed_and_what_its_call_left_is_known(run_suite: RunSuite, world: BookingWorld) -> None:
    ended = run_suite(
        _LEADS_A_RUN
        + """
    def test_killer(request):
        with run_ledger(request) as run:
            opened = run.open_call(persona="test", requested_start=START)
            run.database.connection.execute(
                "WITH u AS (INSERT INTO users (full_name, mobile) VALUES (%s, %s) RETURNING id)"
                " INSERT INTO appointments (user_id, starts_at, is_test_data) SELECT id, %s, true FROM u",
                [opened.name, opened.number, START],
            )
            os.kill(os.getpid(), signal.SIGKILL)
    """
    )

    assert ended.value("booking_flow_results", "run") == "abandoned"
    (call,) = world.sql("SELECT outcome, appointment_id FROM prodtest.test_call")
    assert call["outcome"] == "booked"
    assert world.has_appointment(call["appointment_id"])
