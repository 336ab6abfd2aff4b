"""What a caller who wants to book answers to what they hear.

A question is answered with the kind of answer it asks for, or not at all.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from prodtest_assets.caller import keyed, menu, named, questions, spoken, wordings, wordings_menu, wordings_told
from prodtest_assets.caller.figures import in_figures
from prodtest_assets.caller.questions import Kind
from prodtest_assets.caller.script import NO_SCRIPT, CallScript, Rule, plain
from prodtest_assets.caller.spoken import Facts

_TELL_THE_DAY = frozenset({Kind.DAY, Kind.WEEKDAY, Kind.DAY_AND_TIME, Kind.OFFER})
_TIMES = _TELL_THE_DAY | {Kind.MONTH, Kind.YEAR, Kind.TIME, Kind.MINUTE, Kind.PART_OF_DAY, Kind.AM_OR_PM}
_AGREEING = frozenset({Kind.AGREE, Kind.SAY_CONFIRM, Kind.READ_BACK})
_ANSWERED_IN_FULL = keyed.KINDS | _TELL_THE_DAY | {Kind.NAME, Kind.FIRST_NAME, Kind.LAST_NAME, Kind.SPELLING}
"""What a key of a menu cannot tell, unless it stands for a day, a time or a length."""
_RECOGNISED = 24


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
    _scripted: str = ""
    _keyed: str = ""

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
            said = spoken.filled(rule.say, self.facts)
            self._scripted += f" {said.lower()}," if said else ""
            self._keyed = spoken.filled(rule.press, self.facts)
            return Reply(said, self._keyed)
        if rule.kind is None:
            return Reply(hangs_up=rule.hangs_up)
        heard = " ".join(questions.sentences(prompt))
        return self._answer((rule.kind,), heard, speech=speech, keypad=keypad, most=num_digits, declining=False)

    def _by_understanding(self, prompt: str, *, speech: bool, keypad: bool, num_digits: int | None) -> Reply | None:
        heard = " ".join(questions.sentences(prompt))
        offered, outside = menu.options(heard), menu.without_menu(heard)
        if self._thinks_again(offered, outside):
            return self._second_thoughts(offered, speech=speech, keypad=keypad)
        kinds = questions.asked(outside)
        refused = named.refuses(outside, self.facts)
        declining = refused or self._is_misspoken(prompt) or self._is_another_wish(outside)
        declining = (
            declining or named.greets_another(prompt, self.facts, self._scripted) or questions.is_unwanted(outside)
        )
        option = self._option(offered, outside, kinds, declining=declining)
        if option and keypad and not self._is_beside_the_question(option, kinds, speech=speech):
            return Reply(keys=option.key)
        if option and speech and menu.may_be_said(heard):
            return Reply(speech=menu.word(option.key))
        if not speech and menu.is_a_question(offered) and not option:
            return None
        if kinds == (Kind.AGAIN,):
            kinds = self._last
        if keypad and not kinds and wordings_menu.ANY_KEY.search(heard):
            return None if declining else Reply(keys="1")
        if not kinds or (refused and not _TIMES.isdisjoint(kinds)):
            return None
        return self._answer(kinds, outside, speech=speech, keypad=keypad, most=num_digits, declining=declining)

    def _option(
        self, offered: tuple[menu.Option, ...], outside: str, kinds: tuple[Kind, ...], *, declining: bool
    ) -> menu.Option | None:
        """The key to press, in the light of what is said beside the menu."""
        if menu.is_yes_or_no(offered) and self._is_unclear(outside, kinds) and not declining:
            return None
        declining = declining or kinds == (Kind.DISAGREE,)
        option = menu.choose(offered, self.facts, declining=declining, ending=bool(wordings_told.OVER.search(outside)))
        if option is None and kinds == (Kind.DISAGREE,):
            option = menu.choose(offered, self.facts, declining=False, ending=False)
        return option

    def _is_unclear(self, outside: str, kinds: tuple[Kind, ...]) -> bool:
        """Whether the keys say yes or no to something that a caller with a booking in mind never told."""
        if kinds == (Kind.READ_BACK,) or (outside and not kinds and not wordings.BOOKING.search(outside)):
            return not self._is_mine(outside)
        return kinds == (Kind.NOT_OURS,)

    def _is_beside_the_question(self, option: menu.Option, kinds: tuple[Kind, ...], *, speech: bool) -> bool:
        """Whether the key gives no answer to what is asked: "say your name, or press 1 to continue"."""
        if named.all_are(option.label, self.facts) is not None:
            return False
        return not _ANSWERED_IN_FULL.isdisjoint(kinds) if speech else option.key in "*#" and bool(kinds)

    def _answer(
        self, kinds: tuple[Kind, ...], heard: str, *, speech: bool, keypad: bool, most: int | None, declining: bool
    ) -> Reply | None:
        by_key = keypad and len(kinds) == 1 and (self.prefers_keys or not speech)
        again = kinds == self._last
        keys = keyed.keys(kinds[0], heard, self.facts, most, again=again) if by_key else None
        answer = Reply(keys=keys) if keys else None
        self._keyed = keys or ""
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

    def _is_another_wish(self, heard: str) -> bool:
        """Whether yes would agree to something else than is wanted; a booking at another time could not be found."""
        if not wordings_told.OTHER_TIME.search(wordings_told.NOT_MEANT.sub("", heard)):
            return named.contradicts(heard, self.facts, scripted=self._scripted)
        found = named.mentions(heard, self.facts)
        names_any = found.weekdays or found.dates or found.times
        return not names_any or named.contradicts(heard, self.facts, strictly=True, scripted=self._scripted)

    def _in_words(self, kinds: tuple[Kind, ...], heard: str, *, declining: bool) -> Reply | None:
        said = [self._say(kind, heard, declining=declining) for kind in kinds]
        return Reply(speech=", ".join(filter(None, said))) if all(said) else None

    def _say(self, kind: Kind | None, heard: str, *, declining: bool) -> str | None:
        facts, start = self.facts, self.facts.start
        if kind is Kind.OFFER:
            kind = self._offered(heard)
        if kind is Kind.TIME and _TELL_THE_DAY.isdisjoint(self._told) and spoken.day(start).lower() not in heard:
            # An application that has not heard the day yet would take the time for today's.
            return spoken.day_and_time(start)
        if kind in (Kind.AGREE, Kind.SAY_CONFIRM, Kind.READ_BACK) and declining:
            return "no"
        if kind is Kind.READ_BACK or (kind is Kind.AGREE and questions.reads_back(heard)):
            return "yes" if self._is_mine(heard) else None
        return {
            None: None,
            Kind.NAME: facts.name,
            Kind.FIRST_NAME: spoken.part_of_name(facts.name, "first"),
            Kind.LAST_NAME: spoken.part_of_name(facts.name, "last"),
            Kind.SPELLING: spoken.spelled(spoken.part_of_name(facts.name, _part_to_spell(heard))),
            Kind.PHONE: spoken.number(facts.number, only_end=bool(wordings.LAST_FOUR.search(heard))),
            Kind.DAY: spoken.day(start),
            Kind.WEEKDAY: spoken.DAYS[start.weekday()],
            Kind.MONTH: spoken.MONTHS[start.month - 1],
            Kind.YEAR: f"{start.year}",
            Kind.MINUTE: f"{start.minute}",
            Kind.TIME: spoken.time_of_day(start),
            Kind.DAY_AND_TIME: spoken.day_and_time(start),
            Kind.PART_OF_DAY: spoken.part_of_day(start),
            Kind.AM_OR_PM: spoken.half(start),
            Kind.DURATION: spoken.duration(facts.duration_min),
            Kind.NEW_OR_KNOWN: "new",
            Kind.PURPOSE: "I would like to book an appointment",
            Kind.AGREE: "yes",
            Kind.DISAGREE: "no",
            Kind.SAY_CONFIRM: "confirm",
        }.get(kind)

    def _offered(self, heard: str) -> Kind | None:
        """Which kind of thing is to be chosen; None when the wanted one is not among those named."""
        found = named.mentions(heard, self.facts)
        days = found.weekdays + found.dates
        if len(found.times) > 1:
            return Kind.TIME if any(found.times) and (any(days) or not days) else None
        return Kind.DAY if any(days) else None

    def _is_mine(self, heard: str) -> bool:
        """Whether the question reads back what the caller told, and nothing else."""
        question = questions.sentences(heard)[-1]
        if not wordings.REFERS_BACK.search(question):
            heard = question
        facts = self.facts
        if named.contradicts(heard, facts, scripted=self._scripted):
            return False
        own = {*facts.name.lower().split(), spoken.MONTHS[facts.start.month - 1].lower()} - {"may", "will"}
        keyed_in = re.sub(r"\D", "", self._keyed)
        scripted = [answer.strip() for answer in self._scripted.split(",")][:-1]
        found = named.mentions(heard, facts).by_kind()
        return (
            not own.isdisjoint(re.findall(r"[\w'-]+", heard))
            or any(re.search(rf"\b{re.escape(answer)}\b", heard) for answer in scripted)
            or (len(keyed_in) > 1 and keyed_in in re.sub(r"\D", "", in_figures(heard)))
            or any(map(bool if scripted else any, found))
        )


def _part_to_spell(heard: str) -> str:
    if wordings.LAST_NAME.search(heard):
        return "last"
    return "first" if wordings.FIRST_NAME.search(heard) else "both"
