"""Foreign keys as applications have them: to other columns, of several columns, of other types, in circles."""

from datetime import timedelta

import psycopg
import pytest

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.undo import foresee_undo, undo_cleanup
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)


def clean(world: BookingWorld, **policy: object) -> CleanupReport:
    return cleanup_now(world.database, world.permit, Policy(**policy))  # type: ignore[arg-type]


def effects(world: BookingWorld) -> list[dict[str, int | None]]:
    """What the stored and the shown plan say: they must agree."""
    stored, shown = (plan_cleanup(world.database, Policy(), permit=permit) for permit in (world.permit, None))
    return [dict(stored.effects), dict(shown.effects)]


def owner_of(world: BookingWorld, row: int) -> int:
    return int(world.sql("SELECT user_id FROM appointments WHERE id = %s", row)[0]["user_id"])


def test_a_child_that_refers_to_the_number_goes_along_and_comes_back(world):
    world.sql("CREATE TABLE otp (id int PRIMARY KEY, mobile varchar(20) REFERENCES users (mobile) ON DELETE CASCADE)")
    world.book(age=OLD)
    customer = world.customer()
    world.sql("INSERT INTO otp SELECT id, mobile FROM users")
    assert effects(world) == [{"otp (goes by cascade)": 1}] * 2
    report = clean(world)
    assert report.deleted == {"appointments": 1, "users": 1, "otp": 1}
    assert world.sql("SELECT id FROM otp") == [{"id": customer}]
    assert foresee_undo(world.database, report.id).restored == report.deleted
    assert undo_cleanup(world.database, world.permit, report.id).restored == report.deleted


def test_a_child_of_a_number_is_not_taken_for_the_child_of_an_id(world):
    world.sql("ALTER TABLE appointments ADD confirmation_no bigint UNIQUE")
    world.sql(
        "CREATE TABLE receipts (id int PRIMARY KEY, number bigint REFERENCES appointments (confirmation_no)"
        " ON DELETE CASCADE)"
    )
    world.customer()
    test = world.book(age=OLD)
    world.sql("UPDATE appointments SET confirmation_no = CASE WHEN is_test_data THEN 77 ELSE %s END", test)
    world.sql("INSERT INTO receipts VALUES (1, %s), (2, 77)", test)  # 1 is the customer's
    assert effects(world) == [{"receipts (goes by cascade)": 1}] * 2
    assert clean(world).deleted == {"appointments": 1, "users": 1, "receipts": 1}
    assert world.sql("SELECT id FROM receipts") == [{"id": 1}]


def test_a_customer_whom_a_test_user_referred_stays(world):
    world.sql("ALTER TABLE users ADD referred_by bigint REFERENCES users ON DELETE CASCADE")
    row = world.book(age=OLD)
    customer = world.customer(bookings=0)
    world.sql("UPDATE users SET referred_by = %s WHERE id = %s", owner_of(world, row), customer)
    assert clean(world).deleted["appointments"] == 1
    assert world.has_user(customer)


def test_a_test_user_who_refers_to_itself_goes(world):
    world.sql("ALTER TABLE users ADD root_id bigint REFERENCES users ON DELETE CASCADE")
    world.book(age=OLD)
    world.sql("UPDATE users SET root_id = id")
    assert clean(world).deleted == {"appointments": 1, "users": 1}


def test_a_customer_in_the_account_of_a_test_user_stays(world):
    world.sql("CREATE TABLE accounts (id int PRIMARY KEY, owner_id bigint REFERENCES users ON DELETE CASCADE)")
    world.sql("ALTER TABLE users ADD account_id int REFERENCES accounts ON DELETE CASCADE")
    row = world.book(age=OLD)
    customer = world.customer(bookings=0)
    world.sql("INSERT INTO accounts VALUES (1, %s)", owner_of(world, row))
    world.sql("UPDATE users SET account_id = 1")
    assert clean(world).deleted["appointments"] == 1
    assert world.has_user(customer)


def comments(world: BookingWorld) -> None:
    world.sql(
        "CREATE TABLE comments (id int PRIMARY KEY, row_id bigint REFERENCES appointments ON DELETE CASCADE,"
        " parent_id int REFERENCES comments ON DELETE CASCADE DEFERRABLE)"
    )


def test_a_thread_of_comments_goes_and_comes_back_whole(world):
    comments(world)
    row = world.book(age=OLD)
    world.sql("INSERT INTO comments VALUES (1, %s, NULL), (2, %s, 1), (3, NULL, 2), (4, NULL, 3)", row, row)
    report = clean(world)
    assert report.deleted == {"appointments": 1, "users": 1, "comments": 4}
    assert undo_cleanup(world.database, world.permit, report.id).restored == report.deleted


@pytest.mark.parametrize("rows", ["(1, %(row)s, 1)", "(1, %(row)s, 2), (2, %(row)s, 1)"])
def test_comments_in_a_circle_of_one_table_go_at_once(world, rows):
    comments(world)
    row = world.book(age=OLD)
    world.sql(f"INSERT INTO comments VALUES {rows}".replace("%(row)s", str(row)))
    report = clean(world)
    assert report.deleted["comments"] == len(rows.split("), "))
    assert world.sql("SELECT id FROM comments") == []


def test_a_circle_that_one_statement_cannot_take_keeps_its_parent(world):
    comments(world)
    row = world.book(age=OLD)
    world.sql("INSERT INTO comments VALUES (1, %s, 2), (2, NULL, 1)", row)
    assert clean(world).total == 0
    assert len(world.sql("SELECT id FROM comments")) == 2


