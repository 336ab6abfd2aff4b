"""A simulated phone caller: TwiML in, signed form posts out."""

from prodtest_assets.caller.call import Call, Ended, Turn
from prodtest_assets.caller.ledger import Ledger, OpenCall
from prodtest_assets.caller.persona import Persona, draw_start
from prodtest_assets.caller.place import place_call
from prodtest_assets.caller.target import Target

__all__ = ["Call", "Ended", "Ledger", "OpenCall", "Persona", "Target", "Turn", "draw_start", "place_call"]
