"""The proof that a cleanup left customers alone: it must be able to fail, and to find the row."""

from datetime import timedelta
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import CleanupReport, CustomerProof, Policy
from prodtest_assets.testdata.proof import prove_untouched, sample_customers
from tests.booking_world import START, BookingWorld

OLD = timedelta(hours=48)


def clean(world: BookingWorld, **policy: object) -> CleanupReport:
    return cleanup_now(world.database, world.permit, Policy(**policy))  # type: ignore[arg-type]


def proof_of(report: CleanupReport) -> CustomerProof:
    assert report.proof is not None
    return report.proof


def test_a_customers_row_that_our_delete_changed_is_ours_and_named(world):
    world.sql(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN UPDATE public.appointments SET notes = ''moved'' WHERE NOT is_test_data; RETURN OLD; END'"
    )
    world.sql("CREATE TRIGGER meddles BEFORE DELETE ON appointments FOR EACH ROW EXECUTE FUNCTION meddle()")
    world.customer()
    customers = [row["id"] for row in world.sql("SELECT id FROM appointments")]
    world.book(age=OLD)
    report = clean(world, allow_triggers=("meddles",))
    proof = proof_of(report)
    assert (proof.changed_by_us, proof.changed_by_others) == (1, 0)
    assert proof.changed_rows == tuple(f"appointments:{row}" for row in customers)
    assert not proof.holds
    assert report.is_failure
    stored = world.sql("SELECT proof -> 'changed_rows' AS rows FROM prodtest.cleanup_run")
    assert stored == [{"rows": list(proof.changed_rows)}]


@pytest.mark.parametrize("is_archived", [True, False])
def test_a_customers_row_that_is_gone_is_ours_when_our_archive_holds_it(world, is_archived):
    customer = world.customer(bookings=0)
    before = sample_customers(world.database)
    cleanup = uuid4()
    world.sql("INSERT INTO prodtest.cleanup_run (id, actor) VALUES (%s, 'x')", cleanup)
    content = world.sql("DELETE FROM users RETURNING to_jsonb(users) AS content")[0]["content"]
    if is_archived:
        world.sql(
            "INSERT INTO prodtest.archived_row (cleanup_id, table_oid, row_id, content)"
            " VALUES (%s, 'users'::regclass, %s, %s)",
            cleanup,
            customer,
            Jsonb(content),
        )
    proof = prove_untouched(world.database, before, cleanup)
    assert (proof.changed_by_us, proof.changed_by_others) == ((1, 0) if is_archived else (0, 1))


def test_a_row_that_somebody_marked_meanwhile_was_not_taken_as_a_customers(world):
    row = world.book(age=OLD)
    flips = "UPDATE appointments SET is_test_data = NOT is_test_data WHERE id = %s"
    world.sql(flips, row)
    before = sample_customers(world.database)
    assert [sampled["id"] for sampled in before if sampled["table_name"] == "appointments"] == [row]
    world.sql(flips, row)
    report = clean(world)
    proof = prove_untouched(world.database, before, report.id)  # type: ignore[arg-type]
    assert (report.total, proof.changed_by_us, proof.changed_by_others) == (2, 0, 1)


def test_keys_far_apart_are_sampled_as_well(world):
    world.customer(bookings=4)
    world.sql("UPDATE appointments SET id = id * 100000000000000000")
    sampled = [row for row in sample_customers(world.database) if row["table_name"] == "appointments"]
    assert len(sampled) >= 3  # the very first is met by no draw but one in many


def test_customers_among_many_test_rows_are_sampled(world):
    world.customer()
    for hour in range(10):
        world.book(age=OLD, start=START + timedelta(hours=hour))
    world.customer(mobile="+4915112345679")
    assert {row["table_name"] for row in sample_customers(world.database)} == {"appointments", "users"}


def test_what_a_call_left_unmarked_is_no_customers_row(world):
    with world.run() as run:
        call = run.open_call(persona="quick", requested_start=START)
        world.book(world.user(mobile=call.number, name=call.name), marked=False)
        run.close_call(call.call_sid, completed=True, transcript=[])
        run.finish("abandoned")
    report = clean(world)
    assert (report.adopted, proof_of(report).holds) == (1, True)
    assert proof_of(report).sampled == 0
    assert proof_of(report).is_measured  # nobody else is there


def test_a_sample_that_met_nobody_where_customers_are_is_not_measured(world):
    world.customer()
    world.book(age=OLD)
    before = clean(world)
    assert proof_of(before).is_measured
    assert not prove_untouched(world.database, [], before.id).is_measured  # type: ignore[arg-type]
