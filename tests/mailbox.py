"""A real web server and a real mail server on loopback that keep what alerts bring them."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope


class WebReceiver:
    """Takes JSON documents, until it is switched off and once it is on again. Its port stays the same.

    Attributes:
        received: every document, in the order in which they came.
        status: what it answers.
        longest: bytes of a message that it takes; longer ones are refused.
        hold: while it is clear, answers are held back; documents are taken all the same.
    """

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        self.longest = 1_000_000
        self.hold = threading.Event()
        self.hold.set()
        self.arrived = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.switch_on()

    @property
    def url(self) -> str:
        """For PRODTEST_ALERT_URLS."""
        return f"json://127.0.0.1:{self.port}/hook/s3cret-t0ken"

    @property
    def titles(self) -> list[str]:
        return [document["title"] for document in self.received]

    def switch_on(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.status if len(content) <= receiver.longest else 400
                if status == 200:
                    receiver.received.append(json.loads(content))
                receiver.arrived.set()
                receiver.hold.wait(60)
                try:
                    self.send_response(status)
                    self.end_headers()
                except OSError:
                    return

            def log_message(self, format: str, *args: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def switch_off(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def web_receiver() -> Iterator[WebReceiver]:
    """A web server that takes alerts."""
    receiver = WebReceiver()
    try:
        yield receiver
    finally:
        receiver.hold.set()
        receiver.switch_off()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MailReceiver:
    """Keeps every mail.

    Attributes:
        seconds: how long it thinks before it answers.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.mails: list[EmailMessage] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=_free_port())

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(mail, EmailMessage)
        await asyncio.sleep(self.seconds)
        self.mails.append(mail)
        return "250 taken"

    @property
    def url(self) -> str:
        """For PRODTEST_ALERT_URLS; the comma between the two readers belongs to it."""
        return f"mailto://127.0.0.1:{self._controller.port}?from=alerts@example.com&to=first@example.com,second@example.com&mode=insecure"

    def text(self, place: int) -> str:
        """The body of one mail, without its markup."""
        body = self.mails[place].get_body(("plain", "html"))
        return body.get_content() if body else ""


@contextmanager
def mail_receiver() -> Iterator[MailReceiver]:
    """An SMTP server that takes alerts."""
    receiver = MailReceiver()
    controller = receiver._controller
    controller.start()
    try:
        yield receiver
    finally:
        controller.stop()
