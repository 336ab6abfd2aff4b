"""`prodtest cleanup`: what it shows is what it does, and what it must not do it does not."""

import os
import pty
import subprocess
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.booking_world import BookingWorld
from tests.integration.cli.commands import Result, command, environment, prodtest


@pytest.fixture
def seeded(world: BookingWorld) -> BookingWorld:
    """A customer, three stale rows, one fresh one."""
    world.customer()
    for hours in (30, 50, 100):
        world.book(age=timedelta(hours=hours))
    world.book(age=timedelta(hours=1))
    return world


def cleanup(world: BookingWorld, *arguments: str, test_mode: bool = True) -> Result:
    """Run `prodtest cleanup` on a world's database."""
    mode = {"PRODUCTION_DB_TEST_MODE": "true"} if test_mode else {}
    return prodtest("cleanup", *arguments, "--db-url", world.url, **mode)


def appointments(world: BookingWorld) -> int:
    return int(world.sql("SELECT count(*) AS n FROM appointments")[0]["n"])


def test_a_dry_run_is_the_default_and_shows_exactly_what_a_live_run_removes(seeded: BookingWorld) -> None:
    before = appointments(seeded)
    dry = cleanup(seeded, "--json").json()
    assert appointments(seeded) == before
    assert dry["rows"] == {"appointments": 3, "users": 3}
    assert dry["kept"] == {"appointments": {"young": 1}}
    live = cleanup(seeded, "--no-dry-run", "--plan", dry["plan"], "--json")
    assert live.code == 0
    assert live.json()["deleted"] == dry["rows"]
    assert live.json()["stop_reason"] == "drained"
    assert appointments(seeded) == before - 3
    assert live.json()["customer_rows"]["changed_by_cleanup"] == 0


def test_a_live_run_says_what_became_of_the_storage(seeded: BookingWorld) -> None:
    storage = cleanup(seeded, "--no-dry-run", "--id", "3", "--json").json()["storage"]
    assert (storage["removed_bytes"] > 0, storage["returned_bytes"], storage["recommendation"]) == (True, 0, None)
    seeded.sql(
        "INSERT INTO appointments (user_id, starts_at, is_test_data, created_at) SELECT max(id), now() + n *"
        " interval '1 hour', true, now() - interval '3 days' FROM users, generate_series(1, 300) n GROUP BY n"
    )
    shown = cleanup(seeded, "--no-dry-run").out
    assert "a table that loses rows does not shrink" in shown
    assert 'a vacuum is due: vacuumdb --analyze --table=public.appointments --dbname="$PRODUCTION_DB_URL"' in shown


def test_a_dry_run_without_test_mode_works_and_says_why_its_plan_is_not_stored(seeded: BookingWorld) -> None:
    dry = cleanup(seeded, test_mode=False)
    assert (dry.code, dry.err) == (0, "")
    assert "3 appointments, 3 users" in dry.out
    assert "PRODUCTION_DB_TEST_MODE" in dry.out
    assert seeded.sql("SELECT count(*) AS n FROM prodtest.plan") == [{"n": 0}]


def test_a_live_run_without_test_mode_is_refused_by_the_settings_name(seeded: BookingWorld) -> None:
    live = cleanup(seeded, "--no-dry-run", test_mode=False)
    assert (live.code, live.out) == (3, "")
    assert "PRODUCTION_DB_TEST_MODE" in live.complaint
    assert appointments(seeded) == 5


def test_a_live_run_creates_the_schema_it_needs(seeded: BookingWorld) -> None:
    seeded.sql("DROP SCHEMA prodtest CASCADE")
    live = cleanup(seeded, "--no-dry-run", "--json")
    assert live.code == 0
    assert live.json()["deleted"] == {"appointments": 3, "users": 3}
    assert len(seeded.archived()) == 6


def test_a_plan_above_the_limit_is_refused_unless_a_number_is_given(seeded: BookingWorld) -> None:
    settings = {"PRODUCTION_DB_URL": seeded.url, "PRODUCTION_DB_TEST_MODE": "true", "PRODTEST_MAX_DELETE": "2"}
    refused = prodtest("cleanup", "--no-dry-run", **settings)
    assert (refused.code, refused.out) == (3, "")
    assert "--max-delete" in refused.complaint
    assert appointments(seeded) == 5

    partial = prodtest("cleanup", "--no-dry-run", "--max-delete", "2", "--json", **settings).json()
    assert (partial["deleted"], partial["stop_reason"]) == ({"appointments": 2}, "max_delete")
    assert appointments(seeded) == 3


