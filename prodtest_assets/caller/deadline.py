"""A deadline for a whole HTTP exchange.

A client's read timeout starts anew with every byte, so a server that drips its answer, or only its headers,
holds the line for hours. Here each read gets what is left of the exchange's time.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

_current = threading.local()


@contextmanager
def ends_at(moment: float) -> Iterator[None]:
    """Bound every read and write of this thread that goes through a `bounded` client.

    Args:
        moment: of `time.monotonic()`.
    """
    before = getattr(_current, "moment", None)
    _current.moment = moment
    try:
        yield
    finally:
        _current.moment = before


def bounded(client: httpx.Client) -> httpx.Client:
    """Make a client keep to `ends_at`, its proxies included."""
    transports = [client._transport, *client._mounts.values()]
    for transport in transports:
        if isinstance(transport, httpx.HTTPTransport):
            # httpx has no public way to a network backend. A test with a dripping server watches over this.
            pool: Any = transport._pool
            pool._network_backend = _Backend(pool._network_backend)
    return client


def _left(timeout: float | None, expired: type[Exception]) -> float | None:
    moment = getattr(_current, "moment", None)
    if moment is None:
        return timeout
    left: float = moment - time.monotonic()
    if left <= 0:
        raise expired("the exchange has taken too long")
    return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        timeout = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, timeout, local_address, socket_options))
