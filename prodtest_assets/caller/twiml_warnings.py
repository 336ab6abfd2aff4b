"""What the provider warns of in a TwiML document, before it goes on with its defaults.

The numbers are described at `https://www.twilio.com/docs/api/errors/<number>`.
"""

from collections.abc import Callable, Iterator, Set
from xml.etree.ElementTree import Element

_LONGEST_QUOTE = 20


def _is_positive(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_method(text: str) -> bool:
    return text.strip().upper() in ("GET", "POST")


def _is_positive_or_auto(text: str) -> bool:
    return text == "auto" or _is_positive(text)


_ATTRIBUTES: dict[tuple[str, str], tuple[Callable[[str], bool], str, int]] = {
    ("Gather", "method"): (_is_method, "neither GET nor POST", 13312),
    ("Gather", "timeout"): (_is_positive_or_auto, "no positive integer", 13313),
    ("Gather", "numDigits"): (_is_positive, "no positive integer", 13314),
    ("Gather", "speechTimeout"): (_is_positive_or_auto, "neither a positive integer nor auto", 13327),
    ("Redirect", "method"): (_is_method, "neither GET nor POST", 13710),
    ("Pause", "length"): (_is_whole, "no positive integer", 13910),
    ("Dial", "method"): (_is_method, "neither GET nor POST", 13210),
}
_NESTED = frozenset({"Say", "Play", "Pause"})


def warnings_about(root: Element, known: Set[str]) -> Iterator[str]:
    """One line for each warning, in the order of the document.

    Args:
        root: the `Response`.
        known: the verbs there are.
    """
    for verb in root:
        if verb.tag not in known:
            yield f"<{_quoted(verb.tag)}> is not a TwiML verb and is passed over ({_number(12200)})"
        yield from _about(verb)
        if verb.tag == "Gather":
            for child in verb:
                yield from _about(child)
                if child.tag not in _NESTED:
                    yield f"<{_quoted(child.tag)}> may not stand inside <Gather> and is passed over ({_number(13320)})"


def _about(verb: Element) -> Iterator[str]:
    if verb.tag == "Say" and not "".join(verb.itertext()).strip():
        yield f"<Say> has no text ({_number(13520)})"
    for name, value in verb.attrib.items():
        is_right, what, code = _ATTRIBUTES.get((verb.tag, name), (None, "", 0))
        if is_right is not None and not is_right(value):
            yield f'{name}="{_quoted(value)}" of <{verb.tag}> is {what} ({_number(code)})'


def _number(code: int) -> str:
    return f"provider warning {code}"


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."
