"""TwiML, from bytes to a small tree of verbs.

Only what a caller can notice is kept. Names are case-sensitive, and an unknown verb is passed over with a warning,
as the provider has it: https://www.twilio.com/docs/api/errors/12200
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from prodtest_assets.caller.faults import BadTwiml
from prodtest_assets.caller.twiml_warnings import warnings_about

MAX_BYTES = 64 * 1024
"""The provider refuses longer answers. https://www.twilio.com/docs/api/errors/11750"""
MAX_DEPTH = 12
"""`Response`, `Gather`, `Say` and the speech markup inside; nothing legitimate nests deeper."""

_MOST_WARNINGS = 20

Method = Literal["GET", "POST"]

_PASSED_OVER = frozenset({"Start", "Stop", "Sms", "Message"})
_PAUSING = frozenset({"break", "p", "s"})
"""Speech markup that keeps words and sentences apart."""
_NOT_FOLLOWED = frozenset(
    {"Connect", "Enqueue", "Leave", "Pay", "Prompt", "Queue", "Refer", "Conference", "Echo", "Assistant"}
)


@dataclass(frozen=True, slots=True)
class Say:
    """Words the caller hears."""

    text: str


@dataclass(frozen=True, slots=True)
class Play:
    """A recording or tones the caller hears."""

    url: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence of so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gather:
    """A question. https://www.twilio.com/docs/voice/twiml/gather

    Attributes:
        speech, keypad: what is taken; the keypad alone when the document does not say.
        action: where the answer goes; empty means the address that served the document.
        method: how it goes there.
        timeout: seconds of silence before the next verb; None means the provider decides.
        speech_timeout: seconds of silence that end what is said; None means the provider decides.
        num_digits: the keypad is closed after so many keys.
        finish_on_key: the key that closes it; empty for none.
        action_on_empty: silence goes to `action` too, instead of to the next verb.
        nested: what the caller hears meanwhile.
        partial: told of the first words of an answer while it is spoken; empty for nobody.
        partial_method: how.
    """

    speech: bool
    keypad: bool
    action: str
    method: Method
    timeout: float | None
    speech_timeout: float | None
    num_digits: int | None
    finish_on_key: str
    action_on_empty: bool
    nested: tuple[Say | Play | Pause, ...]
    partial: str = ""
    partial_method: Method = "POST"


@dataclass(frozen=True, slots=True)
class Redirect:
    """The call goes on with another document; an empty `url` is the address that served this one."""

    url: str
    method: Method


@dataclass(frozen=True, slots=True)
class Hangup:
    """The application ends the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """The application does not take the call."""

    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """The application wants a recording."""


@dataclass(frozen=True, slots=True)
class Dial:
    """The application connects the caller to someone else; without `action` the next verb follows."""

    to: str
    action: str | None
    method: Method


@dataclass(frozen=True, slots=True)
class NotFollowed:
    """A verb of the provider that hands the call to something no simulated caller can follow."""

    name: str


Verb = Say | Play | Pause | Gather | Redirect | Hangup | Reject | Record | Dial | NotFollowed


@dataclass(frozen=True, slots=True)
class Document:
    """A TwiML document.

    Attributes:
        verbs: in order, without those that change nothing for the caller.
        warnings: what the provider would warn of, one line each.
    """

    verbs: tuple[Verb, ...]
    warnings: tuple[str, ...] = ()


def parse(body: bytes) -> Document:
    """Read a TwiML document.

    Entities and document types are refused, as are more than `MAX_BYTES` and `MAX_DEPTH`.

    Args:
        body: the document as it came over the wire.

    Raises:
        BadTwiml: it is no TwiML document; the message says why, without quoting it.
    """
    if len(body) > MAX_BYTES:
        raise BadTwiml(f"it is longer than {MAX_BYTES // 1024} KiB", 11750)
    root = _read_tree(body)
    if root.tag != "Response":
        raise BadTwiml(f"its root is <{_shortened(root.tag)}>, not <Response>", 12100)
    verbs = tuple(verb for element in root if (verb := _verb(element)) is not None)
    known = _READERS.keys() | _PASSED_OVER | _NOT_FOLLOWED
    return Document(verbs, tuple(islice(warnings_about(root, known), _MOST_WARNINGS)))


def _read_tree(body: bytes) -> Element:
    root: Element | None = None
    depth = 0
    try:
        for event, element in iterparse(io.BytesIO(body), events=("start", "end"), forbid_dtd=True):
            root = element if root is None else root
            depth += 1 if event == "start" else -1
            if depth > MAX_DEPTH:
                raise BadTwiml(f"it nests deeper than {MAX_DEPTH} elements", 12100)
    except DefusedXmlException as error:
        raise BadTwiml("it has a DOCTYPE or entities, which are not read", 12100) from error
    except (ParseError, LookupError, ValueError) as error:
        raise BadTwiml("it is not well-formed XML", 12100) from error
    if root is None:
        raise BadTwiml("it is empty", 12100)
    return root


def _verb(element: Element) -> Verb | None:
    read = _READERS.get(element.tag)
    if read is not None:
        return read(element)
    if element.tag in _NOT_FOLLOWED:
        return NotFollowed(element.tag)
    return None


def _gather(element: Element) -> Gather:
    taken = set(element.get("input", "dtmf").replace(",", " ").split()) & {"dtmf", "speech"} or {"dtmf"}
    timeout = element.get("timeout", "5")
    return Gather(
        speech="speech" in taken,
        keypad="dtmf" in taken,
        action=element.get("action", "").strip(),
        method=_method(element.attrib),
        timeout=None if timeout == "auto" else _number(timeout, 5),
        speech_timeout=_number(element.get("speechTimeout", ""), 0) or None,
        num_digits=int(_number(element.get("numDigits", ""), 0)) or None,
        finish_on_key=element.get("finishOnKey", "#"),
        action_on_empty=element.get("actionOnEmptyResult", "false").lower() == "true",
        nested=tuple(verb for child in element if isinstance(verb := _nested(child), Say | Play | Pause)),
        partial=element.get("partialResultCallback", "").strip(),
        partial_method=_method(element.attrib, "partialResultCallbackMethod"),
    )


def _nested(element: Element) -> Verb | None:
    read = _READERS.get(element.tag)
    return read(element) if read is not None else None


def _method(attributes: Mapping[str, str], name: str = "method") -> Method:
    return "GET" if attributes.get(name, "POST").strip().upper() == "GET" else "POST"


def _number(text: str, default: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return default
    return number if 0 <= number <= 3600 else default


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _spoken(element: Element) -> str:
    """What is heard of speech markup. https://www.twilio.com/docs/voice/twiml/say/text-speech#ssml"""
    inside = "".join(f"{_spoken(child)}{child.tail or ''}" for child in element)
    said = element.get("alias", "") if element.tag == "sub" else f"{element.text or ''}{inside}"
    return f" {said} " if element.tag in _PAUSING else said


def _shortened(tag: str) -> str:
    return tag if len(tag) <= 40 else tag[:40] + "..."


_READERS: dict[str, Callable[[Element], Verb]] = {
    "Say": lambda element: Say(" ".join(_spoken(element).split())),
    "Play": lambda element: Play(_text(element)),
    "Pause": lambda element: Pause(_number(element.get("length", "1"), 1)),
    "Gather": _gather,
    "Redirect": lambda element: Redirect(_text(element), _method(element.attrib)),
    "Hangup": lambda _: Hangup(),
    "Reject": lambda element: Reject(element.get("reason", "rejected")),
    "Record": lambda _: Record(),
    "Dial": lambda element: Dial(_text(element), element.get("action"), _method(element.attrib)),
}
