"""Callers whom every booking line knows."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from prodtest_assets.caller.habits import STEADY, Habits
from prodtest_assets.caller.persona import Persona
from prodtest_assets.caller.script import CallerWishes

_ABROAD = ("204", "250", "306", "403", "416", "418", "506", "514", "604", "613", "705", "709", "780", "902")
"""Canadian area codes. 555-0100 to 555-0199 is set aside for fiction in all of the North American plan."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of caller.

    Attributes:
        description: one sentence for people.
        duration_min: minutes the appointment takes.
        confidence, language, habits: as in `Persona`.
        is_abroad: calls from another country than the application's.
        changes_mind: asks for another time first.
    """

    description: str
    duration_min: int = 30
    confidence: float = 0.92
    language: str = "en-US"
    habits: Habits = STEADY
    is_abroad: bool = False
    changes_mind: bool = False


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "quick_booking": Preset("Knows what they want, says it once and hangs up."),
        "detailed_booking": Preset("Wants the long appointment and waits for every confirmation.", duration_min=60),
        "unclear_speech": Preset(
            "Is hard to understand: heard with little confidence, and not at all the first time.",
            confidence=0.38,
            habits=Habits(silent_at=frozenset({0})),
        ),
        "international_caller": Preset(
            "Calls from another country and speaks another English.",
            confidence=0.71,
            language="en-GB",
            is_abroad=True,
        ),
        "reschedule_request": Preset(
            "Asks for one time, changes their mind before agreeing, and books another.", changes_mind=True
        ),
        "elderly_caller": Preset(
            "Takes their time: misses two questions, and pauses in the middle of what they say.",
            confidence=0.64,
            habits=Habits(silent_at=frozenset({0, 2}), pause=2.5),
        ),
    }
)


def preset_persona(
    key: str,
    draw_start: Callable[[int], datetime],
    rng: random.Random,
    *,
    wishes: CallerWishes | None = None,
) -> Persona:
    """A caller of a known kind.

    Args:
        key: one of `PRESETS`.
        draw_start: gives a start, timezone-aware, for an appointment of so many minutes.
        rng: draws the number of a caller from abroad.
        wishes: what a call script says about the caller; it wins over the preset.

    Raises:
        KeyError: there is no such preset.
    """
    preset, wishes = PRESETS[key], wishes or CallerWishes()
    minutes = wishes.duration_min or preset.duration_min
    persona = Persona(
        key=key,
        start=draw_start(minutes),
        duration_min=minutes,
        number=wishes.number or (_number_abroad(rng) if preset.is_abroad else None),
        name=wishes.name,
        use_keypad=bool(wishes.use_keypad),
        confidence=preset.confidence if wishes.confidence is None else wishes.confidence,
        language=preset.language,
        habits=preset.habits,
    )
    return replace(persona, first_start=draw_start(minutes)) if preset.changes_mind else persona


def _number_abroad(rng: random.Random) -> str:
    return f"+1{rng.choice(_ABROAD)}55501{rng.randrange(100):02d}"
