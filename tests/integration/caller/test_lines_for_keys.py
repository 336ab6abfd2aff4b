"""Booking lines for the keypad are booked by the built-in rules alone, whoever calls."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from starlette.types import ASGIApp

from prodtest_assets.caller import PRESETS, Ended, Persona, Target, draw_start, place_call, preset_persona

from .conftest import ListLedger
from .lines import Line, optician, surgery
from .practice import ZONE

Serve = Callable[[ASGIApp], str]


def persona(key: str) -> Persona:
    rng = random.Random(key)

    def draw(minutes: int) -> datetime:
        return draw_start(datetime.now(UTC), ZONE, rng, duration_min=minutes)

    return replace(preset_persona(key, draw, rng), name="Will Kanomiba")


@pytest.mark.parametrize("key", PRESETS)
@pytest.mark.parametrize(("line", "told"), [(Line(optician, redirects=True), "name"), (Line(surgery), "number")])
def test_each_caller_books_what_they_want(serve: Serve, ledger: ListLedger, line: Line, told: str, key: str) -> None:
    call = place_call(persona(key), Target(serve(line.app()), "/line", zone=ZONE), ledger)

    assert (call.ended, call.problem) == (Ended.hung_up_by_application, None)
    said = {"name": call.name, "number": call.number.removeprefix("+1")}[told]
    assert line.booked.pop() == (said, call.requested_start.astimezone(ZONE), call.duration_min)