def test_only_the_rows_named_go(seeded: BookingWorld) -> None:
    young = seeded.sql("SELECT max(id) AS id FROM appointments WHERE is_test_data")[0]["id"]
    live = cleanup(seeded, "--no-dry-run", "--id", str(young), "--json")
    assert live.code == 0
    assert live.json()["deleted"]["appointments"] == 1
    assert not seeded.has_appointment(young)
    assert appointments(seeded) == 4


def test_a_customers_row_does_not_go_even_when_it_is_named(seeded: BookingWorld) -> None:
    theirs = seeded.sql("SELECT id, user_id FROM appointments WHERE NOT is_test_data")[0]
    named = ("--id", str(theirs["id"]), "--user-id", str(theirs["user_id"]))
    live = cleanup(seeded, "--no-dry-run", "--older-than=0", *named, "--json")
    assert live.json()["deleted"] in ({}, {"appointments": 0}, {"users": 0})
    assert seeded.has_appointment(theirs["id"])
    assert seeded.has_user(theirs["user_id"])


def on_a_terminal(arguments: Sequence[str], settings: dict[str, str], answer: str) -> tuple[int, str]:
    """Run a command whose three streams are a terminal, and type an answer."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments), env=environment(settings), stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    seen = b""
    try:
        while chunk := os.read(ours, 4096):
            seen += chunk
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(ours)
    return process.wait(60), seen.decode()


def test_on_a_terminal_a_live_run_asks_first_and_takes_no_for_an_answer(seeded: BookingWorld) -> None:
    settings = {"PRODUCTION_DB_URL": seeded.url, "PRODUCTION_DB_TEST_MODE": "true"}
    code, seen = on_a_terminal(["cleanup", "--no-dry-run"], settings, "n\n")
    assert code == 1
    assert "prodtest: nothing was removed" in seen
    assert "Remove 3 appointments, 3 users" in seen
    assert appointments(seeded) == 5

    code, seen = on_a_terminal(["cleanup", "--no-dry-run"], settings, "y\n")
    assert code == 0
    assert "drained" in seen
    assert appointments(seeded) == 2


def test_yes_skips_the_question(seeded: BookingWorld) -> None:
    settings = {"PRODUCTION_DB_URL": seeded.url, "PRODUCTION_DB_TEST_MODE": "true"}
    code, seen = on_a_terminal(["cleanup", "--no-dry-run", "--yes"], settings, "")
    assert code == 0
    assert "Remove 3" not in seen
    assert appointments(seeded) == 2


def test_a_dry_run_says_what_refers_to_the_rows_with_and_without_test_mode(seeded: BookingWorld) -> None:
    seeded.sql(
        "CREATE TABLE reminders (id bigserial PRIMARY KEY, row bigint REFERENCES appointments ON DELETE CASCADE)"
    )
    seeded.sql("CREATE TABLE invoices (id bigserial PRIMARY KEY, payer bigint REFERENCES users)")
    seeded.sql("INSERT INTO reminders (row) SELECT id FROM appointments WHERE is_test_data")
    seeded.sql(
        "INSERT INTO invoices (payer) SELECT user_id FROM appointments WHERE created_at < now() - interval '60 h'"
    )
    expected = {"reminders (goes by cascade)": 3, "invoices (keeps its parent)": 1}
    for test_mode in (True, False):
        dry = cleanup(seeded, "--json", test_mode=test_mode).json()
        assert (dry["plan"] is None) is not test_mode
        assert dry["rows"] == {"appointments": 3, "users": 2}
        assert dry["effects"] == expected
        assert dry["goes_along"] == ({"reminders": 3} if test_mode else None)
        assert dry["kept"]["users"] == {"blocked": 1}
        assert [row["reason"] for row in dry["blocked"]] == [
            "invoices refers to it and does not go along (invoices_payer_fkey)"
        ]
    shown = cleanup(seeded, test_mode=False).out
    assert "3: reminders (goes by cascade)" in shown
    assert "1: invoices (keeps its parent)" in shown
    assert "invoices refers to it and does not go along (invoices_payer_fkey)" in shown


def test_a_dry_run_needs_no_schema_of_ours_to_say_so(seeded: BookingWorld) -> None:
    seeded.sql("DROP SCHEMA prodtest CASCADE")
    seeded.sql(
        "CREATE TABLE reminders (id bigserial PRIMARY KEY, row bigint REFERENCES appointments ON DELETE SET NULL)"
    )
    seeded.sql("INSERT INTO reminders (row) SELECT id FROM appointments WHERE is_test_data")
    dry = cleanup(seeded, "--json").json()
    assert dry["effects"] == {"reminders (would be set null)": 3}
    assert dry["kept"]["appointments"]["blocked"] == len(dry["blocked"]) == 3
    assert dry["rows"] == {}


def test_a_dry_run_foretells_what_triggers_forbid_stored_or_not_and_with_or_without_our_schema(
    seeded: BookingWorld,
) -> None:
    seeded.sql("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'")
    seeded.sql("CREATE TRIGGER notes BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION note()")
    for test_mode in (True, False):
        assert "--allow-trigger notes" in cleanup(seeded, "--json", test_mode=test_mode).json()["would_be_refused"]
    assert cleanup(seeded, "--json", "--allow-trigger", "notes").json()["would_be_refused"] is None
    assert cleanup(seeded, "--no-dry-run").code == 3
    seeded.sql("DROP SCHEMA prodtest CASCADE")
    assert "a live run would be refused: the tables have triggers" in cleanup(seeded).out


def test_a_limited_dry_run_shows_what_a_limited_live_run_removes(seeded: BookingWorld) -> None:
    unstored = cleanup(seeded, "--limit", "2", "--json", test_mode=False).json()
    stored = cleanup(seeded, "--max-delete", "2", "--json").json()
    assert unstored["rows"] == stored["rows"] == {"appointments": 2}
    assert unstored["left_for_later"] == stored["left_for_later"] == 4
    live = cleanup(seeded, "--no-dry-run", "--limit", "2", "--json").json()
    assert live["deleted"] == {"appointments": 2}


def test_nothing_goes_while_an_earlier_cleanup_that_changed_a_customers_row_is_not_understood(
    seeded: BookingWorld,
) -> None:
    first = cleanup(seeded, "--no-dry-run", "--limit", "1", "--json").json()["cleanup"]
    seeded.sql("UPDATE prodtest.cleanup_run SET proof = proof || '{\"changed_by_us\": 1}'")
    refused = cleanup(seeded, "--no-dry-run", "--yes")
    assert (refused.code, refused.out) == (3, "")
    reason = f"cleanup {first} changed or lost a customer's row; nothing is cleaned until somebody has looked at it"
    assert reason in refused.complaint
    assert "docs/operations.md#a-customers-row-was-changed" in refused.complaint
    dry = cleanup(seeded, "--json")
    assert dry.code == 0
    assert reason in dry.json()["would_be_refused"]
    seeded.sql('UPDATE prodtest.cleanup_run SET proof = proof || \'{"acknowledged": "qa: a test of this rule"}\'')
    assert cleanup(seeded, "--no-dry-run").code == 0


def test_a_plan_names_tables_that_each_removed_row_makes_the_server_read(seeded: BookingWorld) -> None:
    assert "slow" not in cleanup(seeded).out
    seeded.sql("CREATE TABLE notices (of bigint REFERENCES appointments ON DELETE CASCADE)")
    assert "  slow, no index (prodtest preflight has the statement): notices (notices_of_fkey)\n" in cleanup(seeded).out
    assert cleanup(seeded, "--json").json()["unindexed"] == ["notices (notices_of_fkey)"]


def test_active_only_leaves_cancelled_rows_and_says_so_before_and_after(seeded: BookingWorld) -> None:
    cancelled = seeded.book(age=timedelta(hours=40), cancelled=True)
    for test_mode in (False, True):
        dry = cleanup(seeded, "--active-only", "--json", test_mode=test_mode).json()
        assert dry["rows"] == {"appointments": 3, "users": 3}
        assert dry["kept"] == {"appointments": {"cancelled": 1, "young": 1}}
    assert "cancelled, and --active-only leaves it" in cleanup(seeded, "--active-only").out
    live = cleanup(seeded, "--no-dry-run", "--plan", dry["plan"], "--json")
    assert (live.code, live.json()["stop_reason"], live.json()["deleted"]) == (0, "drained", dry["rows"])
    again = cleanup(seeded, "--no-dry-run", "--active-only", "--json")
    assert (again.code, again.json()["stop_reason"], again.json()["deleted"]) == (0, "drained", {})
    assert seeded.has_appointment(cancelled)
    everything = cleanup(seeded, "--no-dry-run", "--include-cancelled", "--json")
    assert everything.json()["deleted"] == {"appointments": 1, "users": 1}


def test_without_a_calendar_it_says_calmly_that_no_event_was_looked_at(seeded: BookingWorld) -> None:
    assert "calendar" not in cleanup(seeded, "--no-dry-run").out
    for hours in (30, 40):
        seeded.book(age=timedelta(hours=hours), event=f"event{hours}")
    off = "  calendar: not looked at, since GOOGLE_CALENDAR_ENABLED is off; 2 removed rows had an event id\n"
    shown = cleanup(seeded, "--no-dry-run").out
    assert off in shown
    assert "pending" not in shown
