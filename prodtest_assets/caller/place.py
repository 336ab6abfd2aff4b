"""Placing a call."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx

from prodtest_assets.caller.call import Call, Ended
from prodtest_assets.caller.conversation import Conversation
from prodtest_assets.caller.ledger import Ledger, OpenCall
from prodtest_assets.caller.persona import Persona
from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.target import Target
from prodtest_assets.caller.understanding import Understanding
from prodtest_assets.caller.wire import Line, new_client

LONGEST_CALL_SECONDS = 300.0


def _now() -> datetime:
    return datetime.now(UTC)


def place_call(
    persona: Persona,
    target: Target,
    ledger: Ledger,
    *,
    client: httpx.Client | None = None,
    clock: Callable[[], datetime] = _now,
    longest: float = LONGEST_CALL_SECONDS,
) -> Call:
    """Phone an application and try to book what the persona wants.

    The call stands in the ledger before the first request and is closed there whatever happens. An
    application's fault never raises: it ends as `Ended.failed` with a `problem` of one line.

    Args:
        persona: who calls, and for when.
        target: whom.
        ledger: where the call is announced; it decides on the number and the name.
        client: sends the requests, for instance one shared by many calls; cookies are not kept in it.
        clock: the present, timezone-aware; stamps the transcript.
        longest: seconds after which the call is broken off.

    Returns:
        The call with its transcript.

    Raises:
        RefusedForSafety: the ledger does not let the call be placed; no request was sent.
        Unreachable: nothing listens at the target.
        ConfigurationError: the target's address is none.
    """
    voice_url = target.voice_url
    opened = ledger.open_call(
        persona=persona.key, requested_start=persona.start, number=persona.number, name=persona.name
    )
    conversation: Conversation | None = None
    completed = False
    try:
        with ExitStack() as stack:
            session = client or stack.enter_context(new_client(target))
            conversation = Conversation(
                Line(target, session, ledger.run_id, longest=longest),
                Understanding(_facts(persona, target, opened), prefers_keys=persona.use_keypad),
                confidence=persona.confidence,
                clock=clock,
                secrets=target.secrets,
            )
            over = conversation.run(voice_url, _call_fields(target, opened))
            completed = over.ended is Ended.hung_up_by_application
    finally:
        turns = tuple(conversation.turns) if conversation else ()
        ledger.close_call(opened.call_sid, completed=completed, transcript=[turn.as_json() for turn in turns])
    return Call(
        call_sid=opened.call_sid,
        run_id=ledger.run_id,
        persona=persona.key,
        number=opened.number,
        name=opened.name,
        requested_start=persona.start,
        duration_min=persona.duration_min,
        turns=turns,
        ended=over.ended,
        problem=over.problem,
    )


def _facts(persona: Persona, target: Target, opened: OpenCall) -> Facts:
    return Facts(opened.name, opened.number, persona.start.astimezone(target.zone), persona.duration_min)


def _call_fields(target: Target, opened: OpenCall) -> dict[str, str]:
    """What every request says about the call. https://www.twilio.com/docs/voice/twiml#request-parameters"""
    return {
        "CallSid": opened.call_sid,
        "AccountSid": target.account_sid,
        "From": opened.number,
        "To": target.dialled,
        "Caller": opened.number,
        "Called": target.dialled,
        "ApiVersion": "2010-04-01",
        "Direction": "inbound",
    }
