"""Rows of other tables that refer to a test row: by cascade they go along, archived; otherwise they keep it."""

from datetime import timedelta

import pytest

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, Policy, StopReason
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)


def clean(world: BookingWorld, **policy: object) -> CleanupReport:
    return cleanup_now(world.database, world.permit, Policy(**policy))  # type: ignore[arg-type]


def child_table(world: BookingWorld, on_delete: str, parent: str = "appointments", **columns: str) -> None:
    more = "".join(f", {name} {kind}" for name, kind in columns.items())
    world.sql(
        f"CREATE TABLE reminders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        f" parent_id bigint REFERENCES {parent} ON DELETE {on_delete}{more})"
    )


def user_of(world: BookingWorld, row: int) -> int:
    return int(world.sql("SELECT user_id FROM appointments WHERE id = %s", row)[0]["user_id"])


def remind(world: BookingWorld, parent: int) -> int:
    return int(world.sql("INSERT INTO reminders (parent_id) VALUES (%s) RETURNING id", parent)[0]["id"])


def test_a_child_by_cascade_goes_along_and_is_archived(world):
    child_table(world, "CASCADE")
    row = world.book(age=OLD)
    reminder = remind(world, row)
    report = clean(world)
    assert report.deleted == {"appointments": 1, "users": 1, "reminders": 1}
    assert ("reminders", reminder) in world.archived()
    assert world.sql("SELECT * FROM reminders") == []


def test_a_child_of_a_customers_row_stays(world):
    child_table(world, "CASCADE")
    world.customer()
    kept = remind(world, world.sql("SELECT id FROM appointments")[0]["id"])
    remind(world, world.book(age=OLD))
    clean(world)
    assert [row["id"] for row in world.sql("SELECT id FROM reminders")] == [kept]


@pytest.mark.parametrize("on_delete", ["SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"])
def test_a_child_that_would_not_go_along_keeps_its_parent_unchanged(world, on_delete):
    child_table(world, on_delete)
    row, free = world.book(age=OLD), world.book(age=OLD)
    remind(world, row)
    report = clean(world)
    assert world.has_appointment(row)
    assert not world.has_appointment(free)
    assert world.sql("SELECT parent_id FROM reminders") == [{"parent_id": row}]
    assert report.stop_reason is StopReason.DRAINED
    assert report.eligible_left == 0
    assert report.plan.kept == {"appointments": {"blocked": 1}, "users": {"blocked": 1}}
    assert [(kept.table, kept.id) for kept in report.plan.blocked] == [
        ("appointments", row),
        ("users", user_of(world, row)),
    ]
    assert report.plan.blocked[0].reason == "reminders refers to it and does not go along (reminders_parent_id_fkey)"


def test_a_cascade_child_that_also_belongs_to_a_customer_keeps_its_parent(world):
    child_table(world, "CASCADE", paid_by="bigint REFERENCES users")
    customer = world.customer()
    row = world.book(age=OLD)
    world.sql("INSERT INTO reminders (parent_id, paid_by) VALUES (%s, %s)", row, customer)
    clean(world)
    assert world.has_appointment(row)
    assert len(world.sql("SELECT * FROM reminders")) == 1


def test_a_cascade_child_whose_other_parent_goes_as_well_goes_along(world):
    child_table(world, "CASCADE", paid_by="bigint REFERENCES users")
    row = world.book(age=OLD)
    user = world.sql("SELECT user_id FROM appointments")[0]["user_id"]
    world.sql("INSERT INTO reminders (parent_id, paid_by) VALUES (%s, %s)", row, user)
    assert clean(world).deleted == {"appointments": 1, "users": 1, "reminders": 1}


def test_grandchildren_go_first(world):
    child_table(world, "CASCADE")
    world.sql("CREATE TABLE deliveries (id int PRIMARY KEY, reminder_id bigint REFERENCES reminders ON DELETE CASCADE)")
    reminder = remind(world, world.book(age=OLD))
    world.sql("INSERT INTO deliveries VALUES (7, %s)", reminder)
    report = clean(world)
    assert report.deleted == {"appointments": 1, "users": 1, "reminders": 1, "deliveries": 1}
    assert {("deliveries", 7), ("reminders", reminder)} <= world.archived()


def test_a_grandchild_that_restricts_keeps_the_whole_line(world):
    child_table(world, "CASCADE")
    world.sql("CREATE TABLE deliveries (id int PRIMARY KEY, reminder_id bigint REFERENCES reminders)")
    row = world.book(age=OLD)
    world.sql("INSERT INTO deliveries VALUES (7, %s)", remind(world, row))
    clean(world)
    assert world.has_appointment(row)
    assert len(world.sql("SELECT * FROM reminders")) == 1


def test_a_users_own_child_by_cascade_goes_with_the_user(world):
    child_table(world, "CASCADE", parent="users")
    user = world.user(age=OLD)
    world.book(user, age=OLD)
    remind(world, user)
    assert clean(world).deleted == {"appointments": 1, "users": 1, "reminders": 1}


def test_the_plan_says_what_happens_in_other_tables(world):
    child_table(world, "CASCADE")
    row = world.book(age=OLD)
    remind(world, row)
    remind(world, row)
    plan = plan_cleanup(world.database, Policy(), permit=world.permit)
    assert plan.effects == {"reminders (goes by cascade)": 2}


def test_a_trigger_of_the_application_is_refused_until_a_person_allows_it(world):
    world.sql(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN UPDATE appointments SET notes = ''moved''; RETURN OLD; END'"
    )
    world.sql("CREATE TRIGGER meddles BEFORE DELETE ON appointments FOR EACH ROW EXECUTE FUNCTION meddle()")
    row = world.book(age=OLD)
    with pytest.raises(RefusedForSafety, match="--allow-trigger meddles"):
        clean(world)
    assert world.has_appointment(row)
    world.sql("CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'")
    assert clean(world, allow_triggers=("meddles",)).deleted["appointments"] == 1


def test_a_rule_on_delete_is_refused(world):
    world.sql("CREATE RULE keep AS ON DELETE TO users DO INSTEAD NOTHING")
    world.book(age=OLD)
    with pytest.raises(RefusedForSafety, match="keep"):
        clean(world)


def test_rows_that_row_level_security_hides_raise_instead_of_vanishing(world):
    world.book(age=OLD)
    world.sql("ALTER TABLE appointments ENABLE ROW LEVEL SECURITY")
    world.sql("ALTER TABLE appointments FORCE ROW LEVEL SECURITY")
    world.sql("CREATE ROLE hidden_rows LOGIN PASSWORD 'x'")
    try:
        world.sql("GRANT ALL ON ALL TABLES IN SCHEMA public, prodtest TO hidden_rows")
        world.sql("GRANT USAGE ON SCHEMA public, prodtest TO hidden_rows")
        world.database.connection.execute("SET ROLE hidden_rows")
        with pytest.raises(Exception, match="row-level security"):
            clean(world)
    finally:
        world.database.connection.execute("RESET ROLE")
        world.sql("DROP OWNED BY hidden_rows")
        world.sql("DROP ROLE hidden_rows")


def test_a_customer_row_beside_the_children_is_untouched(world):
    child_table(world, "CASCADE", parent="users")
    customer = world.customer(bookings=2)
    kept = remind(world, customer)
    world.book(age=OLD, start=START)
    clean(world)
    assert world.has_user(customer)
    assert [row["id"] for row in world.sql("SELECT id FROM reminders")] == [kept]
