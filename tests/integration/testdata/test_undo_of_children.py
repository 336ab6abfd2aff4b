"""Cascaded children come back under the same parents only, and into tables that have changed since."""

import pytest

from prodtest_assets.errors import RefusedForSafety
from prodtest_assets.testdata.cleanup.undo import undo_cleanup
from tests.booking_world import BookingWorld
from tests.undoing import OLD, clean, content, reasons, undo, user_of


@pytest.fixture
def reminders(world: BookingWorld) -> BookingWorld:
    """A child of appointments by cascade."""
    world.sql(
        "CREATE TABLE reminders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " appointment_id bigint NOT NULL REFERENCES appointments ON DELETE CASCADE,"
        " user_id bigint REFERENCES users ON DELETE CASCADE, text text,"
        " shout text GENERATED ALWAYS AS (upper(text)) STORED)"
    )
    return world


def remind(world: BookingWorld, appointment: int, user: int | None = None) -> int:
    row = world.sql(
        "INSERT INTO reminders (appointment_id, user_id, text) VALUES (%s, %s, 'see you') RETURNING id",
        appointment,
        user,
    )
    return int(row[0]["id"])


def all_reminders(world: BookingWorld) -> list[dict[str, object]]:
    return world.sql("SELECT to_jsonb(r) AS row FROM reminders r ORDER BY id")


def test_children_and_grandchildren_come_back_with_what_the_server_generates(reminders):
    reminders.sql("CREATE TABLE sent (id int PRIMARY KEY, reminder_id bigint REFERENCES reminders ON DELETE CASCADE)")
    row = reminders.book(age=OLD)
    reminder = remind(reminders, row, user_of(reminders, row))
    reminders.sql("INSERT INTO sent VALUES (7, %s)", reminder)
    before = all_reminders(reminders)
    report = undo(reminders, clean(reminders))
    assert report.restored == {"users": 1, "appointments": 1, "reminders": 1, "sent": 1}
    assert all_reminders(reminders) == before
    assert reminders.sql("SELECT * FROM sent") == [{"id": 7, "reminder_id": reminder}]
    fresh = remind(reminders, row)
    assert fresh > reminder, "the sequence goes on behind the restored ids"


def test_children_that_refer_to_each_other_come_back_parents_first(world):
    world.sql(
        "CREATE TABLE notes (id bigint PRIMARY KEY, appointment_id bigint REFERENCES appointments ON DELETE CASCADE,"
        " answers bigint REFERENCES notes ON DELETE CASCADE)"
    )
    row = world.book(age=OLD)
    world.sql("INSERT INTO notes VALUES (5, %(r)s, NULL), (3, NULL, 5), (1, NULL, 3)".replace("%(r)s", str(row)))
    assert undo(world, clean(world)).restored == {"users": 1, "appointments": 1, "notes": 3}
    assert world.sql("SELECT id, answers FROM notes ORDER BY id") == [
        {"id": 1, "answers": 3},
        {"id": 3, "answers": 5},
        {"id": 5, "answers": None},
    ]


def test_a_child_whose_parent_does_not_come_back_stays_in_the_archive(reminders):
    row = reminders.book(age=OLD)
    reminder = remind(reminders, row)
    cleanup = clean(reminders)
    customer = reminders.customer(bookings=0)
    reminders.sql("INSERT INTO appointments (id, user_id, starts_at) VALUES (%s, %s, now())", row, customer)
    report = undo(reminders, cleanup)
    assert reasons(report) == {
        f"appointments:{row}": "a row with its id is there",
        f"reminders:{reminder}": f"appointment {row} is not known to be the one it belonged to",
    }
    assert all_reminders(reminders) == []


