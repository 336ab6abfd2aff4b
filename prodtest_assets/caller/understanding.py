"""What a caller who wants to book answers to what they hear.

A question is answered with the kind of answer it asks for, or not at all.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from prodtest_assets.caller import menu, named, questions, spoken, wordings
from prodtest_assets.caller.questions import Kind
from prodtest_assets.caller.script import NO_SCRIPT, CallScript, Rule, plain
from prodtest_assets.caller.spoken import Facts

_TIMES = frozenset({Kind.DAY, Kind.WEEKDAY, Kind.TIME, Kind.DAY_AND_TIME, Kind.PART_OF_DAY, Kind.AM_OR_PM})
_TELL_THE_DAY = frozenset({Kind.DAY, Kind.WEEKDAY, Kind.DAY_AND_TIME})
_ON_KEYS = frozenset({Kind.PHONE, Kind.DURATION, Kind.DAY, Kind.TIME})
_AGREEING = frozenset({Kind.AGREE, Kind.SAY_CONFIRM, Kind.READ_BACK})
_RECOGNISED = 24
_DATE_ORDER = re.compile(r"\b(month|day)\b.*\b(?:month|day)\b|\b(mm)\W?dd\b|\b(dd)\W?mm\b")
_KEYS_OF_FULL_DATE = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller does: either speech or keys. Neither is silence.

    Attributes:
        speech: the words.
        keys: the keypad's keys.
        hangs_up: the caller ends the call.
    """

    speech: str = ""
    keys: str = ""
    hangs_up: bool = False


