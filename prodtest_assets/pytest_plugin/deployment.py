"""The deployment under test, as the settings describe it. Nothing is read or opened before it is asked for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

import httpx

from prodtest_assets.caller import Target
from prodtest_assets.caller.wire import new_client
from prodtest_assets.errors import ProdtestError
from prodtest_assets.google_calendar import Calendar, open_calendar
from prodtest_assets.settings import Settings, load_settings
from prodtest_assets.testdata.connection import Database, open_database
from prodtest_assets.testdata.guard import WriteRules
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.whom_to_call import target_of


class Deployment:
    """The booking database, the application and its calendar."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._problem: ProdtestError | None = None

    @cached_property
    def settings(self) -> Settings:
        """What the environment and `.env` say. Raises `ConfigurationError`."""
        return load_settings()

    @property
    def database_url(self) -> str | None:
        """The booking database, with its password."""
        return self.settings.db_url.get_secret_value() if self.settings.db_url else None

    @property
    def rules(self) -> WriteRules:
        """What was said about writing."""
        return WriteRules(
            test_mode=self.settings.test_mode,
            allow_database=self.settings.allow_database,
            expected_system_id=self.settings.expected_system_id,
        )

    @cached_property
    def reserved(self) -> ReservedNumbers:
        """The numbers that belong to tests."""
        return ReservedNumbers.with_ranges(self.settings.reserved_numbers)

    @cached_property
    def target(self) -> Target:
        """Whom the caller phones. Raises `ConfigurationError` without a URL, or when the call script is wrong."""
        return target_of(self.settings)

    @property
    def shown_target(self) -> str:
        """The application's address without user, password and query, for people to read."""
        return str(self.target.voice_url.copy_with(username=None, password=None, path="/", query=None))

    @cached_property
    def client(self) -> httpx.Client:
        """One HTTP client for all calls; each call keeps its own cookies."""
        return self._resources.enter_context(new_client(self.target))

    @cached_property
    def calendar(self) -> Calendar:
        """The application's calendar. Raises `ConfigurationError` without the extra or a key."""
        key = self.settings.service_account_json
        return self._resources.enter_context(
            open_calendar(
                calendar_id=self.settings.calendar_id,
                service_account_json=key.get_secret_value() if key else None,
                api_url=self.settings.calendar_api_url,
                timeout=self.settings.request_timeout,
            )
        )

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A connection to the booking database.

        Raises:
            ConfigurationError, Unreachable: as `open_database`.
        """
        with ExitStack() as connection:
            with self.problem_remembered():
                database = connection.enter_context(open_database(self.database_url, reserved=self.reserved))
            yield database

    @contextmanager
    def problem_remembered(self) -> Iterator[None]:
        """What did not open once is not tried again: ten tests would wait ten times to hear the same."""
        if self._problem is not None:
            raise self._problem
        try:
            yield
        except ProdtestError as error:
            self._problem = error
            raise

    def close(self) -> None:
        """Close what is open."""
        self._resources.close()