def test_a_child_comes_back_later_under_a_parent_that_nobody_has_touched(reminders):
    untouched, touched = reminders.book(age=OLD), reminders.book(age=OLD)
    reminder, other = remind(reminders, untouched), remind(reminders, touched)
    cleanup = clean(reminders)
    undo(reminders, cleanup, ["users", "appointments"])
    reminders.sql("UPDATE appointments SET notes = 'somebody else''s' WHERE id = %s", touched)
    report = undo(reminders, cleanup)
    assert report.restored == {"reminders": 1}
    assert reasons(report) == {f"reminders:{other}": f"appointment {touched} is not known to be the one it belonged to"}
    assert [row["row"]["id"] for row in all_reminders(reminders)] == [reminder]


def test_a_child_of_a_vanished_parent_stays_in_the_archive(reminders):
    row = reminders.book(age=OLD)
    reminder = remind(reminders, row)
    cleanup = clean(reminders)
    undo(reminders, cleanup, ["users", "appointments"])
    reminders.sql("DELETE FROM appointments WHERE id = %s", row)
    assert reasons(undo(reminders, cleanup)) == {f"reminders:{reminder}": f"its appointment {row} is gone"}


@pytest.mark.parametrize("does", ["DELETE FROM users", "UPDATE users SET full_name = full_name"])
def test_a_parents_number_is_not_repeated_where_a_child_refers_to_it(world, does):
    world.sql("CREATE TABLE otp (id int PRIMARY KEY, mobile varchar(20) REFERENCES users (mobile) ON DELETE CASCADE)")
    world.book(age=OLD)
    world.sql("INSERT INTO otp SELECT 1, mobile FROM users")
    cleanup = clean(world)
    undo(world, cleanup, ["users"])
    world.sql(does)
    gone = does.startswith("DELETE")
    assert reasons(undo(world, cleanup))["otp:1"] == (
        "its user is gone" if gone else "user is not known to be the one it belonged to"
    )


def test_rows_of_a_table_that_is_gone_stay_in_the_archive(reminders):
    remind(reminders, reminders.book(age=OLD))
    cleanup = clean(reminders)
    reminders.sql("DROP TABLE reminders")
    report = undo(reminders, cleanup)
    assert report.restored == {"users": 1, "appointments": 1}
    assert [row.reason for row in report.skipped] == ["its table is gone"]


def test_a_column_added_since_takes_its_default_or_stays_empty(world):
    world.book(age=OLD)
    cleanup = clean(world)
    world.sql("ALTER TABLE users ADD email text, ADD plan text NOT NULL DEFAULT 'basic'")
    assert undo(world, cleanup).total == 2
    assert world.sql("SELECT email, plan FROM users") == [{"email": None, "plan": "basic"}]


def test_a_column_that_must_not_be_null_now_keeps_the_rows_out_with_the_reason(world):
    row = world.book(age=OLD)
    cleanup = clean(world)
    world.sql("ALTER TABLE appointments ADD clinic bigint NOT NULL")
    assert reasons(undo(world, cleanup)) == {
        f"appointments:{row}": "column clinic of its table must not be null now, and the archive has no value for it"
    }


def test_a_null_that_its_table_no_longer_takes_keeps_the_row_out(world):
    world.book(age=OLD)
    cleanup = clean(world)
    world.sql("ALTER TABLE appointments ALTER notes SET NOT NULL")
    assert "column notes of its table must not be null now" in undo(world, cleanup).skipped[0].reason


def test_a_column_dropped_since_is_left_out_and_said(world):
    row = world.book(age=OLD)
    cleanup = clean(world)
    world.sql("ALTER TABLE appointments DROP notes")
    report = undo(world, cleanup)
    assert report.lost_columns == {"appointments": ("notes",)}
    assert world.has_appointment(row)


