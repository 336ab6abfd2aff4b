"""Call scripts: what a caller answers to the prompts of one particular application.

A script stands in front of the built-in understanding. `script_file.py` reads it from TOML.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from prodtest_assets.caller.figures import DAY_NAMES, MONTH_NAMES
from prodtest_assets.caller.persona import WORKDAYS_AHEAD
from prodtest_assets.caller.questions import Kind, sentences
from prodtest_assets.caller.twiml import Method

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "name": Kind.NAME,
        "first_name": Kind.FIRST_NAME,
        "last_name": Kind.LAST_NAME,
        "spelling": Kind.SPELLING,
        "phone": Kind.PHONE,
        "day": Kind.DAY,
        "weekday": Kind.WEEKDAY,
        "time": Kind.TIME,
        "day_and_time": Kind.DAY_AND_TIME,
        "part_of_day": Kind.PART_OF_DAY,
        "am_or_pm": Kind.AM_OR_PM,
        "duration": Kind.DURATION,
        "purpose": Kind.PURPOSE,
        "yes": Kind.AGREE,
        "no": Kind.DISAGREE,
    }
)
"""What `answer = "..."` may name: the kinds of question the built-in understanding answers."""

_LONGEST_SUGGESTION = 60
_PUNCTUATION = " .,;:!?\"'\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
_OF_ONE_CALL = re.compile(rf"\b(?:\d[\d:.,/-]*(?:st|nd|rd|th)?(?:\s?[ap]\.?m\b)?|{DAY_NAMES}|{MONTH_NAMES})\b")
_GAPS = re.compile(r"\W*\.\.(?:\W*\.\.)*\W*")


@dataclass(frozen=True, slots=True)
class Rule:
    """One answer. Exactly one of the last five attributes says what the caller does.

    Attributes:
        when: the words of the prompt, as written in the script.
        pattern: finds them in a prompt as `plain` gives it.
        say: spoken words, with `{name}` and the like.
        press: keys, with `{digits}` and the like.
        kind: the prompt is to be taken for this question.
        silent: the caller says nothing.
        hangs_up: the caller ends the call.
    """

    when: str
    pattern: re.Pattern[str]
    say: str = ""
    press: str = ""
    kind: Kind | None = None
    silent: bool = False
    hangs_up: bool = False

    def fits(self, prompt: str, *, speech: bool, keypad: bool) -> bool:
        """Whether this is what to do after a prompt.

        Args:
            prompt: what was heard, as `plain` gives it.
            speech: words are taken.
            keypad: keys are taken.
        """
        is_possible = speech if self.say else keypad if self.press else True
        return is_possible and self.pattern.search(prompt) is not None


@dataclass(frozen=True, slots=True)
class CallerWishes:
    """What a script says about the caller; None leaves it to others.

    Attributes:
        persona: the name of a preset.
        name, number: as in `Persona`.
        duration_min: minutes.
        use_keypad: as in `Persona`.
        confidence: as in `Persona`, 0 to 1.
        workdays_ahead: how many workdays ahead an appointment may be.
    """

    persona: str | None = None
    name: str | None = None
    number: str | None = None
    duration_min: int | None = None
    use_keypad: bool | None = None
    confidence: float | None = None
    workdays_ahead: int | None = None

    @property
    def workdays(self) -> int:
        """How many workdays ahead appointments are wanted."""
        return self.workdays_ahead or WORKDAYS_AHEAD


@dataclass(frozen=True, slots=True)
class TargetWishes:
    """What a script says about the deployment, as the provider's account would be configured.

    Attributes:
        other_hosts, fallback_url, status_callback_path, voice_method: as in `Target`.
    """

    other_hosts: tuple[str, ...] = ()
    fallback_url: str | None = None
    status_callback_path: str | None = None
    voice_method: Method = "POST"


@dataclass(frozen=True, slots=True)
class CallScript:
    """A caller's script: the first rule that fits a prompt decides."""

    rules: tuple[Rule, ...] = ()
    caller: CallerWishes = CallerWishes()
    target: TargetWishes = TargetWishes()

    def rule_for(self, prompt: str, *, speech: bool, keypad: bool) -> Rule | None:
        """The first rule that fits; None leaves the prompt to the built-in understanding.

        Args:
            prompt: everything heard since the caller last answered.
            speech, keypad: what the application takes.
        """
        if not self.rules:
            return None
        heard = plain(prompt)
        return next((rule for rule in self.rules if rule.fits(heard, speech=speech, keypad=keypad)), None)


NO_SCRIPT = CallScript()


def plain(text: str) -> str:
    """A prompt as rules see it: lower case, single spaces, straight apostrophes."""
    return " ".join(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())


def compile_words(when: str) -> re.Pattern[str]:
    """Compile the words of a rule.

    Args:
        when: words that stand in the prompt one after the other, as whole words; `..` stands for anything
            between two of them, and `/.../` encloses a regular expression.

    Raises:
        ValueError: there is no word in it, or it is not a regular expression.
    """
    if len(when) > 2 and when.startswith("/") and when.endswith("/"):
        try:
            return re.compile(when[1:-1], re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
    parts = [part.strip() for part in plain(when).split("..")]
    if not any(re.search(r"\w", part) for part in parts):
        raise ValueError("has no word to look for in a prompt")
    return re.compile(".*".join(rf"(?<!\w){re.escape(part)}(?!\w)" for part in parts if part))


def suggestion(prompt: str, *, speech: bool, name: str = "") -> str:
    """The line of a script's `[answers]` that would handle a prompt, also when somebody else hears it on another day.

    Args:
        prompt: what the caller could not answer.
        speech: words are taken; otherwise keys.
        name: the caller's name, which the next caller does not bear.
    """
    heard = plain(prompt)
    shapes = (_lasting(text, name) for text in (*sentences(prompt)[-1:], heard))
    words = next((shape for shape in shapes if _finds(shape, heard)), heard.strip(_PUNCTUATION))
    answer = '"..."' if speech else '{ press = "..." }'
    return f"{json.dumps(words, ensure_ascii=False)} = {answer}"


def _lasting(text: str, name: str) -> str:
    """The beginning of a sentence, with `..` for names, days and numbers."""
    for word in name.lower().split():
        text = re.sub(rf"\b{re.escape(word)}\b", "..", text)
    text = _GAPS.sub(" .. ", _OF_ONE_CALL.sub("..", text)).strip(_PUNCTUATION)
    if len(text) > _LONGEST_SUGGESTION:
        text = text[:_LONGEST_SUGGESTION].rsplit(" ", 1)[0].strip(_PUNCTUATION)
    return text


def _finds(words: str, heard: str) -> bool:
    return re.search(r"\w", words) is not None and compile_words(words).search(heard) is not None
