"""One call from the command line: placed through a ledger of its own, compared, and taken back."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from prodtest_assets.calendar_events import remove_events
from prodtest_assets.caller import Call, Clock, Ended, OpenCall, Persona, Target, Turn, draw_start, place_call
from prodtest_assets.caller.persona import NEAR_WORKDAYS
from prodtest_assets.caller.presets import preset_persona
from prodtest_assets.cli.access import booking_database, database_url, reserved_numbers, write_rules
from prodtest_assets.cli.output import shown_url
from prodtest_assets.pytest_plugin.accuracy import Compared, Difference, compared, differences, ending_of
from prodtest_assets.schema import ensure_schema
from prodtest_assets.settings import Settings
from prodtest_assets.testdata.cleanup.execute import cleanup_now
from prodtest_assets.testdata.cleanup.models import Policy, Scope
from prodtest_assets.testdata.cleanup.settle import abandon_run
from prodtest_assets.testdata.guard import authorize_writes
from prodtest_assets.testdata.identity import masked_name, masked_number
from prodtest_assets.testdata.ledger import RunLedger
from prodtest_assets.whom_to_call import target_of

_PERSONA = "quick_booking"


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What is to be tried.

    Attributes:
        settings: name the application, the database and the script.
        persona: who calls; None as the script says.
        fallback_url, status_callback: as in `Target`; None as the script says.
        real_time: pauses and silences take as long as on the telephone.
    """

    settings: Settings
    persona: str | None
    fallback_url: str | None
    status_callback: str | None
    real_time: bool

    def target(self) -> Target:
        """Whom to call.

        Raises:
            ConfigurationError: no address, or the script is wrong.
        """
        target = target_of(self.settings)
        return replace(
            target,
            fallback_url=self.fallback_url or target.fallback_url,
            status_callback_path=self.status_callback or target.status_callback_path,
        )

    def caller(self, target: Target) -> Persona:
        """Who calls, for a slot in the coming days."""
        rng, wishes = random.SystemRandom(), target.script.caller

        def start(minutes: int) -> datetime:
            near = min(NEAR_WORKDAYS, wishes.workdays)
            return draw_start(datetime.now(UTC), target.zone, rng, duration_min=minutes, workdays=near)

        return preset_persona(self.persona or wishes.persona or _PERSONA, start, rng, wishes=wishes)


@dataclass(frozen=True, slots=True)
class TriedCall:
    """What came of the call; names and numbers are masked.

    Attributes:
        compared: what was said beside what was stored; None when no row of the call was found.
        wrong: what was stored other than said, or other than the contract wants it.
        removed: rows taken back; None when they stay.
    """

    call: Call
    compared: tuple[Compared, ...] | None
    wrong: tuple[Difference, ...]
    removed: int | None

    @property
    def is_fine(self) -> bool:
        """Whether the call was led to its end and stored as it was said."""
        return self.compared is not None and not self.wrong and self.call.ended is Ended.hung_up_by_application

    def lines(self) -> list[str]:
        """The outcome, for people."""
        lines = [f"ended: {ending_of(self.call)}"]
        lines += [f"{wrong}" for wrong in self.wrong]
        if self.compared is None:
            lines.append("stored: nothing that is provably of this call")
        elif not self.wrong:
            lines.append("stored: as it was said")
        return lines if self.removed is None else [*lines, f"removed: {self.removed} rows"]

    def document(self) -> dict[str, object]:
        """The outcome and the transcript, in JSON's types."""
        mask = _Mask()
        mask.learn(self.call.name, self.call.number)
        turns = [{**turn.as_json(), "text": mask.over(turn.text)} for turn in self.call.turns]
        return {
            "call_sid": self.call.call_sid,
            "persona": self.call.persona,
            "requested_start": self.call.requested_start.isoformat(),
            "ended": self.call.ended.value,
            "problem": mask.over(self.call.problem or "") or None,
            "stored": self.compared is not None,
            "said_and_stored": [each.as_json() for each in self.compared or ()],
            "differences": [
                {"field": wrong.field, "expected": wrong.expected, "stored": wrong.stored} for wrong in self.wrong
            ],
            "removed": self.removed,
            "turns": turns,
        }


@dataclass(slots=True)
class _Mask:
    """Hides one caller's name and number, however they are said."""

    words: dict[str, str] = field(default_factory=dict)

    def learn(self, name: str, number: str) -> None:
        local = number[-10:]
        said = (number, local, f"{local[:3]} {local[3:6]} {local[6:]}")
        self.words = {name: masked_name(name)} | dict.fromkeys(said, masked_number(number))

    def over(self, text: str) -> str:
        for word, masked in self.words.items():
            text = text.replace(word, masked)
        return text


@dataclass(frozen=True, slots=True)
class _Announced:
    """A ledger that tells the mask who is going to call."""

    ledger: RunLedger
    mask: _Mask

    @property
    def run_id(self) -> UUID:
        return self.ledger.run_id

    def open_call(
        self, *, persona: str, requested_start: datetime, number: str | None = None, name: str | None = None
    ) -> OpenCall:
        opened = self.ledger.open_call(persona=persona, requested_start=requested_start, number=number, name=name)
        self.mask.learn(opened.name, opened.number)
        return OpenCall(opened.call_sid, opened.number, opened.name)

    def close_call(self, call_sid: str, *, completed: bool, transcript: list[dict[str, object]]) -> None:
        self.ledger.close_call(call_sid, completed=completed, transcript=transcript)


def try_call(plan: CallPlan, *, listen: Callable[[str], object] | None) -> TriedCall:
    """Place one call, look at what it left, and take that back.

    Args:
        plan: whom to call, and how.
        listen: gets each turn as one line; None for nobody.

    Raises:
        RefusedForSafety: the database may not be written to; no request was sent.
        ConfigurationError: the script or a setting is wrong.
        Unreachable: the database or the application does not answer.
    """
    settings, target = plan.settings, plan.target()
    persona, run_id, mask = plan.caller(target), uuid4(), _Mask()
    with booking_database(settings) as database:
        authorize_writes(database, write_rules(settings))
    ensure_schema(database_url(settings), reserved_numbers(settings))

    def hear(turn: Turn) -> None:
        if listen is not None:
            listen(f"{turn.speaker + ':':13}{mask.over(turn.text)}")

    try:
        run = RunLedger(
            database_url(settings),
            run_id,
            shown_url(target.base_url),
            write_rules(settings),
            reserved=reserved_numbers(settings),
        )
        with run:
            clock = Clock(1) if plan.real_time else Clock()
            call = place_call(persona, target, _Announced(run, mask), clock=clock, on_turn=hear)
            stored = run.stored_booking(call.call_sid)
            wrong = differences(call, stored, target.zone) if stored else ()
            fields = compared(call, stored, target.zone) if stored else None
            if fields:
                run.keep_comparison(call.call_sid, [each.as_json() for each in fields])
            tried = TriedCall(call, fields, wrong, None)
            run.finish(
                "passed" if tried.is_fine else "failed", passed=int(tried.is_fine), failed=int(not tried.is_fine)
            )
    finally:
        removed = _take_back(settings, run_id) if settings.auto_cleanup else None
    return TriedCall(call, fields, wrong, removed)


def _take_back(settings: Settings, run_id: UUID) -> int:
    with booking_database(settings) as database:
        permit = authorize_writes(database, write_rules(settings))
        abandon_run(database, permit, run_id)
        report = cleanup_now(database, permit, Policy(), scope=Scope.CALL, run_id=run_id)
        remove_events(database, settings)
    return sum(report.deleted.values())
