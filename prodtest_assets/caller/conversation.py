"""Doing what TwiML says, verb by verb, until the call is over.

The rules are those of https://www.twilio.com/docs/voice/twiml and of each verb's page below it.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import httpx

from prodtest_assets.caller import twiml
from prodtest_assets.caller.call import Ended, Turn
from prodtest_assets.caller.clock import Clock
from prodtest_assets.caller.content import document_of
from prodtest_assets.caller.faults import BadTwiml, NothingListens, ProviderError
from prodtest_assets.caller.hearing import Hearing
from prodtest_assets.caller.script import suggestion
from prodtest_assets.caller.speaker import Quiet, Said, Speaker
from prodtest_assets.caller.statuses import StatusCallbacks
from prodtest_assets.caller.steps import Next, Over
from prodtest_assets.caller.twiml import Method, Verb
from prodtest_assets.caller.wire import Answer, Line, resolve
from prodtest_assets.errors import CallFailed, Unreachable

MAX_TURNS = 40
MAX_REPEATS = 5
"""The same answer to the same prompt; after that the application does not hear the caller."""

_QUOTED = 300
_DEFAULT_GATHER_SECONDS = 5.0
_GOES_ON = twiml.Gather | twiml.Redirect | twiml.Dial
"""What may lead on after silence; a call in which none of these follows is over."""


class Conversation:
    """One call between an application and a caller.

    Attributes:
        turns: what has been said so far, complete at any moment, also when the call is broken off.
    """

    def __init__(
        self,
        line: Line,
        speaker: Speaker,
        statuses: StatusCallbacks,
        *,
        clock: Clock,
        fallback: httpx.URL | None = None,
        secrets: tuple[str, ...] = (),
        on_turn: Callable[[Turn], None] | None = None,
    ) -> None:
        """Prepare a call.

        Args:
            line: carries the requests.
            speaker: answers the prompts.
            statuses: tells the application how the call gets on.
            clock: stamps the turns and passes the time of silences.
            fallback: asked whenever an answer is none.
            secrets: taken out of whatever the application says.
            on_turn: told of each turn as it happens.
        """
        self.turns: list[Turn] = []
        self._line = line
        self._speaker = speaker
        self._statuses = statuses
        self._clock = clock
        self._fallback = fallback
        self._secrets = secrets
        self._on_turn = on_turn
        self._hearing = Hearing()
        self._unplaced: dict[str, str] = {}
        self._is_noted = False
        self._remarks: list[str] = []
        self._asked: Counter[tuple[str, str]] = Counter()
        self._call_fields: Mapping[str, str] = {}

    @property
    def caller_spoke(self) -> bool:
        """Whether the caller has said or keyed in anything."""
        return any(turn.speaker == "caller" for turn in self.turns)

    def run(self, start: httpx.URL, call_fields: Mapping[str, str], *, method: Method = "POST") -> Over:
        """Hold the conversation.

        Args:
            start: where the call begins.
            call_fields: what every request says about the call; `CallStatus` is added.
            method: how it begins.

        Raises:
            Unreachable: nothing listens at `start`, nor at the fallback.
        """
        self._call_fields = call_fields
        self._statuses.tell("initiated", self._clock.now())
        self._statuses.tell("ringing", self._clock.now())
        over = self._hold(Next(start, method))
        self._statuses.tell(over.status, self._clock.now())
        remarks = [*self._remarks, *self._statuses.remarks]
        return Over(over.ended, self._masked("; ".join(filter(None, [over.problem, *remarks]))) or None)

    def _hold(self, step: Next) -> Over:
        for turn in range(MAX_TURNS):
            fields = {**self._call_fields, "CallStatus": "in-progress" if turn else "ringing"}
            try:
                outcome = self._take(step, fields)
            except CallFailed as fault:
                outcome = self._after(fault, step)
            if isinstance(outcome, Over):
                return self._explained(outcome)
            step = outcome
        return Over(
            Ended.failed,
            f"the call was not over after {MAX_TURNS} turns; the last prompt was: {self._quoted()}",
        )

    def _explained(self, over: Over) -> Over:
        """Say why the application ended the call, where it lay with the caller: they have not answered it."""
        if over.ended is not Ended.hung_up_by_application or over.problem:
            return over
        if self._unplaced:
            return Over(Ended.caller_gave_up, list(self._unplaced.values())[-1])
        if not self.caller_spoke:
            return Over(over.ended, "the application ended the call before the caller had said anything", over.status)
        return over

    def _take(self, step: Next, fields: dict[str, str]) -> Next | Over:
        answer = self._line.request(step.method, step.url, fields | step.fields)
        if step.twice:
            self._deliver_again()
        try:
            document = document_of(answer)
        except BadTwiml as fault:
            message, url = f"{step.method} {step.url.path}: {fault.plain}", str(answer.url)
            raise ProviderError(message, fault.code, url=url, status=answer.status, latency=answer.latency) from fault
        for warning in document.warnings:
            self._remark(warning)
        self._is_noted = False
        self._hearing.turn_noted()
        try:
            return self._perform(document.verbs, answer)
        finally:
            self._flush(answer)

    def _deliver_again(self) -> None:
        try:
            self._line.send_again()
        except CallFailed as fault:
            self._remark(f"delivered a second time: {fault}")

    def _perform(self, verbs: tuple[Verb, ...], answer: Answer) -> Next | Over:
        if not any(isinstance(verb, twiml.Reject) for verb in verbs[:1]):
            self._statuses.tell("in-progress", self._clock.now())
        for place, verb in enumerate(verbs, start=1):
            outcome = self._do(verb, answer, goes_on=any(isinstance(later, _GOES_ON) for later in verbs[place:]))
            if outcome is not None:
                return outcome
        return Over(Ended.hung_up_by_application)

    def _do(self, verb: Verb, answer: Answer, *, goes_on: bool) -> Next | Over | None:
        match verb:
            case twiml.Say() | twiml.Play():
                self._hearing.hear(verb)
            case twiml.Pause(seconds):
                self._clock.wait(seconds)
            case twiml.Gather():
                return self._listen(verb, answer, goes_on=goes_on)
            case twiml.Redirect():
                return Next(resolve(answer.url, verb.url), verb.method)
            case twiml.Hangup():
                return Over(Ended.hung_up_by_application)
            case twiml.Reject():
                problem = f"the application rejected the call ({verb.reason})"
                return Over(Ended.hung_up_by_application, problem, "busy" if verb.reason == "busy" else "no-answer")
            case twiml.Record():
                # An empty recording is not posted; the next verb follows. .../voice/twiml/record
                self._remark("the application wanted a recording and got silence")
            case twiml.Dial():
                self._remark("the application dialled someone else, and nobody answered")
                if verb.action is not None:
                    return Next(resolve(answer.url, verb.action), verb.method, {"DialCallStatus": "no-answer"})
            case twiml.NotFollowed():
                return Over(Ended.caller_gave_up, f"a simulated caller cannot follow <{verb.name}>")
        return None

    def _listen(self, gather: twiml.Gather, answer: Answer, *, goes_on: bool) -> Next | Over | None:
        for verb in gather.nested:
            self._do(verb, answer, goes_on=True)
        hearing = self._hearing
        does = self._speaker.answer(hearing, gather, ends_in_silence=not (goes_on or gather.action_on_empty))
        if does is Quiet.HANGS_UP:
            return Over(Ended.caller_hung_up)
        if does is Quiet.AT_A_LOSS or does is Quiet.WAITS:
            is_repeated = hearing.turn in self._unplaced
            problem = self._unplaced.setdefault(hearing.turn, self._at_a_loss(gather))
            if is_repeated or does is Quiet.AT_A_LOSS:
                return Over(Ended.caller_gave_up, problem)
        self._flush(answer)
        if not isinstance(does, Said):
            if not hearing.prompt and not gather.action_on_empty:
                self._remark("the application waited for input without asking for any")
            self._clock.wait(_DEFAULT_GATHER_SECONDS if gather.timeout is None else gather.timeout)
            return self._without_input(gather, answer)
        prompt = hearing.prompt
        self._asked[prompt, does.shown] += 1
        if self._asked[prompt, does.shown] > MAX_REPEATS:
            return Over(Ended.caller_gave_up, f'"{does.shown}" was not taken as an answer to: {self._quoted()}')
        self._tell_partly(gather, answer, does)
        self._note(Turn("caller", does.shown, self._clock.now()))
        hearing.answered()
        self._unplaced.clear()
        if not does.fields:
            return self._without_input(gather, answer)
        return Next(resolve(answer.url, gather.action), gather.method, does.fields, does.twice)

    def _at_a_loss(self, gather: twiml.Gather) -> str:
        line = suggestion(self._hearing.prompt, speech=gather.speech, name=self._speaker.understanding.facts.name)
        return f"the caller does not know what to answer to: {self._quoted()}; a call script would: {line}"

    def _tell_partly(self, gather: twiml.Gather, answer: Answer, does: Said) -> None:
        """Tell the first words while the rest is being said. Whatever is answered, the call goes on.

        https://www.twilio.com/docs/voice/twiml/gather#partialresultcallback
        """
        words = does.fields.get("SpeechResult", "").split()
        if not gather.partial or not words:
            return
        heard = {"CallStatus": "in-progress", "UnstableSpeechResult": " ".join(words[: (len(words) + 1) // 2])}
        try:
            url = resolve(answer.url, gather.partial)
            self._line.request(gather.partial_method, url, {**self._call_fields, **heard})
        except CallFailed as fault:
            self._remark(f"the partial result was not taken: {fault}")

    def _without_input(self, gather: twiml.Gather, answer: Answer) -> Next | None:
        if not gather.action_on_empty:
            return None
        fields = {"SpeechResult": "", "Confidence": "0.0"} if gather.speech else {"Digits": ""}
        return Next(resolve(answer.url, gather.action), gather.method, fields)

    def _flush(self, answer: Answer) -> None:
        """Note what has been said since the last turn, and at least one turn for each answer."""
        if self._is_noted and not self._hearing.turn:
            return
        text = self._masked(self._hearing.turn) or "(silence)"
        redirects = () if self._is_noted else answer.redirects
        latency = None if self._is_noted else answer.latency
        self._is_noted = True
        self._hearing.turn_noted()
        self._note(Turn("application", text, self._clock.now(), answer.status, latency, redirects))

    def _after(self, fault: CallFailed, step: Next) -> Next | Over:
        """The provider asks the fallback at each fault, and the call is over when that does not answer either.

        https://www.twilio.com/docs/usage/security/availability-reliability#fallback-urls
        """
        if isinstance(fault, NothingListens) and self._fallback is None and not self.turns:
            raise Unreachable(fault.reason) from fault
        problem = self._masked(str(fault))
        known = fault if isinstance(fault, ProviderError) else None
        self._note(
            Turn(
                "application",
                f"({problem})",
                self._clock.now(),
                known.status if known else None,
                known.latency if known else None,
            )
        )
        if known is None or self._fallback is None or step.to_fallback:
            return Over(Ended.failed, problem, "completed" if len(self.turns) > 1 else "failed")
        self._remark(f"{problem}, and the fallback was asked")
        asked = {"ErrorCode": str(known.code), "ErrorUrl": known.url}
        return Next(self._fallback, "POST", asked, to_fallback=True)

    def _note(self, turn: Turn) -> None:
        self.turns.append(turn)
        if self._on_turn is not None:
            self._on_turn(turn)

    def _remark(self, remark: str) -> None:
        if remark not in self._remarks:
            self._remarks.append(remark)

    def _quoted(self) -> str:
        prompt = self._masked(self._hearing.prompt)
        shortened = prompt if len(prompt) <= _QUOTED else "..." + prompt[-_QUOTED:]
        return f'"{shortened}"' if shortened else "silence"

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())
