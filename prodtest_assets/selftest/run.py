"""Runs the promises one after the other, and counts what held."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

import psycopg

from prodtest_assets.errors import ProdtestError, Unreachable
from prodtest_assets.schema import ensure_schema, migrate_booking_tables
from prodtest_assets.selftest.promises import all_promises
from prodtest_assets.selftest.registry import Promise
from prodtest_assets.selftest.scratch import Scratch, scratch_database
from prodtest_assets.selftest.world import NotTested, World
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import WriteRules, authorize_writes
from prodtest_assets.testdata.identity import ReservedNumbers
from prodtest_assets.testdata.proof import Fingerprints, customer_fingerprints, rows_changed

_SESSIONS = 4


class Outcome(StrEnum):
    """What became of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True)
class Result:
    """One promise after the attempt to break it.

    Attributes:
        detail: what was seen, or why it was not tested; empty when it held.
    """

    name: str
    sentence: str
    outcome: Outcome
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SelftestReport:
    """What the self-test found.

    Attributes:
        version: the server's.
        customer_rows: how many rows the checksum covers.
        before: checksum over every customer's row before the first promise.
        after: the same after the last one.
    """

    version: str
    database: str
    results: tuple[Result, ...]
    customer_rows: int
    before: str
    after: str
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether nothing was broken."""
        return self.before == self.after and all(result.outcome is not Outcome.BROKEN for result in self.results)


OnResult = Callable[[Result], None]


def run_selftest(
    url: str, rules: WriteRules, *, reserved: ReservedNumbers | None = None, on_result: OnResult | None = None
) -> SelftestReport:
    """Try to break every promise in a scratch database on the server of `url`.

    Args:
        url: any database of that server, in any documented form; nothing is written to it.
        rules: what the person who runs this has said about writing; the scratch database's name needs no allowance.
        reserved: the numbers that belong to tests.
        on_result: told after each promise.

    Raises:
        ConfigurationError: the role may not create a database, or the URL is wrong.
        RefusedForSafety: test mode is off, or this is a read replica or not the expected server.
        Unreachable: the server does not answer any more.
    """
    started = time.monotonic()
    with open_database(url) as server:
        # All but the name, since nothing is written to the database of the URL.
        authorize_writes(server, replace(rules, allow_database=server.name))
    # Dropping the database ends the sessions that the threads may still hold, so the pool is left last.
    with (
        ThreadPoolExecutor(_SESSIONS) as threads,
        scratch_database(url) as scratch,
        _world(scratch, rules, reserved or ReservedNumbers(), threads) as world,
    ):
        world.add_customers()
        before, customers = world.app("checksum")[0], customer_fingerprints(world.database)
        results = tuple(_try_each(world, customers, on_result))
        after = world.app("checksum")[0]
    return SelftestReport(
        version=scratch.version,
        database=scratch.name,
        results=results,
        customer_rows=before["rows"],
        before=before["checksum"],
        after=after["checksum"],
        seconds=time.monotonic() - started,
    )


@contextmanager
def _world(
    scratch: Scratch, rules: WriteRules, reserved: ReservedNumbers, threads: ThreadPoolExecutor
) -> Iterator[World]:
    migrate_booking_tables(scratch.url)
    ensure_schema(scratch.url, reserved)
    with (
        open_database(scratch.url, reserved=reserved) as database,
        open_database(scratch.url, reserved=reserved) as application,
    ):
        yield World(
            scratch.url,
            application.connection,
            database,
            authorize_writes(database, rules),
            reserved,
            threads,
            scratch.roles,
            scratch.is_superuser,
        )


def _try_each(world: World, customers: Fingerprints, on_result: OnResult | None) -> Iterator[Result]:
    for promise in all_promises():
        result = try_promise(world, promise, customers)
        if on_result:
            on_result(result)
        yield result


def try_promise(world: World, promise: Promise, customers: Fingerprints) -> Result:
    """Try to break one promise, and leave nothing but the customers.

    Args:
        world: the scratch database.
        promise: what to try.
        customers: every customer's row as it was.

    Raises:
        Unreachable: the server does not answer any more.
    """
    started = time.monotonic()
    outcome, detail = Outcome.KEPT, ""
    try:
        promise.attempt(world)
    except NotTested as reason:
        outcome, detail = Outcome.NOT_TESTED, str(reason)
    except Unreachable:
        raise
    except (ProdtestError, psycopg.Error, TimeoutError) as error:
        outcome, detail = Outcome.BROKEN, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    changed = rows_changed(world.database, customers)
    if changed:
        outcome, detail = Outcome.BROKEN, f"{changed} customers' rows were changed or are gone"
    world.sweep()
    return Result(promise.name, promise.sentence, outcome, time.monotonic() - started, detail)
