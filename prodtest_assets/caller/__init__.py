"""A simulated phone caller: TwiML in, signed form posts out."""

from prodtest_assets.caller.call import Call, Ended, Turn
from prodtest_assets.caller.clock import Clock
from prodtest_assets.caller.habits import Habits
from prodtest_assets.caller.ledger import Ledger, OpenCall
from prodtest_assets.caller.persona import Persona, draw_start
from prodtest_assets.caller.place import place_call
from prodtest_assets.caller.presets import PRESETS, preset_persona
from prodtest_assets.caller.script import CallScript
from prodtest_assets.caller.script_file import load_script
from prodtest_assets.caller.target import Target

__all__ = [
    "PRESETS",
    "Call",
    "CallScript",
    "Clock",
    "Ended",
    "Habits",
    "Ledger",
    "OpenCall",
    "Persona",
    "Target",
    "Turn",
    "draw_start",
    "load_script",
    "place_call",
    "preset_persona",
]
