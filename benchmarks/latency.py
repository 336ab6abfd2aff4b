"""What a booking costs the application's callers while a large cleanup runs in its database."""

import http.client
import itertools
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from benchmarks.cleanup_process import begin_piece, end_piece, start_cleanup, stop_cleanup
from benchmarks.dataset import make_database
from benchmarks.result import Result
from benchmarks.server import benchmark_server
from prodtest_assets.sandbox.server import running_app

_BOUND = 1.5
_PAIRS = 5
_CALLERS = 2
_PAUSE_SECONDS = 0.03
_MOST_BOOKINGS = 1_000
_REQUEST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class _Window:
    """The seconds each booking of one stretch of time took, in order of length."""

    bookings: list[float]

    def percentile(self, share: float) -> float:
        return self.bookings[min(int(len(self.bookings) * share), len(self.bookings) - 1)]


def measure(quick: bool) -> list[Result]:
    """Book in five alternating pairs of windows, without and with a cleanup of 1,000,000 rows (two when quick).

    It is one cleanup, which rests between two batches while the application is measured without it.
    """
    customers, tests = (20_000, 20_000) if quick else (100_000, 1_333_333)
    seconds, pairs = (1.5, 2) if quick else (5.0, _PAIRS)
    with benchmark_server() as server:
        url = make_database(server, "booking_latency_test", customers=customers, tests=tests)
        with running_app(url) as app:
            cleanup = start_cleanup(url, in_pieces=True)
            try:
                orders = _orders()
                _book_for(app.url, orders, seconds / 2)  # the first bookings open the application's connections
                measured: list[tuple[_Window, _Window]] = []
                removed = 0
                while len(measured) < pairs and cleanup.poll() is None:
                    quiet = _book_for(app.url, orders, seconds)
                    begin_piece(cleanup)
                    busy = _book_for(app.url, orders, seconds, meanwhile=cleanup)
                    removed = end_piece(cleanup)
                    if busy.bookings:
                        measured.append((quiet, busy))
            finally:
                stop_cleanup(cleanup)
    return _results(measured, removed)


def _results(pairs: Sequence[tuple[_Window, _Window]], removed: int) -> list[Result]:
    bookings = sum(len(quiet.bookings) + len(busy.bookings) for quiet, busy in pairs)
    results = []
    for share, bound in ((0.95, _BOUND), (0.99, None), (0.5, None)):
        middle = sorted(pairs, key=lambda pair: pair[1].percentile(share) / pair[0].percentile(share))[len(pairs) // 2]
        ratios = ", ".join(f"{busy.percentile(share) / quiet.percentile(share):.2f}" for quiet, busy in pairs)
        results.append(
            Result(
                f"p{share * 100:.0f} of a booking during a cleanup", middle[1].percentile(share) * 1000, "ms",
                middle[0].percentile(share) * 1000, "without cleanup", bound,
                f"ratios {ratios}; {bookings:,} bookings, {removed:,} rows removed",
            )
        )  # fmt: skip
    return results


def _book_for(
    app: str, orders: Iterator[bytes], seconds: float, *, meanwhile: subprocess.Popen[str] | None = None
) -> _Window:
    """Book from a few callers at once, each with a pause between two bookings, until `meanwhile` ends."""
    deadline = time.monotonic() + seconds
    taken: list[list[float]] = [[] for _ in range(_CALLERS)]
    failures: list[str] = []
    turn = threading.Lock()

    def caller(own: list[float]) -> None:
        place = urlsplit(app)
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=_REQUEST_SECONDS)
        while time.monotonic() < deadline and len(own) < _MOST_BOOKINGS and not _has_ended(meanwhile):
            with turn:
                order = next(orders)
            started = time.monotonic()
            connection.request("POST", "/appointments", order, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            own.append(time.monotonic() - started)
            if answer.status != http.client.CREATED:
                failures.append(f"a booking was answered with {answer.status}")
                return
            time.sleep(_PAUSE_SECONDS)
        connection.close()

    callers = [threading.Thread(target=caller, args=(own,), name="caller") for own in taken]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])
    return _Window(sorted(itertools.chain.from_iterable(taken)))


def _has_ended(process: subprocess.Popen[str] | None) -> bool:
    return process is not None and process.poll() is not None


def _orders() -> Iterator[bytes]:
    """Bookings of ever new customers, on working days."""
    monday = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    monday += timedelta(days=14 - monday.weekday())
    for number in itertools.count():
        start = monday + timedelta(days=number % 5, minutes=30 * (number // 5 % 15))
        order = {"mobile": f"+4930{number:08d}", "full_name": "Paying Customer", "starts_at": start.isoformat()}
        yield json.dumps(order).encode()
