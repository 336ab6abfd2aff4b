"""What the simulated caller costs itself, beside a bare HTTP client that sends the same bytes."""

import secrets
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import httpx

from benchmarks.dataset import make_database
from benchmarks.result import Result
from benchmarks.server import benchmark_server
from prodtest_assets.caller import OpenCall, Persona, Target, place_call
from prodtest_assets.caller.signature import HEADER, sign
from prodtest_assets.caller.wire import new_client
from prodtest_assets.sandbox.server import running_app

_BOUND = 1.25
_CALLS = 200
_TOKEN = "the token of the benchmark"


@dataclass
class _Paper:
    """A ledger on paper: it costs nothing, and every caller is a new one."""

    run_id: UUID = field(default_factory=uuid4)
    _lines: Iterator[int] = field(default_factory=count)

    def open_call(
        self, *, persona: str, requested_start: datetime, number: str | None = None, name: str | None = None
    ) -> OpenCall:
        line = next(self._lines)
        return OpenCall(f"CA{secrets.token_hex(16)}", f"+1{202 + line // 100}55501{line % 100:02}", "Clara Bonavida")

    def close_call(self, call_sid: str, *, completed: bool, transcript: list[dict[str, object]]) -> None:
        assert completed, transcript


def measure(quick: bool) -> list[Result]:
    """Book in turns: one call by the caller, then one by a loop that repeats the caller's bytes for somebody else."""
    calls = 5 if quick else _CALLS
    with benchmark_server() as server:
        url = make_database(server, "booking_caller_test", customers=1_000, tests=1_000)
        with running_app(url, auth_token=_TOKEN) as app:
            target, ledger = Target(app.url, auth_token=_TOKEN), _Paper()
            with new_client(target) as client, httpx.Client(trust_env=False) as bare:
                _by_caller(target, ledger, client)  # the first bookings open the application's connections
                pairs = [_pair(target, ledger, client, bare) for _ in range(calls)]
    ratios = statistics.quantiles((ours / floor for ours, floor in pairs), n=4)
    return [
        Result(
            "one request of a simulated caller to the reference application",
            statistics.median(ours for ours, _ in pairs) * 1000,
            "ms",
            statistics.median(floor for _, floor in pairs) * 1000,
            "httpx, same bytes",
            _BOUND,
            f"{calls} pairs of calls; ratios of the middle half from {ratios[0]:.2f} to {ratios[2]:.2f}",
        )
    ]


def _pair(target: Target, ledger: _Paper, client: httpx.Client, bare: httpx.Client) -> tuple[float, float]:
    """Seconds for one request: of the caller, and of the bare loop."""
    sent: list[httpx.Request] = []
    client.event_hooks = {"request": [sent.append]}
    began = time.perf_counter()
    _by_caller(target, ledger, client)
    ours = (time.perf_counter() - began) / len(sent)
    again = _for_somebody_else(sent, target, ledger)
    began = time.perf_counter()
    for method, url, headers, content in again:
        answer = bare.request(method, url, headers=headers, content=content)
        assert answer.status_code == 200
    return ours, (time.perf_counter() - began) / len(again)


def _by_caller(target: Target, ledger: _Paper, client: httpx.Client) -> None:
    start = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=3)
    while start.weekday() > 4:
        start += timedelta(days=1)
    place_call(Persona("quick", start), target, ledger, client=client)


_Request = tuple[str, str, list[tuple[bytes, bytes]], bytes]


def _for_somebody_else(sent: list[httpx.Request], target: Target, ledger: _Paper) -> list[_Request]:
    """The requests of a call with another caller's number, id and signatures, of the same length."""
    first = dict(httpx.QueryParams(sent[0].content.decode()))
    other = ledger.open_call(persona="", requested_start=datetime.now(UTC))
    again: list[_Request] = []
    for request in sent:
        content = request.content.replace(first["CallSid"].encode(), other.call_sid.encode())
        content = content.replace(first["From"][1:].encode(), other.number[1:].encode())
        fields = dict(httpx.QueryParams(content.decode()))
        signature = sign(target.auth_token or "", str(request.url), fields).encode()
        headers = [
            (name, signature if name.lower() == HEADER.lower().encode() else value)
            for name, value in request.headers.raw
        ]
        again.append((request.method, str(request.url), headers, content))
    return again
