"""Where messages go: whatever Apprise can reach (https://github.com/caronc/apprise), or a file.

A channel's URL holds its secrets. It is shown to nobody: a channel is named by its kind and a digest of its URL, and
what Apprise and its libraries log while they send, payloads and addresses, is dropped.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from prodtest_assets.alerts.message import Text, shortened
from prodtest_assets.errors import ConfigurationError

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
# A mail server looks a sender up before it answers, and Apprise knows one limit for all of the conversation.
_MAIL_SECONDS = 30.0
# What Apprise adds to a body: its title, in some services, and marks around it.
_ADDED = 50
_TYPES = {"failing": "failure", "reminder": "warning", "recovered": "success"}
_TALKATIVE = ("apprise", "requests", "urllib3", "urllib3.connectionpool", "urllib3.util.retry")
_is_sending: ContextVar[bool] = ContextVar("is_sending", default=False)


class Channel(Protocol):
    """Somewhere that takes messages. `name` tells it from others and gives nothing away."""

    @property
    def name(self) -> str: ...

    def send(self, text: Text) -> str | None:
        """Hand a message over.

        Returns:
            None when it was taken, else what went wrong, without any secret.
        """


def channels(urls: Iterable[str]) -> tuple[Channel, ...]:
    """The channels that the URLs of PRODTEST_ALERT_URLS lead to, in their order.

    Raises:
        ConfigurationError: one of them leads nowhere; the message says which, and does not repeat it.
    """
    distinct = dict.fromkeys(urls)
    return tuple(_channel(url, place) for place, url in enumerate(distinct, 1))


def _channel(url: str, place: int) -> Channel:
    name = f"{url.partition(':')[0].lower()[:20]}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"
    if url.lower().startswith("file://"):
        path = Path(unquote(urlsplit(url).path))
        if not path.name:
            raise ConfigurationError(f"PRODTEST_ALERT_URLS: file URL {place} names no file")
        return FileChannel(name, path)
    return AppriseChannel(name, url, place)


@dataclass(frozen=True, slots=True)
class FileChannel:
    """One JSON document a line, appended to a file."""

    name: str
    path: Path

    def send(self, text: Text) -> str | None:
        """Append the message. A line is written at once, so that none is ever half there."""
        line = json.dumps({"type": _TYPES[text.kind], "title": text.title, "message": text.body}) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            return f"the file could not be written: {error.strerror}"
        return None


@dataclass(slots=True)
class AppriseChannel:
    """A service that Apprise knows. Apprise is imported when the first message is sent, since that takes a while."""

    name: str
    url: str = field(repr=False)
    place: int

    def send(self, text: Text) -> str | None:
        """Hand the message over, and wait for the service's answer."""
        import apprise

        with _unheard():
            service = apprise.Apprise.instantiate(self.url)
            if service is None:
                return f"URL {self.place} of PRODTEST_ALERT_URLS is none that Apprise knows"
            # A service that answers late has taken the message: too short a wait would make it arrive twice.
            is_mail = self.url.lower().startswith("mailto")
            service.socket_connect_timeout = _MAIL_SECONDS if is_mail else _CONNECT_SECONDS
            service.socket_read_timeout = _ANSWER_SECONDS
            # In parts rather than not at all, where escaping or a pager's few letters make it too long once more.
            service.overflow_mode = apprise.OverflowMode.SPLIT
            try:
                taken = service.notify(
                    body=shortened(text.body, service.body_maxlen - len(text.title) - _ADDED),
                    title=text.title,
                    notify_type=_TYPES[text.kind],
                    body_format=apprise.NotifyFormat.TEXT,
                )
            except Exception as error:
                # Some of a hundred services may raise anything; its message may hold the address.
                return f"{self.name} failed: {type(error).__name__}"
        return None if taken else f"{self.name} did not take the message"


class _Unheard(logging.Filter):
    """Lets nothing through while a message is being sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _is_sending.get()


_FILTER = _Unheard()


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_FILTER)
    token = _is_sending.set(True)
    try:
        yield
    finally:
        _is_sending.reset(token)
