"""What a caller does while an application listens: answer, stay silent, hang up, or be at a loss."""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from prodtest_assets.caller import keypad, menu, questions, wordings, wordings_menu
from prodtest_assets.caller.clock import Clock
from prodtest_assets.caller.hearing import Hearing
from prodtest_assets.caller.persona import Persona
from prodtest_assets.caller.twiml import Gather
from prodtest_assets.caller.understanding import Reply, Understanding

_CLEAREST = 0.95
_CLEARER = 0.25
_BEFORE_A_PAUSE = " at "
_FAREWELL = re.compile(
    r"\b(?:booked|confirmed|all set|goodbye|good bye|bye|thanks|thank you|see you|look(?:ing)? forward|have an?)\b"
)


class Quiet(Enum):
    """The caller does not answer."""

    SILENT = auto()
    WAITS = auto()
    """They do not know what was meant, and hope to hear more."""
    HANGS_UP = auto()
    AT_A_LOSS = auto()


@dataclass(frozen=True, slots=True)
class Said:
    """The caller answers.

    Attributes:
        shown: the words, or the keys in the form `(keypad) 1`.
        fields: what the provider makes of them; empty when it takes them for no input.
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

    def answer(self, hearing: Hearing, gather: Gather, *, ends_in_silence: bool) -> Said | Quiet:
        """Do something about a question.

        Args:
            hearing: what was heard since the caller last answered.
            gather: what the application takes.
            ends_in_silence: without an answer the call is over.
        """
        habits, question, understanding = self.persona.habits, self._questions, self.understanding
        takes = {"speech": gather.speech, "keypad": gather.keypad}
        rule = understanding.script.rule_for(hearing.prompt, **takes)
        asks = understanding.asks(hearing.words) or (rule is not None and not rule.silent)
        if asks and habits.hangs_up_at == question:
            return Quiet.HANGS_UP
        if asks and question in habits.silent_at and not ends_in_silence:
            self._questions += 1
            return Quiet.SILENT
        if asks and gather.speech and habits.says_first is not None and not understanding.misspoken:
            understanding.misspoken = habits.says_first
            return self._say(Reply(speech=habits.says_first), gather)
        heard = hearing.prompt if rule else hearing.words
        reply = understanding.reply(heard, **takes, num_digits=gather.num_digits)
        if reply is None:
            if asks and (ends_in_silence or _asks_beside_menu(hearing)):
                return Quiet.AT_A_LOSS
            return Quiet.SILENT if _wants_nothing(hearing, gather) else Quiet.WAITS
        if reply.hangs_up:
            return Quiet.HANGS_UP
        return self._say(reply, gather) if reply.speech or reply.keys else Quiet.SILENT

    def _say(self, reply: Reply, gather: Gather) -> Said:
        twice = self._questions in self.persona.habits.delivered_twice_at
        self._questions += 1
        if reply.keys:
            keyed = keypad.taken(reply.keys, gather)
            self.clock.wait(keyed.seconds)
            return Said(f"(keypad) {reply.keys}", {"Digits": keyed.digits} if keyed.digits else {}, twice)
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


def _asks_beside_menu(hearing: Hearing) -> bool:
    """Whether more is asked than which key; a menu without a right one is left alone where the call goes on."""
    return bool(questions.asked(menu.without_menu(" ".join(questions.sentences(hearing.words)))))


def _wants_nothing(hearing: Hearing, gather: Gather) -> bool:
    """Whether there is nothing to answer: no prompt, a farewell, or which keys lead elsewhere."""
    if hearing.words != hearing.prompt:
        return False
    heard = questions.sentences(hearing.words)
    rest = [sentence for sentence in heard if not _leads_elsewhere(sentence, speech=gather.speech)]
    return not rest or bool(_FAREWELL.search(rest[-1]))


def _leads_elsewhere(sentence: str, *, speech: bool) -> bool:
    if (speech and wordings.REQUEST.search(sentence)) or wordings_menu.BOOKS.search(sentence):
        return False
    return (bool(menu.options(sentence)) or "press" in sentence) and bool(wordings_menu.LEADS_AWAY.search(sentence))
