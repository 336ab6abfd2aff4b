"""Names of callers: nobody bears them, and to know that costs no more when there are more customers."""

import pytest

from prodtest_assets.errors import NumberTaken
from prodtest_assets.testdata.ledger import RunLedger
from tests.booking_world import START, BookingWorld, fiction_number

_CUSTOMERS = 20_000


def test_a_name_that_a_user_bears_is_not_offered(world: BookingWorld) -> None:
    world.user(mobile="+4915112345678", name="Alma KABELORA")
    with world.run() as run:
        offered = world.database.call("offer_names", run.run_id, ["Alma Kabelora", "Bruno Dorasela"])
    assert offered == ["Bruno Dorasela"]


def test_a_user_who_came_after_a_name_was_offered_takes_it(world: BookingWorld) -> None:
    with world.run() as run:
        world.database.call("offer_names", run.run_id, ["Alma Kabelora"])
        world.user(mobile="+4915112345678", name="alma kabelora")
        with pytest.raises(NumberTaken):
            run.open_call(persona="test", requested_start=START, number=fiction_number(), name="Alma Kabelora")


def test_an_offer_holds_for_one_call_of_its_own_run(world: BookingWorld) -> None:
    with world.run() as run, world.run() as other:
        world.database.call("offer_names", run.run_id, ["Alma Kabelora"])
        opened = run.open_call(persona="test", requested_start=START, name="Alma Kabelora")
        user = world.user(mobile=opened.number, name=opened.name)
        run.close_call(opened.call_sid, completed=False, transcript=[])
        world.sql("UPDATE users SET full_name = 'Somebody Else' WHERE id = %s", user)
        world.user(mobile="+4915112345678", name="Alma Kabelora")
        for ledger in (run, other):
            with pytest.raises(NumberTaken):
                ledger.open_call(persona="test", requested_start=START, number=fiction_number(), name="Alma Kabelora")


def test_a_call_is_opened_without_looking_at_the_customers(world: BookingWorld) -> None:
    world.sql(
        "INSERT INTO users (full_name, mobile) SELECT 'Paying Customer ' || n, '+49301' || lpad(n::text, 7, '0')"
        " FROM generate_series(1, %s) n",
        _CUSTOMERS,
    )
    world.sql("VACUUM ANALYZE users")
    with world.run() as run:
        canary = run.open_call(persona="test", requested_start=START)
        world.book(world.user(mobile=canary.number, name=canary.name))
        run.close_call(canary.call_sid, completed=True, transcript=[])
        with run.database.connection.transaction():
            before = users_read(run)
            opened = run.open_call(persona="test", requested_start=START)
            run.close_call(opened.call_sid, completed=False, transcript=[])
            assert users_read(run) - before < 100


def users_read(run: RunLedger) -> int:
    """How many rows of users the ledger's own session has read, as far as the server has not yet forgotten it."""
    statement = "SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE relname = 'users'"
    return int(run.database.connection.execute(statement).fetchall()[0]["rows"])
