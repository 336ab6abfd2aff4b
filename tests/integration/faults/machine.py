"""The machine that random tests drive: an application, test calls, and what must be true after every step."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from prodtest_assets.errors import NumberTaken
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, StopReason
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.guard import authorize_writes
from tests.booking_world import RULES
from tests.integration.faults.application import AGES, open_application
from tests.integration.faults.forked import Child, Forks
from tests.integration.faults.random_application import Call, RandomApplication, one_of


@dataclass
class World:
    """What the machine works on, and what it counts."""

    postgres: PostgresServer
    template: str
    forks: Forks
    steps: int = 0
    examples: int = 0
    removed: int = 0
    restored: int = 0


# One step of the application: which, and a number that picks the row.
STEP = st.tuples(st.integers(0, 10_000), st.integers(0, 10_000))


class ApplicationAndCalls(RuleBasedStateMachine):
    """What goes on while cleanups work: an application, and test calls here and in another process."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.name = f"booking_test_{uuid4().hex[:8]}"
        self.url = world.postgres.create_database(self.name, template=world.template)
        self.app = open_application(self.url)
        self.app.begin_texts()
        self._opened = open_database(self.url)
        self.database = self._opened.__enter__()
        self.permit = authorize_writes(self.database, RULES)
        self.random = RandomApplication(self.app)
        self.calls, self.runs, self.held = self.random.calls, self.random.runs, self.random.held
        self.neighbour: tuple[Child, UUID] | None = None
        world.examples += 1

    def teardown(self) -> None:
        """A last cleanup must be able to finish, whatever has been before."""
        try:
            self.end_neighbour()
            self.sql("UPDATE prodtest.hold SET released_at = now() WHERE released_at IS NULL")
            self.held.clear()
            self.runs.update(dict.fromkeys(self.runs, "dead"))
            self.sql("UPDATE prodtest.test_run SET heartbeat_at = now() - interval '5 minutes' WHERE outcome = 'open'")
            report = cleanup_now(self.database, self.permit, Policy(batch_size=50))
            assert report.stop_reason is StopReason.DRAINED, report
            assert report.proof is not None
            assert report.proof.holds
            self.check()
        finally:
            self.app.connection.close()
            self._opened.__exit__(None, None, None)
            self.world.postgres.drop_database(self.name)

    # The application.

    @initialize()
    def a_day_like_any_other(self) -> None:
        self.random.begin()
        self.check()

    @rule(step=STEP)
    def application_step(self, step: tuple[int, int]) -> None:
        self.random.take(step)
        self.check()

    # Test calls.

    @precondition(lambda self: sum(state == "alive" for state in self.runs.values()) < 3)
    @rule()
    def open_run(self) -> None:
        run = uuid4()
        self.database.call("open_run", run, "http://127.0.0.1:1")
        self.runs[run] = "alive"
        # The first call of a run must leave a row before another one is placed.
        canary = self._place(run, "marked", timedelta())
        assert canary is not None
        self._close(canary, completed=True)
        self.check()

    @precondition(lambda self: "alive" in self.runs.values())
    @rule(seed=st.integers(0, 10_000), answer=st.sampled_from(("marked", "unmarked", "wrong number", "nobody", "none")))
    def place_call(self, seed: int, answer: str) -> None:
        run = one_of([key for key, state in self.runs.items() if state == "alive"], seed)
        assert run is not None
        returning = one_of(self.calls, seed // 2) if seed % 2 == 0 else None
        self._place(run, answer, AGES[seed % len(AGES)], returning)
        self.check()

    def _place(self, run: UUID, answer: str, age: timedelta, returning: Call | None = None) -> Call | None:
        number = returning.number if returning else self.app.reserved_number()
        name = returning.name if returning else f"Caller {uuid4().hex}"
        call = Call(f"CA{uuid4().hex}", run, number, name, self.app.new_start())
        self.beat()
        try:
            self.database.call("open_call", call.sid, run, "quick", number, name, call.start)
        except NumberTaken:
            return None
        self.calls.append(call)
        self._application_answers(call, answer, age)
        return call

    def _application_answers(self, call: Call, answer: str, age: timedelta) -> None:
        if answer == "none":
            return
        holder = None if answer == "wrong number" else self.app.person_with(call.number)
        if holder is None:
            number = self.app.customers_number() if answer == "wrong number" else call.number
            is_reserved = answer != "wrong number"
            holder = call.person = self.app.register(number, is_reserved=is_reserved, name=call.name, is_caller=True)
        if answer != "nobody":
            call.booking = self.app.book(
                holder, is_test=True, is_marked=answer == "marked", age=age, start=call.start, is_of_a_call=True
            )

    @rule(seed=st.integers(0, 10_000), completed=st.booleans(), take_back=st.booleans())
    def end_call(self, seed: int, completed: bool, take_back: bool) -> None:
        # No precondition: it would depend on what the database took, and what is drawn may depend on draws alone.
        call = one_of([call for call in self.calls if not call.is_closed], seed)
        if call is None:
            return
        self._close(call, completed=completed)
        if take_back and self.runs[call.run] == "alive":
            self.database.call("remove_call", call.sid)
            call.let_go()
        self.check()

    def _close(self, call: Call, *, completed: bool) -> None:
        self.database.call("close_call", call.sid, "refused" if completed else "failed", None)
        call.is_closed = True

    @precondition(lambda self: "alive" in self.runs.values())
    @rule(seed=st.integers(0, 10_000), killed=st.booleans())
    def end_run(self, seed: int, killed: bool) -> None:
        run = one_of([key for key, state in self.runs.items() if state == "alive"], seed)
        assert run is not None
        if killed:
            self.sql("UPDATE prodtest.test_run SET heartbeat_at = now() - interval '5 minutes' WHERE id = %s", run)
        else:
            self.database.call("finish_run", run, "passed", 1, 0, 0)
        self.runs[run] = "dead" if killed else "over"
        self.check()

    @precondition(lambda self: self.neighbour is None)
    @rule(calls=st.integers(1, 3))
    def a_run_begins_in_another_process(self, calls: int) -> None:
        run, start = uuid4(), self.app.new_start()
        numbers = [self.app.reserved_number() for _ in range(calls)]
        child, rows = self.world.forks.lead_run(self.url, run, numbers, start)
        self.neighbour = (child, run)
        self.runs[run] = "alive elsewhere"
        for row, number in zip(rows, numbers, strict=True):
            self.app.learn(row["user"], row["appointment"])
            self.calls.append(
                Call(row["call"], run, number, row["name"], start, row["appointment"], row["user"], is_closed=True)
            )
        self.check()

    @precondition(lambda self: self.neighbour is not None)
    @rule()
    def the_other_process_is_killed(self) -> None:
        self.end_neighbour()
        self.check()

    # What is true after every step.

    def check(self) -> None:
        """Every promise, now."""
        self.world.steps += 1
        self.app.check()
        standing = {table: self.standing(table) for table in ("appointments", "users")}
        assert all(key in standing[table] for table, key in self.held), "a held row is gone"
        for call in self.calls:
            if self.random.is_alive(call):
                assert call.booking is None or call.booking in standing["appointments"], "a living run lost a row"
                assert call.person is None or call.person in standing["users"], "a living run lost a user"
        self.random.texts.check(self.random.kept())

    # Small questions.

    def standing(self, table: str) -> set[int]:
        """The ids in a table."""
        statement = "SELECT id FROM appointments" if table == "appointments" else "SELECT id FROM users"
        return {row[0] for row in self.app.connection.execute(statement)}

    def end_neighbour(self) -> None:
        """Kill the other process; half a minute later it counts as dead."""
        if self.neighbour:
            child, run = self.neighbour
            child.kill()
            child.end()
            self.sql("UPDATE prodtest.test_run SET heartbeat_at = now() - interval '5 minutes' WHERE id = %s", run)
            self.runs[run] = "dead"
            self.neighbour = None

    def beat(self) -> None:
        """The runs of this process are alive, however long the machine is kept waiting."""
        alive = [run for run, state in self.runs.items() if state == "alive"]
        self.sql("UPDATE prodtest.test_run SET heartbeat_at = now() + interval '1 hour' WHERE id = ANY (%s)", alive)

    def sql(self, statement: str, *values: object) -> None:
        """Any statement, as a person would type it."""
        self.app.connection.execute(statement.encode(), values)