def test_a_circle_of_two_tables_keeps_its_parent(world):
    world.sql("CREATE TABLE boxes (id int PRIMARY KEY, row_id bigint REFERENCES appointments ON DELETE CASCADE)")
    world.sql("CREATE TABLE lids (id int PRIMARY KEY, box_id int REFERENCES boxes ON DELETE CASCADE)")
    world.sql("ALTER TABLE boxes ADD lid_id int REFERENCES lids ON DELETE CASCADE")
    row, free = world.book(age=OLD), world.book(age=OLD, start=START + timedelta(hours=1))
    world.sql("INSERT INTO boxes VALUES (1, %s), (2, %s)", row, free)
    world.sql("INSERT INTO lids VALUES (5, 1)")
    world.sql("UPDATE boxes SET lid_id = 5 WHERE id = 1")
    clean(world)
    assert world.has_appointment(row)
    assert not world.has_appointment(free)
    assert (len(world.sql("SELECT id FROM boxes")), len(world.sql("SELECT id FROM lids"))) == (1, 1)


@pytest.mark.parametrize("kind", ["uuid", "text", "numeric"])
def test_a_child_that_also_refers_to_a_key_of_another_type_keeps_its_parent_alone(world, kind):
    value = {"uuid": "'00000000-0000-0000-0000-000000000001'", "text": "'x'", "numeric": "1"}[kind]
    world.sql(f"CREATE TABLE couriers (id {kind} PRIMARY KEY)")
    world.sql(
        f"CREATE TABLE reminders (id int PRIMARY KEY, row_id bigint REFERENCES appointments ON DELETE CASCADE,"
        f" courier {kind} REFERENCES couriers)"
    )
    world.sql(f"INSERT INTO couriers VALUES ({value})")
    kept, free = world.book(age=OLD), world.book(age=OLD, start=START + timedelta(hours=1))
    world.sql(f"INSERT INTO reminders VALUES (1, %s, {value}), (2, %s, NULL)", kept, free)
    clean(world)
    assert world.has_appointment(kept)
    assert not world.has_appointment(free)


def composite(world: BookingWorld) -> None:
    world.sql("ALTER TABLE appointments ADD UNIQUE (id, user_id)")
    world.sql(
        "CREATE TABLE visits (id int PRIMARY KEY, row_id bigint, user_id bigint,"
        " CONSTRAINT visits_row FOREIGN KEY (row_id, user_id) REFERENCES appointments (id, user_id) ON DELETE CASCADE)"
    )


def test_a_foreign_key_of_several_columns_keeps_the_parents_that_have_such_children(world):
    composite(world)
    kept, free = world.book(age=OLD), world.book(age=OLD, start=START + timedelta(hours=1))
    world.sql("INSERT INTO visits VALUES (1, %s, %s), (2, %s, NULL)", kept, owner_of(world, kept), free)
    assert effects(world) == [{"visits (keeps its parent: visits_row cannot be followed)": 1}] * 2
    clean(world)
    assert world.has_appointment(kept)
    assert not world.has_appointment(free)


def test_a_child_whose_place_is_not_its_own_is_named_with_its_foreign_key(world):
    world.sql(
        "CREATE TABLE tags (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), row_id bigint CONSTRAINT tagged"
        " REFERENCES appointments ON DELETE CASCADE) PARTITION BY HASH (id)"
    )
    world.sql("CREATE TABLE tags_of_today PARTITION OF tags FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    row = world.book(age=OLD)
    world.sql("INSERT INTO tags (row_id) VALUES (%s)", row)
    assert effects(world) == [{"tags (keeps its parent: tagged cannot be followed)": 1}] * 2
    clean(world)
    assert world.has_appointment(row)


def test_a_locked_child_keeps_its_own_parent_and_no_other(world):
    world.sql("CREATE TABLE reminders (id int PRIMARY KEY, row_id bigint REFERENCES appointments ON DELETE CASCADE)")
    rows = [world.book(age=OLD, start=START + timedelta(hours=hour)) for hour in range(4)]
    for place, row in enumerate(rows):
        world.sql("INSERT INTO reminders VALUES (%s, %s)", place, row)
    with psycopg.connect(world.url) as application:
        application.execute("SELECT 1 FROM reminders WHERE id = 2 FOR UPDATE")
        report = clean(world)
    assert report.deleted == {"appointments": 3, "users": 3, "reminders": 3}
    assert world.has_appointment(rows[2])


def test_a_table_of_the_same_name_in_another_schema_is_told_apart(world):
    world.sql("CREATE SCHEMA archive")
    world.sql("CREATE TABLE archive.users (id int PRIMARY KEY, of bigint REFERENCES users ON DELETE CASCADE)")
    row = world.book(age=OLD)
    world.sql("INSERT INTO archive.users VALUES (1, %s)", owner_of(world, row))
    assert effects(world) == [{"archive.users (goes by cascade)": 1}] * 2
    report = clean(world)
    assert report.deleted == {"appointments": 1, "users": 1, "archive.users": 1}
    assert report.proof is not None
    assert report.proof.unarchived == 0
    undone = undo_cleanup(world.database, world.permit, report.id, only=("archive.users", "users"))
    assert undone.restored == {"users": 1, "archive.users": 1}
