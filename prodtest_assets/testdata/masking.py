"""Nothing leaks: what a caller or an application said, without the names and numbers in it."""

import re
from collections.abc import Iterable

from prodtest_assets.testdata.identity import masked_name, masked_number

_IN_URL = re.compile(r"://[^\s/@]+@")
_NUMBER = re.compile(r"(?<!\w)(?:\+\d{8,15}|(?:\+?1[\s.-]?)?\(?\d{3}\)?[\s.-]?\d{3}[\s.-]?\d{4})(?!\w)")
_SHORTEST_SECRET = 4


def masked(text: str, *, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> str:
    """`text` as it may be shown.

    Args:
        text: an assertion's message, a traceback.
        secrets: texts that must not appear; too short ones are left, they would hit ordinary words.
        names: callers' names, in whatever case they appear.
    """
    for secret in sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _IN_URL.sub("://***@", text)
    # A run has hundreds of callers, and hardly a text names more than one.
    lowered = text.casefold()
    named = {name for name in names if any(word.casefold() in lowered for word in name.split())}
    for name in sorted(named, key=len, reverse=True):
        text = _without_name(text, name)
    return _NUMBER.sub(lambda match: masked_number(re.sub(r"[^\d+]", "", match[0])), text)


def one_line(text: str) -> str:
    """`text` as it may be printed: what moves a cursor, or what PostgreSQL refuses, is a question mark."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))


def _without_name(text: str, name: str) -> str:
    """The whole name wherever it stands, and then each longer word of it, since applications repeat parts."""
    text = re.sub(rf"\b{re.escape(name)}\b", masked_name(name), text, flags=re.IGNORECASE)
    for word in name.split():
        text = re.sub(rf"\b{re.escape(word)}\b", masked_name(word), text, flags=re.IGNORECASE)
    return text
