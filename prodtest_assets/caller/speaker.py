"""What a caller does while an application listens: answer, stay silent, hang up, or be at a loss."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from prodtest_assets.caller.clock import Clock
from prodtest_assets.caller.persona import Persona
from prodtest_assets.caller.twiml import Gather
from prodtest_assets.caller.understanding import Reply, Understanding

_CLEAREST = 0.95
_CLEARER = 0.25
_BEFORE_A_PAUSE = " at "


class Quiet(Enum):
    """The caller does not answer."""

    SILENT = auto()
    HANGS_UP = auto()
    AT_A_LOSS = auto()


@dataclass(frozen=True, slots=True)
class Said:
    """The caller answers.

    Attributes:
        shown: the words, or the keys in the form `(keypad) 1`.
        fields: what the provider makes of them.
        twice: the network delivers it twice.
    """

    shown: str
    fields: dict[str, str]
    twice: bool = False


@dataclass(slots=True)
class Speaker:
    """One caller in one call.

    Attributes:
        persona: who calls.
        understanding: what they know.
        clock: passes the time of their pauses.
    """

    persona: Persona
    understanding: Understanding
    clock: Clock
    _questions: int = 0
    _said: Counter[str] = field(default_factory=Counter)

    def answer(self, prompt: str, gather: Gather, *, ends_in_silence: bool) -> Said | Quiet:
        """Do something about a question.

        Args:
            prompt: everything heard since the caller last answered.
            gather: what the application takes.
            ends_in_silence: without an answer the call is over.
        """
        habits, question = self.persona.habits, self._questions
        asks = self.understanding.asks(prompt)
        if asks and habits.hangs_up_at == question:
            return Quiet.HANGS_UP
        if asks and question in habits.silent_at and not ends_in_silence:
            self._questions += 1
            return Quiet.SILENT
        if asks and question == 0 and habits.says_first is not None and gather.speech:
            self.understanding.misspoken = habits.says_first
            return self._say(Reply(speech=habits.says_first), gather)
        reply = self.understanding.reply(
            prompt, speech=gather.speech, keypad=gather.keypad, num_digits=gather.num_digits
        )
        if reply is None:
            is_stuck = asks or (ends_in_silence and bool(prompt))
            return Quiet.AT_A_LOSS if is_stuck else Quiet.SILENT
        if reply.hangs_up:
            return Quiet.HANGS_UP
        return self._say(reply, gather) if reply.speech or reply.keys else Quiet.SILENT

    def _say(self, reply: Reply, gather: Gather) -> Said:
        twice = self._questions in self.persona.habits.delivered_twice_at
        self._questions += 1
        if reply.keys:
            return Said(f"(keypad) {reply.keys}", {"Digits": reply.keys}, twice)
        self._said[reply.speech] += 1
        words = self._heard_until_the_pause(reply.speech, gather)
        clearness = self.persona.confidence + _CLEARER * (self._said[reply.speech] - 1)
        fields = {
            "SpeechResult": words,
            "Confidence": f"{max(self.persona.confidence, min(clearness, _CLEAREST)):g}",
            "Language": self.persona.language,
        }
        return Said(words, fields, twice)

    def _heard_until_the_pause(self, speech: str, gather: Gather) -> str:
        """What reaches an application that takes a pause for the end. https://www.twilio.com/docs/voice/twiml/gather"""
        pause, listens = self.persona.habits.pause, gather.speech_timeout
        if not pause or self._said[speech] > 1 or _BEFORE_A_PAUSE not in speech:
            return speech
        self.clock.wait(pause)
        is_cut = listens is not None and listens < pause
        return speech.partition(_BEFORE_A_PAUSE)[0] if is_cut else speech
