"""Parts of the command line that need neither a process nor a database."""

from datetime import UTC, datetime
from uuid import uuid4

import click
import pytest

from prodtest_assets.calendar_events import EventRemoval
from prodtest_assets.cli.cleanup_view import exit_code, show_report
from prodtest_assets.cli.demo.command import require_extra
from prodtest_assets.cli.entry import COMMANDS, prodtest
from prodtest_assets.cli.output import counted, per_table, show_table, shown_url
from prodtest_assets.cli.preflight.lines import Level, failed_with
from prodtest_assets.errors import ConfigurationError, Unreachable
from prodtest_assets.testdata.cleanup.models import CleanupPlan, CleanupReport, CustomerProof, Policy, Scope, StopReason

UNTOUCHED = CustomerProof(sampled=10, unchanged=10, changed_by_others=0, changed_by_us=0)


def report(
    reason: StopReason, *, deleted: int = 0, eligible_left: int = 0, proof: CustomerProof | None = UNTOUCHED
) -> CleanupReport:
    """A cleanup that ended for `reason`."""
    plan = CleanupPlan(uuid4(), Scope.STALE, datetime.now(UTC), None, {"appointments": deleted + eligible_left}, {})
    return CleanupReport(uuid4(), plan, reason, {"appointments": deleted}, 0, 0, eligible_left, proof, 1.0)


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        (report(StopReason.DRAINED), 0),
        (report(StopReason.MAX_DELETE, deleted=5, eligible_left=5), 0),
        (report(StopReason.MAX_RUNTIME, deleted=5, eligible_left=5), 0),
        (report(StopReason.HELD, deleted=1, eligible_left=5), 0),
        (report(StopReason.HELD), 0),
        (report(StopReason.HELD, eligible_left=5), 1),
        (report(StopReason.LOCKED, eligible_left=5), 1),
        (report(StopReason.LOCKED), 0),
        (report(StopReason.FAILED), 1),
        (report(StopReason.REFUSED, eligible_left=5), 3),
    ],
)
def test_each_stop_reason_has_its_exit_code(ended: CleanupReport, code: int) -> None:
    assert exit_code(ended) == code


def test_a_cleanup_that_changed_a_customers_row_has_failed_whatever_it_says() -> None:
    broken = CustomerProof(sampled=10, unchanged=9, changed_by_others=0, changed_by_us=1)
    assert exit_code(report(StopReason.DRAINED, proof=broken)) == 1


@pytest.mark.parametrize("columns", [60, 80])
def test_the_last_column_of_a_table_is_broken_where_the_terminal_ends_and_never_in_a_pipe(
    capsys, monkeypatch, columns: int
) -> None:
    show_table([])
    rows = [("x", "rights", "a role with more rights than it needs; " * 4), ("y", "clock", "https://" + "a" * 90)]
    show_table(rows)
    assert len(capsys.readouterr().out.splitlines()) == 2
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show_table(rows)
    *lines, address = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert {line[:13] for line in lines[1:]} == {" " * 13}
    assert address.endswith("a" * 90)  # what is pasted stays in one piece


@pytest.mark.parametrize(
    ("proof", "told"),
    [
        (CustomerProof(10, 9, 0, 1, changed_rows=("users:7",)), "changed: users:7"),
        (CustomerProof(0, 0, 0, 0, is_measured=False), "customers: not measured"),
    ],
)
def test_a_report_names_changed_rows_and_a_sample_that_met_nobody(capsys, proof: CustomerProof, told: str) -> None:
    show_report(report(StopReason.DRAINED, proof=proof), Policy(), "booking_test", EventRemoval(), as_json=False)
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_imported_and_explains_itself(name: str) -> None:
    command = prodtest.get_command(click.Context(prodtest), name)
    assert command is not None
    assert command.name == name
    assert command.help
    assert all(option.help or option.metavar for option in command.params if isinstance(option, click.Option))


def test_a_missing_extra_is_named_with_the_command_that_installs_it() -> None:
    require_extra(["click", "psycopg"], "prodtest demo")
    with pytest.raises(ConfigurationError, match=r"no_such_module: pip install 'prodtest-assets\[sandbox"):
        require_extra(["click", "no_such_module"], "prodtest demo")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@bookings.example/base?key=secret", "https://bookings.example/base"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_numbers_are_spelled_for_people() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(12_000, "row") == "12,000 rows"
    assert per_table({"users": 2, "appointments": 1, "notes": 0}) == "1 appointment, 2 users"
    assert per_table({}) == "nothing"


def test_a_line_of_the_checklist_carries_the_exit_code_of_its_error() -> None:
    line = failed_with("database", Unreachable("nobody answers"))
    assert (line.level, line.exit_code, line.text) == (Level.FAIL, 4, "nobody answers")
