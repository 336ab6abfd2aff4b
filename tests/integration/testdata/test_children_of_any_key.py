"""Children whose key is a uuid, a text or several columns, or that have none: they go along and come back as well."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from prodtest_assets.errors import ProdtestError
from prodtest_assets.testdata.cleanup.archive import undoable_cleanups
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.undo import foresee_undo, undo_cleanup
from prodtest_assets.testdata.protect import Protection
from tests.booking_world import START, BookingWorld
from tests.protecting import as_protected_role
from tests.undoing import OLD, clean, reasons, undo, user_of

CASCADE = "bigint REFERENCES appointments ON DELETE CASCADE"
FIRST, SECOND = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
# How such a table is made, and three rows: of two test appointments and of a customer's.
TABLES = {
    "uuid": (f"id uuid PRIMARY KEY, of {CASCADE}", f"('{FIRST}', {{}}), ('{SECOND}', {{}}), (gen_random_uuid(), {{}})"),
    "text": (
        f"code text PRIMARY KEY, of {CASCADE}, at timestamptz DEFAULT now()",
        "('á \"1\"', {}), ('b', {}), ('', {})",
    ),
    "numeric": (f"id numeric PRIMARY KEY, of {CASCADE}", "(1.50, {}), (123456789012345678901, {}), ('NaN', {})"),
    "join table": (f"of {CASCADE}, tag int, PRIMARY KEY (of, tag)", "({}, 1), ({}, 1), ({}, 1)"),
    "unique": (f"of {CASCADE} NOT NULL UNIQUE, line bytea DEFAULT '\\x00ff'", "({}), ({}), ({})"),
    "time": (f"at timestamptz, of {CASCADE}, PRIMARY KEY (at, of)", "(now(), {}), (now(), {}), (now(), {})"),
    "generated": (
        f"id uuid PRIMARY KEY DEFAULT gen_random_uuid(), of {CASCADE}, line bigint GENERATED ALWAYS AS IDENTITY,"
        " shout text GENERATED ALWAYS AS (upper(of::text || 'x')) STORED",
        "(DEFAULT, {}), (DEFAULT, {}), (DEFAULT, {})",
    ),
    "none": (f"of {CASCADE}, tag text", "({}, 'x'), ({}, 'x'), ({}, 'x')"),
}


def messages(world: BookingWorld, columns: str = TABLES["uuid"][0]) -> None:
    """A table that belongs to appointments."""
    world.sql(f"CREATE TABLE messages ({columns})")
    world.sql("CREATE INDEX ON messages (of)")


def all_messages(world: BookingWorld) -> list[str]:
    return [row["row"] for row in world.sql("SELECT m::text AS row FROM messages m ORDER BY 1")]


def two_rows(world: BookingWorld) -> tuple[int, int]:
    return world.book(age=OLD), world.book(age=OLD, start=START + timedelta(hours=1))


@pytest.mark.parametrize("kind", TABLES)
def test_children_of_any_key_go_with_their_parents_and_come_back_as_they_were(world, kind):
    columns, values = TABLES[kind]
    messages(world, columns)
    customer = world.customer()
    row, other = two_rows(world)
    (booking,) = world.sql("SELECT id FROM appointments WHERE user_id = %s", customer)
    world.sql(f"INSERT INTO messages VALUES {values}".format(row, other, booking["id"]))
    before = all_messages(world)
    plans = [plan_cleanup(world.database, Policy(), permit=permit) for permit in (world.permit, None)]
    assert [dict(plan.effects) for plan in plans] == [{"messages (goes by cascade)": 2}] * 2
    assert plans[0].along == {"messages": 2}
    cleanup = clean(world)
    assert [world.has_appointment(row), world.has_appointment(other)] == [False, False]
    assert len(all_messages(world)) == 1
    (listed,) = undoable_cleanups(world.database, keep_for=timedelta(days=7))
    assert listed["archived"] == {"appointments": 2, "users": 2, "messages": 2}
    assert undo(world, cleanup).restored == {"appointments": 2, "users": 2, "messages": 2}
    assert all_messages(world) == before
    assert world.sql("SELECT 1 FROM prodtest.archived_row") == []


def test_a_child_with_a_uuid_that_also_belongs_to_a_customer_keeps_its_parent(world):
    messages(world, f"id uuid PRIMARY KEY, of {CASCADE}, reader bigint REFERENCES users ON DELETE CASCADE")
    customer = world.customer()
    kept, free = two_rows(world)
    world.sql(
        "INSERT INTO messages VALUES (gen_random_uuid(), %s, %s), (gen_random_uuid(), %s, NULL)", kept, customer, free
    )
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    assert plan.blocked[0].reason == "messages refers to it and to a row that stays (messages_of_fkey)"
    clean(world)
    assert [world.has_appointment(kept), world.has_appointment(free)] == [True, False]
    assert len(all_messages(world)) == 1


@pytest.mark.parametrize("parent", ["id uuid", "id text"])
def test_grandchildren_go_first_and_come_back_under_the_same_child_only(world, parent):
    messages(world, f"{parent} PRIMARY KEY DEFAULT gen_random_uuid(), of {CASCADE}")
    kind = parent.removeprefix("id ")
    world.sql(
        f"CREATE TABLE receipts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), message {kind} NOT NULL"
        " REFERENCES messages ON DELETE CASCADE)"
    )
    row, other = two_rows(world)
    for owner in (row, other, row):
        world.sql("INSERT INTO messages (of) VALUES (%s)", owner)
    world.sql("INSERT INTO receipts (message) SELECT id FROM messages")
    before = world.sql("SELECT * FROM receipts ORDER BY id")
    assert plan_cleanup(world.database, Policy(), permit=world.permit).along == {"messages": 3, "receipts": 3}
    cleanup = clean(world)
    assert world.sql("SELECT 1 FROM receipts") == []
    undo(world, cleanup, ["users", "appointments", "messages"])
    world.sql("UPDATE messages SET of = of WHERE of = %s", other)
    report = undo(world, cleanup)
    assert report.restored == {"receipts": 2}
    assert ["is not known to be the one it belonged to" in reason for reason in reasons(report).values()] == [True]
    world.sql("DELETE FROM messages WHERE of = %s", other)
    assert ["is gone" in reason for reason in reasons(undo(world, cleanup)).values()] == [True]
    assert all(receipt in before for receipt in world.sql("SELECT * FROM receipts"))


def test_a_grandchild_that_restricts_keeps_the_whole_line(world):
    messages(world)
    world.sql("CREATE TABLE receipts (id int, message uuid REFERENCES messages)")
    kept, free = two_rows(world)
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', %s), ('{SECOND}', %s)", kept, free)
    world.sql(f"INSERT INTO receipts VALUES (1, '{FIRST}')")
    clean(world)
    assert [world.has_appointment(kept), world.has_appointment(free)] == [True, False]
    assert len(all_messages(world)) == 1


def test_a_thread_of_uuids_goes_and_comes_back_parents_first(world):
    messages(world, f"id uuid PRIMARY KEY, of {CASCADE}, answers uuid REFERENCES messages ON DELETE CASCADE")
    row = world.book(age=OLD)
    world.sql(f"INSERT INTO messages VALUES ('{SECOND}', %s, NULL), ('{FIRST}', NULL, '{SECOND}')", row)
    before = all_messages(world)
    report = undo(world, clean(world))
    assert report.restored == {"users": 1, "appointments": 1, "messages": 2}
    assert all_messages(world) == before


def test_messages_in_a_circle_go_at_once(world):
    messages(world, f"id uuid PRIMARY KEY, of {CASCADE}, answers uuid REFERENCES messages ON DELETE CASCADE")
    row = world.book(age=OLD)
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', %s, NULL), ('{SECOND}', %s, '{FIRST}')", row, row)
    world.sql(f"UPDATE messages SET answers = '{SECOND}' WHERE id = '{FIRST}'")
    assert cleanup_now(world.database, world.permit, Policy()).deleted["messages"] == 2


def test_a_row_with_the_same_key_stays_as_it_is_and_is_named(world):
    messages(world)
    row, other = two_rows(world)
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', %s), ('{SECOND}', %s)", row, other)
    cleanup = clean(world)
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', NULL)")
    report = undo(world, cleanup)
    assert report.restored == {"users": 2, "appointments": 2, "messages": 1}
    assert list(reasons(report).values()) == [f"a row with its key is there (id {FIRST})"]
    assert all_messages(world) == [f"({FIRST},)", f"({SECOND},{other})"]


def test_a_key_of_text_is_not_repeated_since_it_may_be_a_number(world):
    messages(world, TABLES["text"][0])
    world.sql("INSERT INTO messages VALUES ('+12025550143', %s)", world.book(age=OLD))
    cleanup = clean(world)
    world.sql("INSERT INTO messages VALUES ('+12025550143', NULL)")
    assert list(reasons(undo(world, cleanup)).values()) == ["a row with its key is there (code)"]


def test_a_child_comes_back_by_the_number_that_the_archive_gave_it(world):
    messages(world)
    row, other = two_rows(world)
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', %s), ('{SECOND}', %s)", row, other)
    cleanup = clean(world)
    (number,) = world.sql(
        "SELECT row_id FROM prodtest.archived_row WHERE table_oid = 'messages'::regclass AND content ->> 'id' = %s",
        FIRST,
    )
    assert number["row_id"] < 0
    assert undo(world, cleanup, ["users", "appointments", f"messages:{number['row_id']}"]).restored["messages"] == 1
    assert all_messages(world) == [f"({FIRST},{row})"]


def test_alike_rows_without_a_key_come_back_as_often_as_they_were_there(world):
    messages(world, TABLES["none"][0])
    row = world.book(age=OLD)
    world.sql("INSERT INTO messages SELECT %s, 'x' FROM generate_series(1, 3)", row)
    cleanup = clean(world)
    undo(world, cleanup, ["users", "appointments"])
    world.sql("INSERT INTO messages VALUES (%s, 'y')", row)
    assert undo(world, cleanup).restored == {"messages": 3}
    assert all_messages(world) == [f"({row},x)"] * 3 + [f"({row},y)"]
    assert undo_cleanup(world.database, world.permit, cleanup).total == 0
    assert len(all_messages(world)) == 4


def test_a_row_without_a_key_is_not_doubled_where_somebody_has_written_it_again(world):
    messages(world, TABLES["none"][0])
    row = world.book(age=OLD)
    world.sql("INSERT INTO messages VALUES (%s, 'x')", row)
    cleanup = clean(world)
    undo(world, cleanup, ["users", "appointments"])
    world.sql("INSERT INTO messages VALUES (%s, 'x')", row)
    assert list(reasons(undo(world, cleanup)).values()) == ["a row like it is there"]
    assert all_messages(world) == [f"({row},x)"]


def test_a_table_that_has_another_key_since_keeps_its_rows_in_the_archive(world):
    messages(world)
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', %s)", world.book(age=OLD))
    cleanup = clean(world)
    world.sql("ALTER TABLE messages DROP CONSTRAINT messages_pkey, ADD PRIMARY KEY (of)")
    assert list(reasons(undo(world, cleanup)).values()) == ["its table has another key now"]


def test_a_child_that_the_application_moves_while_it_is_waited_for_goes_as_it_is_then(world):
    messages(world, f"id uuid PRIMARY KEY, of {CASCADE}, text text")
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', %s)", world.book(age=OLD))
    with psycopg.connect(world.url) as application, ThreadPoolExecutor(1) as pool:
        application.execute("UPDATE messages SET text = 'sent'")
        cleaning = pool.submit(cleanup_now, world.database, world.permit, Policy())
        deadline = time.monotonic() + 60
        while not world.sql("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < deadline, "nobody waits for the application"
        application.commit()
        assert cleaning.result(60).deleted == {"appointments": 1, "users": 1, "messages": 1}
    assert world.sql("SELECT content ->> 'text' AS text FROM prodtest.archived_row WHERE row_id < 0") == [
        {"text": "sent"}
    ]


def test_a_trigger_that_moves_children_past_the_archive_ends_the_cleanup(world):
    messages(world, f"id uuid PRIMARY KEY, of {CASCADE}, receipts int")
    world.sql("CREATE TABLE receipts (id int PRIMARY KEY, message uuid REFERENCES messages ON DELETE CASCADE)")
    world.sql(
        "CREATE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE public.messages SET receipts = receipts - 1 WHERE id = OLD.message; RETURN OLD; END'"
    )
    world.sql("CREATE TRIGGER counts AFTER DELETE ON receipts FOR EACH ROW EXECUTE FUNCTION counts()")
    row = world.book(age=OLD)
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', %s, 1)", row)
    world.sql(f"INSERT INTO receipts VALUES (1, '{FIRST}')")
    with pytest.raises(ProdtestError, match="moved while they were archived"):
        cleanup_now(world.database, world.permit, Policy(allow_triggers=("counts",)))
    assert world.has_appointment(row)
    assert len(all_messages(world)) == 1


@pytest.mark.parametrize("kind", ["uuid", "join table", "none"])
def test_the_protected_role_drains_and_restores_them(world, roles: Protection, kind):
    columns, values = TABLES[kind]
    messages(world, columns)
    world.customer()
    (booking,) = world.sql("SELECT id FROM appointments")
    world.sql(f"INSERT INTO messages VALUES {values}".format(*two_rows(world), booking["id"]))
    before = all_messages(world)
    with as_protected_role(world, roles):
        report = cleanup_now(world.database, world.permit, Policy())
        assert report.id is not None
        assert report.deleted == {"appointments": 2, "users": 2, "messages": 2}
        assert foresee_undo(world.database, report.id).total == 6
        assert undo_cleanup(world.database, world.permit, report.id).total == 6
    assert all_messages(world) == before


def test_a_users_own_child_of_a_uuid_that_its_appointment_takes_along_goes_once(world):
    messages(world, f"id uuid PRIMARY KEY, of {CASCADE}, who bigint REFERENCES users")
    row = world.book(age=OLD)
    world.sql(f"INSERT INTO messages VALUES ('{FIRST}', %s, %s)", row, user_of(world, row))
    assert cleanup_now(world.database, world.permit, Policy()).deleted == {
        "appointments": 1, "users": 1, "messages": 1,
    }  # fmt: skip
