"""The provider's side of the wire: one signed form request, one bounded answer."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin
from uuid import UUID

import httpx

from prodtest_assets.caller import signature
from prodtest_assets.caller.target import Target
from prodtest_assets.caller.twiml import MAX_BYTES, Method
from prodtest_assets.errors import CallFailed, Unreachable

MAX_REDIRECTS = 10
USER_AGENT = "TwilioProxy/1.1 (prodtest, simulated caller)"

_KEEPS_METHOD = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303}) | _KEEPS_METHOD
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class BadAnswer(CallFailed):
    """The application's answer is none.

    Attributes:
        status: the HTTP status, when there was one.
        latency: seconds until the request was given up.
    """

    def __init__(self, message: str, *, status: int | None, latency: float) -> None:
        super().__init__(message)
        self.status = status
        self.latency = latency


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered.

    Attributes:
        url: the address that answered, after HTTP redirects and without a GET's form; actions start here.
        status: the HTTP status, 200 to 299.
        content_type: media type in lower case, without parameters; empty when there was none.
        body: at most `MAX_BYTES`.
        latency: seconds from the request to the last byte.
    """

    url: httpx.URL
    status: int
    content_type: str
    body: bytes
    latency: float


def resolve(base: httpx.URL, reference: str) -> httpx.URL:
    """Turn an action or a Redirect into an address.

    Args:
        base: the address that served the document.
        reference: absolute, relative, query-only, or empty for `base` itself (RFC 3986, section 5).

    Raises:
        CallFailed: it leads to no http or https address.
    """
    try:
        url = httpx.URL(urljoin(str(base), reference.strip()))
    except (httpx.InvalidURL, ValueError) as error:
        raise CallFailed(f"{base.path}: an action or Redirect holds no valid URL (provider error 11100)") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise CallFailed(f"{base.path}: an action or Redirect is not http or https (provider error 11100)")
    return url.copy_with(fragment=None)


class Line:
    """The connection of one call: its cookies, its headers and its time budget.

    Cookies are kept as a browser keeps them, and belong to this call even when the HTTP client is shared.
    """

    def __init__(self, target: Target, client: httpx.Client, run_id: UUID, *, longest: float) -> None:
        """Open the line.

        Args:
            target: whom to call.
            client: sends the requests; nothing is kept in it.
            run_id: named in every request.
            longest: seconds the whole call may take.
        """
        self._target = target
        self._home = target.voice_url
        self._client = client
        self._cookies = httpx.Cookies()
        self._longest = longest
        self._hang_up_at = time.monotonic() + longest
        self._headers = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            "X-Test-Data": "true",
            "X-Test-Run": str(run_id),
        }
        self._has_answered = False

    def request(self, method: Method, url: httpx.URL, fields: Mapping[str, str]) -> Answer:
        """Send a form and read the answer, following HTTP redirects as the provider does.

        Like a browser, the provider goes on with GET and without the form after 301, 302 and 303.
        https://www.twilio.com/docs/voice/twiml#twilio-is-a-well-behaved-http-client

        Args:
            method: POST carries the fields in the body, GET in the query.
            url: absolute.
            fields: the form.

        Raises:
            BadAnswer: an error status, no answer in time, too long an answer, a redirect that leads nowhere.
            CallFailed: the call would leave the target's hosts, or has taken too long.
            Unreachable: nothing listens there, and nothing has answered in this call yet.
        """
        for _ in range(MAX_REDIRECTS + 1):
            self._must_be_ours(url)
            answer = self._exchange(method, url, fields)
            if isinstance(answer, Answer):
                return answer
            status, url = answer
            if status not in _KEEPS_METHOD:
                method, fields = "GET", {}
        raise CallFailed(f"{url.path}: more than {MAX_REDIRECTS} HTTP redirects in a row (provider error 11200)")

    def _exchange(self, method: Method, url: httpx.URL, fields: Mapping[str, str]) -> Answer | tuple[int, httpx.URL]:
        request = self._build(method, url, fields)
        where = f"{method} {url.path}"
        started = time.monotonic()
        deadline = min(started + self._target.timeout, self._hang_up_at)
        if deadline <= started:
            raise CallFailed(f"{where}: the call has taken longer than {self._longest:g} s")
        request.extensions["timeout"] = httpx.Timeout(deadline - started).as_dict()
        with self._faults_named(where, url, started):
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                self._has_answered = True
                self._cookies.extract_cookies(response)
                if response.status_code in _REDIRECTS:
                    return response.status_code, resolve(url, response.headers.get("Location", ""))
                if not response.is_success:
                    raise self._bad(
                        f"{where} answered {_status_line(response)} (provider error 11200)", response, started
                    )
                return Answer(
                    url=url,
                    status=response.status_code,
                    content_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                    body=self._read(response, where, started, deadline),
                    latency=time.monotonic() - started,
                )
            finally:
                response.close()

    def _build(self, method: Method, url: httpx.URL, fields: Mapping[str, str]) -> httpx.Request:
        in_body = dict(fields) if method == "POST" else {}
        if fields and method == "GET":
            query = "&".join(filter(None, (url.query.decode("ascii"), urlencode(fields))))
            url = url.copy_with(query=query.encode("ascii"))
        headers = dict(self._headers)
        if self._target.auth_token is not None:
            headers[signature.HEADER] = signature.sign(
                self._target.auth_token, str(url.copy_with(userinfo=b"")), in_body
            )
        if self._target.api_key is not None and _origin(url) == _origin(self._home):
            headers["X-API-Key"] = self._target.api_key
        request = httpx.Request(method, url, headers=headers, data=in_body if method == "POST" else None)
        self._cookies.set_cookie_header(request)
        return request

    def _read(self, response: httpx.Response, where: str, started: float, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise self._bad(
                    f"{where} answered more than {MAX_BYTES // 1024} KiB (provider error 11750)",
                    response,
                    started,
                )
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer trickled in", request=response.request)
        return bytes(body)

    @contextmanager
    def _faults_named(self, where: str, url: httpx.URL, started: float) -> Iterator[None]:
        """Turn the client's errors into ours. Their own texts are left out: they may hold credentials."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if not self._has_answered:
                raise Unreachable(f"nothing answers at {_origin(url)}") from error
            raise self._bad(
                f"{where}: the application stopped listening (provider error 11200)", None, started
            ) from error
        except httpx.TimeoutException as error:
            waited = time.monotonic() - started
            raise self._bad(
                f"{where} gave no answer within {waited:.1f} s (provider error 11205)", None, started
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise self._bad(
                f"{where} broke off the connection ({type(error).__name__}, provider error 11206)",
                None,
                started,
            ) from error

    def _must_be_ours(self, url: httpx.URL) -> None:
        """The ledger watches the target's database; a booking made elsewhere could not be found again."""
        if _host(url) != _host(self._home) and url.host not in self._target.other_hosts:
            raise CallFailed(f"the application sends the call to another host, {url.host}, and the caller stays here")

    @staticmethod
    def _bad(message: str, response: httpx.Response | None, started: float) -> BadAnswer:
        status = None if response is None else response.status_code
        return BadAnswer(message, status=status, latency=time.monotonic() - started)


def new_client(target: Target) -> httpx.Client:
    """An HTTP client for calls to `target`; proxies of the environment are not asked for the own machine."""
    return httpx.Client(trust_env=target.voice_url.host not in _LOOPBACK)


def _host(url: httpx.URL) -> str:
    return "localhost" if url.host in _LOOPBACK else url.host


def _origin(url: httpx.URL) -> str:
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{url.host}:{port}"


def _status_line(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()
