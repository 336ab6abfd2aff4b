"""Placing a call."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date

import httpx

from prodtest_assets.caller.call import Call, Ended, Turn
from prodtest_assets.caller.clock import Clock
from prodtest_assets.caller.conversation import Conversation
from prodtest_assets.caller.country import country_of
from prodtest_assets.caller.ledger import AnnouncedCall, Ledger
from prodtest_assets.caller.persona import Persona
from prodtest_assets.caller.speaker import Speaker
from prodtest_assets.caller.spoken import Facts
from prodtest_assets.caller.statuses import StatusCallbacks
from prodtest_assets.caller.target import Target
from prodtest_assets.caller.understanding import Understanding
from prodtest_assets.caller.wire import Line, new_client

LONGEST_CALL_SECONDS = 300.0


def place_call(
    persona: Persona,
    target: Target,
    ledger: Ledger,
    *,
    client: httpx.Client | None = None,
    clock: Clock | None = None,
    longest: float = LONGEST_CALL_SECONDS,
    on_turn: Callable[[Turn], None] | None = None,
) -> Call:
    """Phone an application and try to book what the persona wants.

    The call stands in the ledger before the first request and is closed there whatever happens. An
    application's fault never raises: it ends as `Ended.failed` with a `problem` of one line.

    Args:
        persona: who calls, and for when.
        target: whom.
        ledger: where the call is announced; it decides on the number and the name.
        client: sends the requests, for instance one shared by many calls; cookies are not kept in it.
        clock: stamps the transcript and passes the time of pauses and silences; None waits for none of them.
        longest: seconds of real time after which the call is broken off.
        on_turn: told of each turn as it happens.

    Returns:
        The call with its transcript.

    Raises:
        RefusedForSafety: the ledger does not let the call be placed; no request was sent.
        Unreachable: nothing listens at the target.
        ConfigurationError: the target's address is none.
    """
    voice_url = target.voice_url
    fallback = target.url_of(target.fallback_url) if target.fallback_url else None
    status_url = target.url_of(target.status_callback_path) if target.status_callback_path else None
    opened = ledger.open_call(
        persona=persona.key, requested_start=persona.start, number=persona.number, name=persona.name
    )
    fields, time = call_fields(target, opened), clock or Clock()
    understanding = _understanding(persona, target, opened, time.now().astimezone(target.zone).date())
    conversation: Conversation | None = None
    completed = False
    try:
        with ExitStack() as stack:
            session = client or stack.enter_context(new_client(target))
            line = Line(target, session, ledger.run_id, longest=longest)
            conversation = Conversation(
                line,
                Speaker(persona, understanding, time),
                StatusCallbacks(line, status_url, fields),
                clock=time,
                fallback=fallback,
                secrets=target.secrets,
                on_turn=on_turn,
            )
            over = conversation.run(voice_url, fields, method=target.voice_method)
            completed = over.ended is Ended.hung_up_by_application and conversation.caller_spoke
    finally:
        turns = tuple(conversation.turns) if conversation else ()
        ledger.close_call(opened.call_sid, completed=completed, transcript=[turn.as_json() for turn in turns])
    return Call(
        call_sid=opened.call_sid,
        run_id=ledger.run_id,
        persona=persona.key,
        number=opened.number,
        name=opened.name,
        requested_start=(understanding.second_thought and persona.first_start) or persona.start,
        duration_min=persona.duration_min,
        turns=turns,
        ended=over.ended,
        problem=over.problem,
    )


def _understanding(persona: Persona, target: Target, opened: AnnouncedCall, today: date) -> Understanding:
    wanted = persona.start.astimezone(target.zone)
    first = persona.first_start.astimezone(target.zone) if persona.first_start else wanted
    return Understanding(
        Facts(opened.name, opened.number, first, persona.duration_min, today),
        prefers_keys=persona.use_keypad,
        script=target.script,
        second_thought=wanted if persona.first_start else None,
    )


def call_fields(target: Target, opened: AnnouncedCall) -> dict[str, str]:
    """What every request says about the call. https://www.twilio.com/docs/voice/twiml#request-parameters

    Places are left blank, as the provider leaves them for numbers it cannot place.

    Args:
        target: whom the call goes to.
        opened: the call.
    """
    ends = {"From": opened.number, "Caller": opened.number, "To": target.dialled, "Called": target.dialled}
    places = {
        f"{end}{place}": country_of(number) if place == "Country" else ""
        for end, number in ends.items()
        for place in ("City", "State", "Zip", "Country")
    }
    return {
        "CallSid": opened.call_sid,
        "AccountSid": target.account_sid,
        "ApiVersion": "2010-04-01",
        "Direction": "inbound",
        **ends,
        **places,
    }
