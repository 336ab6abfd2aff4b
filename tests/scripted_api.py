"""A server on loopback that answers as a test wants it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Request:
    """What the server was asked."""

    method: str
    path: str
    body: str
    authorization: str | None


Answer = tuple[int, str]
Script = Callable[[Request], Answer]


class ScriptedApi:
    """Answers each request with the status and the body that `script` gives.

    Attributes:
        url: with a slash at its end.
        requests: what was asked so far.
    """

    def __init__(self, script: Script) -> None:
        requests = self.requests = list[Request]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                request = Request(self.command, self.path, body, self.headers.get("Authorization"))
                requests.append(request)
                status, answer = script(request)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(answer.encode())

            do_POST = do_DELETE = do_GET  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> "ScriptedApi":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


Answering = Callable[[Script], ScriptedApi]


@contextmanager
def scripted_api() -> Iterator[Answering]:
    """A function that starts servers, which stop in the end."""
    with ExitStack() as servers:
        yield lambda script: servers.enter_context(ScriptedApi(script))
