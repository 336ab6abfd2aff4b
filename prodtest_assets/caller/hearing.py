"""What a caller has heard: since they last answered, and since the last turn was noted."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from prodtest_assets.caller.twiml import Play, Say


class Hearing:
    """The ear of one caller.

    A recording cannot be understood. A call script may know it by its file's name, which is therefore heard by
    rules, and by nobody else.
    """

    def __init__(self) -> None:
        self._since_answer: list[tuple[str, bool]] = []
        self._since_turn: list[str] = []

    def hear(self, verb: Say | Play) -> None:
        """Take in what is said or played; a text without an end gets one, so that sentences stay apart."""
        is_words = isinstance(verb, Say)
        text = verb.text if isinstance(verb, Say) else name_of(verb.url)
        if text:
            self._since_answer.append((text if text[-1] in ".!?" else f"{text}.", is_words))
        if not is_words or text:
            self._since_turn.append(text if isinstance(verb, Say) else f"(plays {verb.url})")

    @property
    def prompt(self) -> str:
        """Everything since the caller last answered, recordings by their names."""
        return " ".join(text for text, _ in self._since_answer)

    @property
    def words(self) -> str:
        """Everything that was said since the caller last answered, without recordings."""
        return " ".join(text for text, is_words in self._since_answer if is_words)

    @property
    def turn(self) -> str:
        """What was said and played since the last turn, as transcripts show it."""
        return " ".join(self._since_turn)

    def turn_noted(self) -> None:
        """Begin a new turn."""
        self._since_turn.clear()

    def answered(self) -> None:
        """Forget what the caller has answered."""
        self._since_answer.clear()


def name_of(url: str) -> str:
    """The name of a recording's file, without folder and ending: `ask-name` of `/prompts/ask-name.mp3?v=2`."""
    return PurePosixPath(unquote(urlsplit(url).path)).stem
