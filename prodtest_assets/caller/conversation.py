"""Doing what TwiML says, verb by verb, until the call is over.

The rules are those of https://www.twilio.com/docs/voice/twiml and of each verb's page below it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from prodtest_assets.caller import twiml
from prodtest_assets.caller.call import Ended, Turn
from prodtest_assets.caller.twiml import Method, Verb
from prodtest_assets.caller.understanding import Understanding
from prodtest_assets.caller.wire import Answer, BadAnswer, Line, resolve
from prodtest_assets.errors import CallFailed

MAX_TURNS = 40
MAX_REPEATS = 5
"""The same answer to the same prompt; after that the application does not hear the caller."""

_TWIML = frozenset({"text/xml", "application/xml", "text/html"})
_QUOTED = 300


@dataclass(frozen=True, slots=True)
class Next:
    """The call goes on with a request."""

    url: httpx.URL
    method: Method = "POST"
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over."""

    ended: Ended
    problem: str | None = None


class Conversation:
    """One call between an application and a caller.

    Attributes:
        turns: what has been said so far, complete at any moment, also when the call is broken off.
    """

    def __init__(
        self,
        line: Line,
        understanding: Understanding,
        *,
        confidence: float,
        clock: Callable[[], datetime],
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Prepare a call.

        Args:
            line: carries the requests.
            understanding: answers the prompts.
            confidence: sent beside each speech result, 0 to 1.
            clock: the present, timezone-aware; stamps the turns.
            secrets: taken out of whatever the application says.
        """
        self.turns: list[Turn] = []
        self._line = line
        self._understanding = understanding
        self._confidence = confidence
        self._clock = clock
        self._secrets = secrets
        self._heard: list[str] = []
        self._said: list[str] = []
        self._is_noted = False
        self._remarks: list[str] = []
        self._asked: Counter[tuple[str, str]] = Counter()

    def run(self, start: httpx.URL, call_fields: dict[str, str]) -> Over:
        """Hold the conversation.

        Args:
            start: where the call begins.
            call_fields: what every request says about the call; `CallStatus` is added.

        Raises:
            Unreachable: nothing listens at `start`.
        """
        step = Next(start)
        for turn in range(MAX_TURNS):
            status = "in-progress" if turn else "ringing"
            try:
                outcome = self._take(step, call_fields | {"CallStatus": status})
            except CallFailed as fault:
                return self._broken_off(fault)
            if isinstance(outcome, Over):
                return Over(outcome.ended, self._masked(outcome.problem or "; ".join(self._remarks)) or None)
            step = outcome
        return Over(
            Ended.failed,
            f"the call was not over after {MAX_TURNS} turns; the last prompt was: {self._quoted()}",
        )

    def _take(self, step: Next, fields: dict[str, str]) -> Next | Over:
        answer = self._line.request(step.method, step.url, fields | step.fields)
        try:
            verbs = self._verbs(answer)
        except CallFailed as fault:
            where = f"{step.method} {step.url.path}"
            raise BadAnswer(f"{where}: {fault}", status=answer.status, latency=answer.latency) from fault
        self._is_noted, self._said = False, []
        try:
            return self._perform(verbs, answer)
        finally:
            self._flush(answer)

    def _verbs(self, answer: Answer) -> tuple[Verb, ...]:
        """What an answer makes the provider do. https://www.twilio.com/docs/voice/twiml#twilio-understands-mime-types"""
        if answer.content_type == "text/plain":
            return (twiml.Say(" ".join(answer.body.decode(errors="replace").split())), twiml.Hangup())
        if answer.content_type.startswith("audio/"):
            return (twiml.Play(answer.url.path), twiml.Hangup())
        if answer.content_type not in _TWIML:
            raise CallFailed(f"the answer is {answer.content_type or 'without Content-Type'} (provider error 12300)")
        if answer.body.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
            raise CallFailed("the answer is an HTML page instead of TwiML (provider error 12100)")
        return twiml.parse(answer.body)

    def _perform(self, verbs: tuple[Verb, ...], answer: Answer) -> Next | Over:
        for verb in verbs:
            outcome = self._do(verb, answer, is_last=verb is verbs[-1])
            if outcome is not None:
                return outcome
        return Over(Ended.hung_up_by_application)

    def _do(self, verb: Verb, answer: Answer, *, is_last: bool) -> Next | Over | None:
        match verb:
            case twiml.Say() | twiml.Play() | twiml.Pause():
                self._hear(verb)
            case twiml.Gather():
                return self._answer(verb, answer, is_last=is_last)
            case twiml.Redirect():
                return Next(resolve(answer.url, verb.url), verb.method)
            case twiml.Hangup():
                return Over(Ended.hung_up_by_application)
            case twiml.Reject():
                return Over(Ended.hung_up_by_application, f"the application rejected the call ({verb.reason})")
            case twiml.Record():
                # An empty recording is not posted; the next verb follows. .../voice/twiml/record
                self._remarks.append("the application wanted a recording and got silence")
            case twiml.Dial():
                self._remarks.append("the application dialled someone else, and nobody answered")
                if verb.action is not None:
                    return Next(resolve(answer.url, verb.action), verb.method, {"DialCallStatus": "no-answer"})
            case twiml.NotFollowed():
                return Over(Ended.caller_gave_up, f"a simulated caller cannot follow <{verb.name}>")
        return None

    def _hear(self, verb: twiml.Say | twiml.Play | twiml.Pause) -> None:
        match verb:
            case twiml.Say(text) if text:
                self._said.append(text)
                self._heard.append(text if text[-1] in ".!?" else f"{text}.")
            case twiml.Play(url):
                self._said.append(f"(plays {url})")
            case _:
                pass

    def _answer(self, gather: twiml.Gather, answer: Answer, *, is_last: bool) -> Next | Over | None:
        for verb in gather.nested:
            self._hear(verb)
        prompt = " ".join(self._heard)
        reply = self._understanding.reply(
            prompt, speech=gather.speech, keypad=gather.keypad, num_digits=gather.num_digits
        )
        is_the_end = is_last and bool(prompt) and not gather.action_on_empty
        if reply is None and (is_the_end or self._understanding.asks(prompt)):
            return Over(Ended.caller_gave_up, f"the caller does not know what to answer to: {self._quoted()}")
        self._flush(answer)
        if reply is None:
            return self._stay_silent(gather, answer)
        said = reply.speech or f"(keypad) {reply.keys}"
        self._asked[prompt, said] += 1
        if self._asked[prompt, said] > MAX_REPEATS:
            return Over(Ended.caller_gave_up, f'"{said}" was not taken as an answer to: {self._quoted()}')
        self.turns.append(Turn("caller", said, self._clock()))
        self._heard.clear()
        fields = {"Digits": reply.keys} if reply.keys else self._speech(reply.speech)
        return Next(resolve(answer.url, gather.action), gather.method, fields)

    def _stay_silent(self, gather: twiml.Gather, answer: Answer) -> Next | None:
        if not gather.action_on_empty:
            if not self._heard:
                self._remarks.append("the application waited for input without asking for any")
            return None
        fields = {"SpeechResult": "", "Confidence": "0.0"} if gather.speech else {"Digits": ""}
        return Next(resolve(answer.url, gather.action), gather.method, fields)

    def _speech(self, words: str) -> dict[str, str]:
        return {"SpeechResult": words, "Confidence": str(self._confidence), "Language": "en-US"}

    def _flush(self, answer: Answer) -> None:
        """Note what has been said since the last turn, and at least one turn for each answer."""
        if self._is_noted and not self._said:
            return
        text = self._masked(" ".join(self._said)) or "(silence)"
        self.turns.append(Turn("application", text, self._clock(), answer.status, answer.latency))
        self._is_noted, self._said = True, []

    def _broken_off(self, fault: CallFailed) -> Over:
        problem = self._masked(str(fault))
        status, latency = (fault.status, fault.latency) if isinstance(fault, BadAnswer) else (None, None)
        self.turns.append(Turn("application", f"({problem})", self._clock(), status, latency))
        return Over(Ended.failed, problem)

    def _quoted(self) -> str:
        prompt = self._masked(" ".join(self._heard))
        shortened = prompt if len(prompt) <= _QUOTED else "..." + prompt[-_QUOTED:]
        return f'"{shortened}"' if shortened else "silence"

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())