def test_rows_archived_before_and_after_a_change_of_columns_come_back_whole(world):
    first, second = world.book(age=OLD), world.book(age=OLD)
    world.sql("UPDATE appointments SET notes = 'bring papers'")
    cleanup = clean(world)
    world.sql(
        "UPDATE prodtest.archived_row SET content = content - 'notes' WHERE row_id = %s"
        " AND table_oid = 'appointments'::regclass",
        second,
    )
    assert undo(world, cleanup).total == 4
    notes = {row["id"]: row["notes"] for row in world.sql("SELECT id, notes FROM appointments")}
    assert notes == {first: "bring papers", second: None}


def test_values_that_no_longer_fit_their_column_keep_the_row_out(world):
    world.book(age=OLD)
    cleanup = clean(world)
    world.sql("ALTER TABLE appointments ALTER status DROP DEFAULT, ALTER status TYPE int USING 0")
    report = undo(world, cleanup)
    assert report.restored == {"users": 1}
    assert "its values do not fit" in report.skipped[0].reason
    assert "booked" not in report.skipped[0].reason


def test_a_check_that_a_row_breaks_keeps_it_out_and_only_it(world):
    long, short = world.book(age=OLD), world.book(age=OLD)
    world.sql("UPDATE appointments SET duration_min = 90 WHERE id = %s", long)
    cleanup = clean(world)
    world.sql("ALTER TABLE appointments ADD CONSTRAINT at_most_an_hour CHECK (duration_min <= 60)")
    report = undo_cleanup(world.database, world.permit, cleanup)
    assert reasons(report) == {f"appointments:{long}": "it does not fit its table any more (at_most_an_hour)"}
    assert world.has_appointment(short)


def test_a_foreign_key_that_waits_for_the_commit_does_not_lose_the_batch(world):
    good, bad = world.book(age=OLD), world.book(age=OLD)
    cleanup = clean(world)
    world.sql("CREATE TABLE clinics (id int PRIMARY KEY, spare int, UNIQUE (id, spare))")
    world.sql("INSERT INTO clinics VALUES (30, 0)")
    world.sql(
        "ALTER TABLE appointments ADD FOREIGN KEY (duration_min, modification_count) REFERENCES clinics (id, spare)"
        " DEFERRABLE INITIALLY DEFERRED"
    )
    world.sql("UPDATE prodtest.archived_row SET content = content || '{\"duration_min\": 31}' WHERE row_id = %s", bad)
    report = undo_cleanup(world.database, world.permit, cleanup)
    assert world.has_appointment(good)
    assert "it does not fit its table any more" in reasons(report)[f"appointments:{bad}"]


def test_an_id_that_the_sequence_would_give_out_again_is_not_restored(world):
    row = world.book(age=OLD)
    cleanup = clean(world)
    world.sql("ALTER SEQUENCE appointments_id_seq RESTART")
    assert "would give it out again" in reasons(undo(world, cleanup))[f"appointments:{row}"]


def test_a_trigger_on_insert_is_refused_until_a_person_allows_it(world):
    world.book(age=OLD)
    cleanup = clean(world)
    world.sql(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.notes := ''hi''; RETURN NEW; END'"
    )
    world.sql("CREATE TRIGGER meddles BEFORE INSERT ON appointments FOR EACH ROW EXECUTE FUNCTION meddle()")
    with pytest.raises(RefusedForSafety, match="--allow-trigger meddles"):
        undo_cleanup(world.database, world.permit, cleanup)
    assert content(world) == []
    assert undo_cleanup(world.database, world.permit, cleanup, allow_triggers=["meddles"]).total == 2


def test_a_trigger_that_swallows_a_row_leaves_it_in_the_archive(world):
    row = world.book(age=OLD)
    cleanup = clean(world)
    world.sql("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    world.sql("CREATE TRIGGER swallows BEFORE INSERT ON appointments FOR EACH ROW EXECUTE FUNCTION swallow()")
    report = undo_cleanup(world.database, world.permit, cleanup, allow_triggers=["swallows"])
    assert reasons(report) == {f"appointments:{row}": "a trigger or rule of its table kept it out"}
    assert ("appointments", row) in world.archived()
