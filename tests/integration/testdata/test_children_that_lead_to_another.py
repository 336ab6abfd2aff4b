"""Children that refer to a second child: they go only when that one goes along with the same parent."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.undo import undo_cleanup
from prodtest_assets.testdata.protect import Protection
from tests.booking_world import START, BookingWorld
from tests.protecting import as_protected_role
from tests.undoing import OLD, clean, reasons, undo


@pytest.fixture(params=["sms first", "deliveries first"])
def texts(request: pytest.FixtureRequest, world: BookingWorld) -> BookingWorld:
    """Messages of an appointment and their deliveries, which know the appointment too; made in either order."""
    tables = ["sms_log (id bigint PRIMARY KEY, of bigint)", "deliveries (id uuid PRIMARY KEY, of bigint, sms bigint)"]
    for table in tables if request.param == "sms first" else tables[::-1]:
        world.sql(f"CREATE TABLE {table}")
        world.sql(f"ALTER TABLE {table.split()[0]} ADD FOREIGN KEY (of) REFERENCES appointments ON DELETE CASCADE")
    world.sql("ALTER TABLE deliveries ADD FOREIGN KEY (sms) REFERENCES sms_log ON DELETE CASCADE")
    return world


def deliver(world: BookingWorld, sms: int, of: int, *, appointment: int | None = None) -> None:
    """A message of an appointment, and its delivery, of the same one unless told otherwise."""
    world.sql("INSERT INTO sms_log VALUES (%s, %s)", sms, of)
    world.sql("INSERT INTO deliveries VALUES (gen_random_uuid(), %s, %s)", appointment or of, sms)


def two_rows(world: BookingWorld) -> tuple[int, int]:
    return world.book(age=OLD), world.book(age=OLD, start=START + timedelta(hours=1))


def booking_of_a_customer(world: BookingWorld) -> int:
    return int(world.sql("SELECT id FROM appointments WHERE user_id = %s", world.customer())[0]["id"])


def everything(world: BookingWorld) -> list[str]:
    return [
        row["row"]
        for table in ("appointments", "sms_log", "deliveries")
        for row in world.sql(f"SELECT t::text AS row FROM {table} t ORDER BY 1")
    ]


def test_a_delivery_goes_with_its_message_and_comes_back_under_it(texts):
    for place, row in enumerate([*two_rows(texts), booking_of_a_customer(texts)]):
        deliver(texts, place, row)
    before = everything(texts)
    plans = [plan_cleanup(texts.database, Policy(), permit=permit) for permit in (texts.permit, None)]
    assert [dict(plan.effects) for plan in plans] == [
        {"sms_log (goes by cascade)": 2, "deliveries (goes by cascade)": 2}
    ] * 2
    assert [plan.blocked for plan in plans] == [()] * 2
    cleanup = clean(texts)
    assert len(everything(texts)) == 3
    report = undo(texts, cleanup)
    assert report.restored == {"users": 2, "appointments": 2, "sms_log": 2, "deliveries": 2}
    assert everything(texts) == before


def test_a_delivery_stays_in_the_archive_while_its_message_does(texts):
    deliver(texts, 1, texts.book(age=OLD))
    cleanup = clean(texts)
    report = undo(texts, cleanup, ["users", "appointments", "deliveries"])
    assert list(reasons(report).values()) == ["its sms_log 1 stays in the archive"]
    assert undo(texts, cleanup).restored == {"sms_log": 1, "deliveries": 1}


def test_a_delivery_of_a_message_of_a_customers_appointment_keeps_its_parent(texts):
    row, booking = texts.book(age=OLD), booking_of_a_customer(texts)
    deliver(texts, 1, booking, appointment=row)
    before = everything(texts)
    clean(texts)
    assert everything(texts) == before


def test_a_delivery_of_a_message_that_a_customer_reads_keeps_its_parent(texts):
    texts.sql("ALTER TABLE sms_log ADD reader bigint REFERENCES users")
    deliver(texts, 1, texts.book(age=OLD))
    texts.sql("UPDATE sms_log SET reader = %s", texts.customer())
    before = everything(texts)
    clean(texts)
    assert everything(texts) == before


def test_a_delivery_of_a_message_of_another_appointment_that_is_kept_keeps_its_parent(texts):
    texts.sql("CREATE TABLE receipts (sms bigint REFERENCES sms_log)")
    row, kept = two_rows(texts)
    deliver(texts, 1, kept, appointment=row)
    texts.sql("INSERT INTO receipts VALUES (1)")
    before = everything(texts)
    clean(texts)
    assert everything(texts) == before


def test_a_message_that_goes_over_to_a_customer_meanwhile_keeps_its_delivery(texts):
    row, booking = texts.book(age=OLD), booking_of_a_customer(texts)
    deliver(texts, 1, row)
    plan = plan_cleanup(texts.database, Policy(), permit=texts.permit)
    texts.sql("UPDATE sms_log SET of = %s", booking)
    before = everything(texts)
    execute_plan(texts.database, texts.permit, plan.id, Policy())
    assert everything(texts) == before


def test_a_message_that_goes_over_to_a_customer_while_its_children_are_judged_keeps_its_delivery(texts):
    row, booking = texts.book(age=OLD), booking_of_a_customer(texts)
    deliver(texts, 1, row)
    with psycopg.connect(texts.url) as application, ThreadPoolExecutor(1) as pool:
        application.execute("UPDATE sms_log SET of = %s", [booking])
        cleaning = pool.submit(cleanup_now, texts.database, texts.permit, Policy())
        deadline = time.monotonic() + 60
        while not texts.sql("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < deadline, "nobody waits for the application"
        application.commit()
        cleaning.result(60)
    assert texts.has_appointment(row)
    assert len(everything(texts)) == 4


def test_an_answer_to_a_message_that_has_become_a_customers_keeps_its_parent(world):
    world.sql(
        "CREATE TABLE messages (id bigint PRIMARY KEY, of bigint REFERENCES appointments ON DELETE CASCADE,"
        " answers bigint REFERENCES messages ON DELETE CASCADE, reader bigint REFERENCES users)"
    )
    row, other = two_rows(world)
    world.sql("INSERT INTO messages VALUES (1, %s, NULL), (2, %s, 1)", other, row)
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    world.sql("UPDATE messages SET reader = %s WHERE id = 1", world.customer())
    execute_plan(world.database, world.permit, plan.id, Policy())
    assert [world.has_appointment(row), world.has_appointment(other)] == [True, True]
    assert len(world.sql("SELECT * FROM messages")) == 2


def test_a_receipt_that_has_become_a_customers_keeps_all_that_would_take_it_along(world):
    world.sql(
        "CREATE TABLE messages (id bigint PRIMARY KEY, of bigint REFERENCES appointments ON DELETE CASCADE,"
        " answers bigint REFERENCES messages ON DELETE CASCADE)"
    )
    world.sql(
        "CREATE TABLE receipts (message bigint REFERENCES messages ON DELETE CASCADE, reader bigint REFERENCES users)"
    )
    row, other = two_rows(world)
    world.sql("INSERT INTO messages VALUES (1, %s, NULL), (2, %s, 1)", row, other)
    world.sql("INSERT INTO receipts VALUES (2)")
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    world.sql("UPDATE receipts SET reader = %s", world.customer())
    execute_plan(world.database, world.permit, plan.id, Policy())
    assert [world.has_appointment(row), world.has_appointment(other)] == [True, True]
    assert len(world.sql("SELECT * FROM receipts")) == 1


def test_the_protected_role_drains_and_restores_them(texts, roles: Protection):
    deliver(texts, 1, texts.book(age=OLD))
    deliver(texts, 2, booking_of_a_customer(texts))
    before = everything(texts)
    with as_protected_role(texts, roles):
        report = cleanup_now(texts.database, texts.permit, Policy())
        assert report.id is not None
        assert report.deleted == {"appointments": 1, "users": 1, "sms_log": 1, "deliveries": 1}
        assert undo_cleanup(texts.database, texts.permit, report.id).total == 4
    assert everything(texts) == before
