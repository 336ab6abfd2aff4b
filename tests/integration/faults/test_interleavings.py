"""Random steps of an application and of cleanups, in any order and inside each other, checked after each one."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from prodtest_assets.errors import PlanDrifted, RefusedForSafety
from prodtest_assets.testdata.cleanup.execute import cleanup_now, execute_plan
from prodtest_assets.testdata.cleanup.models import Policy, Scope
from prodtest_assets.testdata.cleanup.plan import plan_cleanup
from prodtest_assets.testdata.cleanup.removal import Progress
from prodtest_assets.testdata.cleanup.settle import settle_dead_runs
from prodtest_assets.testdata.cleanup.undo import undo_cleanup
from tests.integration.faults.forked import forks
from tests.integration.faults.machine import STEP, ApplicationAndCalls, World
from tests.integration.faults.random_application import one_of

# How much younger than the retention a row must be for the books to insist on it.
NEVER_EARLY = timedelta(minutes=5)


class Interleavings(ApplicationAndCalls):
    """The books of the application against whatever cleanups do."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.plans: list[UUID] = []

    @rule(hours=st.sampled_from((0, 1, 24)), scope=st.sampled_from((Scope.STALE, Scope.STALE, Scope.CALL)))
    def plan(self, hours: int, scope: Scope) -> None:
        policy = Policy(retention=timedelta(hours=hours), batch_size=2)
        self.beat()
        plan = plan_cleanup(self.database, policy, scope=scope, permit=self.permit)
        assert plan.id is not None
        self.plans.append(plan.id)
        self.check()

    @rule(seed=st.integers(0, 10_000), meanwhile=st.lists(STEP, max_size=6))
    def execute(self, seed: int, meanwhile: list[tuple[int, int]]) -> None:
        plan = one_of(self.plans, seed)
        if plan is None:
            return
        self.beat()
        try:
            report = execute_plan(
                self.database, self.permit, plan, Policy(batch_size=2), on_progress=self._interrupted_by(meanwhile)
            )
            self.world.removed += report.total
        except PlanDrifted:
            self.plans.remove(plan)
        self.check()

    @rule(
        hours=st.sampled_from((0, 1, 24)), batch=st.integers(1, 4), seed=st.integers(0, 10_000),
        meanwhile=st.lists(STEP, max_size=8),
    )  # fmt: skip
    def clean(self, hours: int, batch: int, seed: int, meanwhile: list[tuple[int, int]]) -> None:
        young = self._too_young_for(timedelta(hours=hours))
        mine = [run for run, state in self.runs.items() if state != "alive elsewhere"]
        asking = one_of(mine, seed) if seed % 4 == 0 else None
        self._clean(Policy(retention=timedelta(hours=hours), batch_size=batch), meanwhile, run_id=asking)
        assert not (young & self.app.bookings.keys()) - self.standing("appointments"), (
            "a row younger than the retention is gone"
        )

    @rule(seed=st.integers(0, 10_000), count=st.integers(1, 5), meanwhile=st.lists(STEP, max_size=4))
    def clean_by_name(self, seed: int, count: int, meanwhile: list[tuple[int, int]]) -> None:
        """A person names rows, among them customers'."""
        bookings = [key for key in self.app.bookings if key % 7 == seed % 7][:count]
        people = [key for key in self.app.people if key % 5 == seed % 5][:count]
        for person in people:
            self.app.people[person].is_named = True
        self._clean(
            Policy(batch_size=2), meanwhile, scope=Scope.NAMED, named=tuple(bookings), named_users=tuple(people)
        )

    def _clean(
        self, policy: Policy, meanwhile: list[tuple[int, int]], *, scope: Scope = Scope.STALE,
        run_id: UUID | None = None, named: tuple[int, ...] = (), named_users: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        self.beat()
        for call in self.calls:
            if call.run == run_id:
                call.let_go()
        report = cleanup_now(
            self.database, self.permit, policy, scope=scope, run_id=run_id, named=named, named_users=named_users,
            on_progress=self._interrupted_by(meanwhile),
        )  # fmt: skip
        assert report.proof is not None
        assert report.proof.unarchived == 0
        assert report.proof.changed_by_us == 0
        self.world.removed += report.total
        self.check()

    @rule(seed=st.integers(0, 10_000))
    def undo(self, seed: int) -> None:
        """Whatever comes back is held, and is in one place like every other row."""
        found = self.app.connection.execute(
            "SELECT DISTINCT cleanup_id FROM prodtest.archived_row ORDER BY 1"
        ).fetchall()
        cleanup = one_of([row[0] for row in found], seed)
        if cleanup is None:
            return
        self.beat()
        try:
            report = undo_cleanup(self.database, self.permit, cleanup)
        except RefusedForSafety:
            assert self.runs.get(cleanup, "over").startswith("alive")
            return
        self.held |= set(
            self.app.connection.execute(
                "SELECT (SELECT relname FROM pg_class WHERE oid = table_oid), row_id FROM prodtest.restored_row"
                " WHERE undo_id = %s AND table_oid IN ('users'::regclass, 'appointments'::regclass)",
                [report.id],
            ).fetchall()
        )
        self.world.restored += report.total
        self.check()

    @rule()
    def settle(self) -> None:
        self.beat()
        settle_dead_runs(self.database, self.permit)
        self.check()

    @rule(seed=st.integers(0, 10_000), of_user=st.booleans())
    def hold(self, seed: int, of_user: bool) -> None:
        table = "users" if of_user else "appointments"
        key = one_of(sorted(self.standing(table)), seed)
        if key is None:
            return
        self.sql(
            "INSERT INTO prodtest.hold (table_oid, row_id, until, reason, actor) "
            "VALUES (%s::regclass, %s, now() + interval '1 day', 'evidence', 'qa')",
            f"public.{table}", key,
        )  # fmt: skip
        self.held.add((table, key))
        self.check()

    @rule(seed=st.integers(0, 10_000))
    def release_hold(self, seed: int) -> None:
        if not self.held:
            return
        table, key = sorted(self.held)[seed % len(self.held)]
        self.sql(
            "UPDATE prodtest.hold SET released_at = now() WHERE table_oid = %s::regclass AND row_id = %s",
            f"public.{table}", key,
        )  # fmt: skip
        self.held.discard((table, key))
        self.check()

    def _interrupted_by(self, steps: list[tuple[int, int]]) -> Callable[[Progress], None]:
        """The application goes on between two batches."""
        waiting = list(steps)

        def on_progress(_: Progress) -> None:
            if waiting:
                self.random.take(waiting.pop())
            self.check()

        return on_progress

    def _too_young_for(self, retention: timedelta) -> set[int]:
        rows = self.app.bookings.values()
        young = {row.id for row in rows if row.is_test and not row.is_of_a_call and row.age < retention - NEVER_EARLY}
        return young & self.standing("appointments")


def test_no_interleaving_of_application_and_cleanups_changes_a_customers_row_or_loses_a_tests(
    postgres, migrated_template, is_long, record_property
):
    examples, length = (1_200, 120) if is_long else (40, 70)
    with forks() as forking:
        world = World(postgres, migrated_template, forking)
        run_state_machine_as_test(
            lambda: Interleavings(world),
            settings=settings(
                max_examples=examples, stateful_step_count=length, database=None,
                suppress_health_check=list(HealthCheck), print_blob=False,
            ),
        )  # fmt: skip
    record_property("steps checked", world.steps)
    record_property("databases", world.examples)
    record_property("rows archived", world.removed)
    record_property("rows restored", world.restored)
    assert world.removed > 0
