"""Servers that break every rule of HTTP: each call ends as one reported failure, in its time and memory."""

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prodtest_assets.caller import Call, Ended, Persona, Target, place_call
from prodtest_assets.caller.twiml import MAX_BYTES

from .conftest import ListLedger

PERSONA = Persona("quick", datetime(2026, 11, 23, 14, tzinfo=UTC))
TWIML = b"<Response><Say>Hello</Say></Response>"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
FLOOD = 1024 * 1024 * 1024


class RudeServer:
    """Reads a request and sends whatever it was told to.

    Attributes:
        answer: the bytes of an answer, or a function that writes to the connection as long as that takes it.
    """

    def __init__(self) -> None:
        self.answer: bytes | Callable[[socket.socket], None] = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    self._read_request(connection)
                    if callable(self.answer):
                        self.answer(connection)
                    else:
                        connection.sendall(self.answer)
                except OSError:
                    pass

    def _read_request(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            if not (chunk := connection.recv(65_536)):
                return
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65_536)


@pytest.fixture(scope="module")
def server() -> Iterator[RudeServer]:
    server = RudeServer()
    yield server
    server.close()


def call_to(server: RudeServer, *, timeout: float = 2) -> Call:
    began = time.monotonic()
    ledger = ListLedger()
    call = place_call(PERSONA, Target(server.url, "/voice", timeout=timeout), ledger, longest=10)
    assert time.monotonic() - began < 12
    assert "\n" not in (call.problem or "")
    assert ledger.closed.keys() == {call.call_sid}
    return call


def endless(begin: bytes, chunk: bytes) -> Callable[[socket.socket], None]:
    """An answer of up to 1 GB."""

    def send(connection: socket.socket) -> None:
        connection.sendall(begin)
        for _ in range(FLOOD // len(chunk)):
            connection.sendall(chunk)

    return send


BAD: dict[str, tuple[bytes | Callable[[socket.socket], None], str]] = {
    "says nothing and closes": (b"", "broke off the connection"),
    "is not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "broke off the connection"),
    "has no reason and no header": (b"HTTP/1.1 200\r\n\r\n", "without Content-Type"),
    "promises more than it sends": (OK + b"Content-Length: 999\r\n\r\n" + TWIML, "broke off the connection"),
    "has two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n" + TWIML, "broke off the connection"),
    "has a negative length": (OK + b"Content-Length: -1\r\n\r\n" + TWIML, "broke off the connection"),
    "has broken chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", "broke off the connection"),
    "is packed": (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(TWIML), "answered packed as gzip"),
    "is a packed gigabyte": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"a" * 50_000_000),
        "answered packed as gzip",
    ),
    "redirects without an address": (b"HTTP/1.1 302 Found\r\n\r\n", "more than 10 HTTP redirects"),
    "redirects in circles": (b"HTTP/1.1 307 x\r\nLocation: /voice\r\n\r\n", "more than 10 HTTP redirects"),
    "redirects to a file": (b"HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\n\r\n", "provider error 11100"),
    "redirects into the metadata service": (
        b"HTTP/1.1 302 x\r\nLocation: http://169.254.169.254/latest\r\n\r\n",
        "sends the call to another host",
    ),
    "redirects to an address that is none": (b"HTTP/1.1 302 x\r\nLocation: http://[\r\n\r\n", "provider error 11100"),
    "has a header without end": (endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a" * 65_536), "broke off the connection"),
    "has headers without number": (endless(b"HTTP/1.1 200 OK\r\n", b"X-Many: a\r\n" * 500), "broke off the connection"),
    "has a body of a gigabyte": (endless(OK + b"\r\n", b"x" * 65_536), "answered more than 64 KiB"),
    "has a promised gigabyte": (
        endless(OK + b"Content-Length: 1073741824\r\n\r\n", b"x" * 65_536),
        "answered more than 64 KiB",
    ),
    "is in a charset that is none": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=klingon\r\n\r\n<Response><Say>\xff</Say></Response>",
        "not well-formed XML",
    ),
    "is of an absurd status": (b"HTTP/1.1 999 Huh\r\n\r\n", "answered 999 Huh"),
    "switches protocols": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "broke off the connection"),
}


@pytest.mark.parametrize(("answer", "problem"), BAD.values(), ids=BAD)
def test_a_server_that_breaks_the_rules_is_one_failure_in_little_memory(
    server: RudeServer, answer: bytes | Callable[[socket.socket], None], problem: str
) -> None:
    server.answer = answer
    tracemalloc.start()
    try:
        call = call_to(server)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert call.ended is Ended.failed
    assert problem in (call.problem or "")
    assert most < 200 * MAX_BYTES


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answer=st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=200).map(lambda body: OK + b"\r\n" + body),
        st.binary(max_size=60).map(lambda header: OK + header + b"\r\n\r\n" + TWIML),
        st.binary(max_size=40).map(lambda place: b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\n\r\n"),
        st.text(max_size=60).map(
            lambda place: OK + b"\r\n<Response><Redirect><![CDATA[" + place.encode() + b"]]></Redirect></Response>"
        ),
    )
)
def test_any_bytes_end_the_call_and_never_raise(server: RudeServer, answer: bytes) -> None:
    server.answer = answer

    call_to(server, timeout=1)
