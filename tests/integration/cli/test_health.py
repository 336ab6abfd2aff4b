"""`prodtest health`: well, unwell and unreachable."""

import pytest

from prodtest_assets.testdata.heartbeats import beat
from tests.booking_world import BookingWorld
from tests.integration.cli.commands import prodtest
from tests.integration.cli.test_verify import leave_an_untaken_message

NOBODY = "postgresql://somebody:secret@127.0.0.1:1/booking_test"


def test_a_migrated_database_with_living_sensors_is_well(world: BookingWorld) -> None:
    beat(world.database, world.permit, "asset_check_alert_sensor")
    result = prodtest("health", "--json", PRODUCTION_DB_URL=world.url)
    assert (result.code, result.err) == (0, "")
    assert result.json() == {"healthy": True, "database": world.database.name, "problems": []}


def test_a_sensor_that_fell_silent_is_named(world: BookingWorld) -> None:
    beat(world.database, world.permit, "asset_check_alert_sensor")
    world.sql("UPDATE prodtest.heartbeat SET beat_at = beat_at - interval '11 minutes'")
    result = prodtest("health", PRODUCTION_DB_URL=world.url)
    assert result.code == 1
    assert "asset_check_alert_sensor no longer ticks" in result.out


def test_a_channel_that_takes_nothing_is_told(world: BookingWorld) -> None:
    leave_an_untaken_message(world)
    result = prodtest("health", PRODUCTION_DB_URL=world.url)
    assert result.code == 1
    assert "1 not taken for half an hour; look at the ticks of asset_check_alert_sensor" in result.out


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP SCHEMA prodtest CASCADE", "schema prodtest is missing"),
        ("COMMENT ON SCHEMA prodtest IS 'older'", "schema prodtest is of another version"),
        (
            "ALTER TABLE appointments DROP COLUMN is_test_data CASCADE",
            "the application's tables lack appointments.is_test_data",
        ),
    ],
)
def test_a_database_that_no_live_command_could_use_is_unwell(world: BookingWorld, statement: str, said: str) -> None:
    world.sql(statement)
    result = prodtest("health", "--json", PRODUCTION_DB_URL=world.url)
    assert result.code == 1
    (problem,) = result.json()["problems"]
    assert said in problem
    assert "prodtest migrate" in problem


def test_a_database_that_does_not_answer_is_4_without_its_password() -> None:
    result = prodtest("health", PRODUCTION_DB_URL=NOBODY)
    assert (result.code, result.out) == (4, "")
    assert "secret" not in result.complaint
