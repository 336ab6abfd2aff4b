"""Rule 1: nothing is written unless test mode is on and the database says what it is."""

import pytest

from prodtest_assets.errors import ConfigurationError, RefusedForSafety, Unreachable
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import WriteRules, authorize_writes


def test_test_mode_off_is_refused_and_named(world):
    with pytest.raises(RefusedForSafety, match="PRODUCTION_DB_TEST_MODE"):
        authorize_writes(world.database, WriteRules(test_mode=False))


def test_another_server_than_expected_is_refused(world):
    with pytest.raises(RefusedForSafety, match="PRODTEST_EXPECTED_SYSTEM_ID"):
        authorize_writes(world.database, WriteRules(test_mode=True, expected_system_id="1"))


def test_the_expected_server_is_accepted(world):
    identifier = world.sql("SELECT system_identifier::text AS s FROM pg_control_system()")[0]["s"]
    assert authorize_writes(world.database, WriteRules(test_mode=True, expected_system_id=identifier))


@pytest.mark.parametrize("name", ["bookings", "prod_test", "live_staging", "contest", "latest"])
def test_a_name_that_does_not_say_test_is_refused_by_the_servers_own_word(postgres, name):
    url = postgres.create_database(name)
    try:
        with open_database(url) as database:
            with pytest.raises(RefusedForSafety, match=name):
                authorize_writes(database, WriteRules(test_mode=True))
            assert authorize_writes(database, WriteRules(test_mode=True, allow_database=name))
    finally:
        postgres.drop_database(name)


def test_another_allowed_name_does_not_help(world):
    with pytest.raises(RefusedForSafety), open_database(world.url.rsplit("/", 1)[0] + "/postgres") as database:
        authorize_writes(database, WriteRules(test_mode=True, allow_database="bookings"))


def test_a_wrong_password_is_a_configuration_error_that_does_not_repeat_it(postgres, world):
    with pytest.raises(ConfigurationError) as error, open_database(world.url.replace(postgres.password, "wr@ng:/%")):
        pass
    assert "wr@ng" not in str(error.value)


def test_a_database_that_does_not_exist_is_a_configuration_error(world):
    with pytest.raises(ConfigurationError, match="no such database"), open_database(world.url + "_nowhere"):
        pass


def test_a_server_that_does_not_answer_is_unreachable():
    with pytest.raises(Unreachable), open_database("postgresql://nobody@127.0.0.1:1/booking_test"):
        pass


def test_a_connection_lost_in_the_middle_is_unreachable(world):
    with pytest.raises(Unreachable), open_database(world.url) as database:
        world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prodtest'")
        database.row("server_identity")