@dataclass(slots=True)
class Understanding:
    """One caller's side of one call: what they know, and what they have told so far.

    Attributes:
        facts: what they know.
        prefers_keys: they press keys wherever both are taken.
        script: what they answer before anything is understood.
        second_thought: the start they really want, in the zone of `facts.start`, which they give up when asked
            to agree to it; None when they do not change their mind.
        misspoken: words they said that were no answer, and to which they do not agree.
    """

    facts: Facts
    prefers_keys: bool = False
    script: CallScript = NO_SCRIPT
    second_thought: datetime | None = None
    misspoken: str = ""
    _told: set[Kind] = field(default_factory=set)
    _last: tuple[Kind, ...] = ()

    def reply(self, prompt: str, *, speech: bool, keypad: bool, num_digits: int | None = None) -> Reply | None:
        """Answer a prompt.

        Args:
            prompt: everything heard since the caller last answered.
            speech: words are taken.
            keypad: keys are taken.
            num_digits: so many keys at most; None for any number.

        Returns:
            The answer; None when the prompt cannot be placed, or asks for what a caller must not give.
        """
        if rule := self.script.rule_for(prompt, speech=speech, keypad=keypad):
            return self._by_rule(rule, prompt, speech=speech, keypad=keypad, num_digits=num_digits)
        return self._by_understanding(prompt, speech=speech, keypad=keypad, num_digits=num_digits)

    def _by_rule(self, rule: Rule, prompt: str, *, speech: bool, keypad: bool, num_digits: int | None) -> Reply | None:
        if rule.say or rule.press:
            return Reply(spoken.filled(rule.say, self.facts), spoken.filled(rule.press, self.facts))
        if rule.kind is None:
            return Reply(hangs_up=rule.hangs_up)
        heard = " ".join(questions.sentences(prompt))
        return self._answer((rule.kind,), heard, speech=speech, keypad=keypad, most=num_digits, declining=False)

    def _by_understanding(self, prompt: str, *, speech: bool, keypad: bool, num_digits: int | None) -> Reply | None:
        heard = " ".join(questions.sentences(prompt))
        offered, outside = menu.options(heard), menu.without_menu(heard)
        if self._thinks_again(offered, outside):
            return self._second_thoughts(offered, speech=speech, keypad=keypad)
        refused = bool(wordings.TAKEN.search(heard))
        declining = refused or self._is_misspoken(prompt) or self._is_another_time_proposed(outside)
        option = menu.choose(offered, self.facts, declining=declining, ending=bool(wordings.OVER.search(heard)))
        if option and keypad:
            return Reply(keys=option.key)
        if offered and not speech:
            return None
        if keypad and wordings.ANY_KEY.search(heard):
            return Reply(keys="1")
        kinds = questions.asked(outside)
        if kinds == (Kind.AGAIN,):
            kinds = self._last
        if not kinds or (refused and not _TIMES.isdisjoint(kinds)):
            return None
        return self._answer(kinds, heard, speech=speech, keypad=keypad, most=num_digits, declining=declining)

    def _answer(
        self, kinds: tuple[Kind, ...], heard: str, *, speech: bool, keypad: bool, most: int | None, declining: bool
    ) -> Reply | None:
        answer = self._on_keys(kinds, heard, most) if keypad and (self.prefers_keys or not speech) else None
        if answer is None and speech:
            answer = self._in_words(kinds, heard, declining=declining)
        if answer is not None:
            self._last = kinds
            self._told.update(kinds)
        return answer

    def asks(self, prompt: str) -> bool:
        """Whether a prompt asks anything at all; a caller may stay silent to one that does not."""
        heard = " ".join(questions.sentences(prompt))
        return menu.is_a_question(menu.options(heard)) or bool(questions.asked(menu.without_menu(heard)))

    def _thinks_again(self, offered: tuple[menu.Option, ...], outside: str) -> bool:
        """Whether the caller, who has named a time, is now asked to agree to it and wants another one."""
        if self.second_thought is None or self._told.isdisjoint(_TIMES):
            return False
        if kinds := questions.asked(outside):
            return kinds[0] in _AGREEING
        return menu.way_back(offered) is not None

    def _second_thoughts(self, offered: tuple[menu.Option, ...], *, speech: bool, keypad: bool) -> Reply | None:
        if self.second_thought is None:
            return None
        self.facts, self.second_thought = replace(self.facts, start=self.second_thought), None
        self._told -= _TIMES
        option = menu.way_back(offered)
        if option and keypad:
            return Reply(keys=option.key)
        return Reply(speech="no") if speech else None

    def _is_misspoken(self, prompt: str) -> bool:
        """Whether the application reads back what was no answer."""
        return bool(self.misspoken) and plain(self.misspoken)[:_RECOGNISED] in plain(prompt)

    def _is_another_time_proposed(self, heard: str) -> bool:
        """Whether yes would book another time than the wanted one, which could not be found again."""
        times, days = named.times_are(heard, self.facts.start), named.days_are(heard, self.facts.start)
        if wordings.OTHER_TIME.search(heard):
            return not (times or days) or not all(times + days)
        lengths = tuple(length == self.facts.duration_min for length in named.minutes(heard))
        only_others = any(values and not any(values) for values in (times, days, lengths))
        return bool(only_others and wordings.PROPOSAL.search(questions.sentences(heard)[-1]))

    def _on_keys(self, kinds: tuple[Kind, ...], heard: str, most: int | None) -> Reply | None:
        if len(kinds) != 1 or kinds[0] not in _ON_KEYS:
            return None
        facts, keys = self.facts, ""
        if kinds[0] is Kind.PHONE:
            keys = spoken.number_keys(facts.number, most)
        elif kinds[0] is Kind.DURATION:
            keys = str(facts.duration_min)
        elif kinds[0] is Kind.TIME and wordings.CLOCK_OF_24.search(heard):
            keys = f"{facts.start:%H%M}"
        elif kinds[0] is Kind.DAY and (order := _DATE_ORDER.search(heard)):
            month_first = (order[1] or order[2] or order[3]) in ("month", "mm")
            keys = f"{facts.start:%m%d}" if month_first else f"{facts.start:%d%m}"
            keys += f"{facts.start:%Y}" if most == _KEYS_OF_FULL_DATE or "year" in heard else ""
        return Reply(keys=keys) if keys and (most is None or len(keys) <= most) else None

    def _in_words(self, kinds: tuple[Kind, ...], heard: str, *, declining: bool) -> Reply | None:
        said = [self._say(kind, heard, declining=declining) for kind in kinds]
        return Reply(speech=", ".join(filter(None, said))) if all(said) else None

    def _say(self, kind: Kind, heard: str, *, declining: bool) -> str | None:
        facts, start = self.facts, self.facts.start
        if kind is Kind.TIME and _TELL_THE_DAY.isdisjoint(self._told) and spoken.day(start).lower() not in heard:
            # An application that has not heard the day yet would take the time for today's.
            return spoken.day_and_time(start)
        if kind in (Kind.AGREE, Kind.SAY_CONFIRM, Kind.READ_BACK) and declining:
            return "no"
        if kind is Kind.READ_BACK:
            return "yes" if self._is_mine(heard) else None
        return {
            Kind.NAME: facts.name,
            Kind.FIRST_NAME: spoken.part_of_name(facts.name, "first"),
            Kind.LAST_NAME: spoken.part_of_name(facts.name, "last"),
            Kind.SPELLING: spoken.spelled(spoken.part_of_name(facts.name, _part_to_spell(heard))),
            Kind.PHONE: spoken.number(facts.number),
            Kind.DAY: spoken.day(start),
            Kind.WEEKDAY: spoken.DAYS[start.weekday()],
            Kind.TIME: spoken.time_of_day(start),
            Kind.DAY_AND_TIME: spoken.day_and_time(start),
            Kind.PART_OF_DAY: spoken.part_of_day(start),
            Kind.AM_OR_PM: spoken.half(start),
            Kind.DURATION: spoken.duration(facts.duration_min),
            Kind.PURPOSE: "I would like to book an appointment",
            Kind.AGREE: "yes",
            Kind.DISAGREE: "no",
            Kind.SAY_CONFIRM: "confirm",
        }.get(kind)

    def _is_mine(self, heard: str) -> bool:
        facts = self.facts
        return (
            facts.name.lower() in heard
            or facts.number[-10:] in re.sub(r"\D", "", heard)
            or spoken.MONTHS[facts.start.month - 1].lower() in heard
            or bool(named.all_are(heard, facts.start, facts.duration_min))
        )


def _part_to_spell(heard: str) -> str:
    if wordings.LAST_NAME.search(heard):
        return "last"
    return "first" if wordings.FIRST_NAME.search(heard) else "both"
