"""A proxy before the server, which counts what a client sends and does something at one of these points."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 1 << 16


def _nothing() -> None:
    """What happens at a point unless a test says otherwise."""


@dataclass
class Wire:
    """Everything between a client and the server passes here. A libpq client waits for an answer to each message.

    Attributes:
        url: of the database, through this proxy.
        sent: how many messages the client has sent since `arm`.
    """

    url: str
    server: tuple[str, int]
    sent: int = 0
    _at: int = 0
    _delivers: bool = True
    _cuts: bool = False
    _act: Callable[[], None] = _nothing
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def arm(
        self, at: int = 0, act: Callable[[], None] = _nothing, *, delivers: bool = True, cuts: bool = False
    ) -> None:
        """Count from now on, and act once.

        Args:
            at: the message, from 1, that has arrived here when `act` is called; 0 for none.
            act: what happens then.
            delivers: whether the server gets the message, after `act`.
            cuts: whether the connection ends then.
        """
        self.sent, self._at, self._act, self._delivers, self._cuts = 0, at, act, delivers, cuts

    def serve(self, client: socket.socket) -> None:
        """Carry one connection until either side ends it."""
        with client, socket.create_connection(self.server) as server:
            answers = threading.Thread(target=_carry, args=(server, client), daemon=True)
            answers.start()
            with suppress(OSError):
                while message := client.recv(_CHUNK):
                    if not self._is_delivered(message, server):
                        break
            for side in (server, client):
                with suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
            answers.join()

    def _is_delivered(self, message: bytes, server: socket.socket) -> bool:
        with self._turn:
            self.sent += 1
            is_the_one = self.sent == self._at
        if is_the_one:
            self._act()
        if not is_the_one or self._delivers:
            server.sendall(message)
        return not (is_the_one and self._cuts)


@contextmanager
def wire_to(url: str) -> Iterator[Wire]:
    """A proxy to the database at `url`."""
    parts = urlsplit(url)
    credentials, _, _ = parts.netloc.rpartition("@")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"{credentials}@127.0.0.1:{listener.getsockname()[1]}"
        wire = Wire(urlunsplit(parts._replace(netloc=place)), ("127.0.0.1", parts.port or 5432))
        threading.Thread(target=_accept, args=(listener, wire), daemon=True).start()
        yield wire
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, wire: Wire) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=wire.serve, args=(client,), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while message := source.recv(_CHUNK):
            target.sendall(message)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
