"""The provider's side of the wire: one signed form request, one bounded answer."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote_plus, urljoin
from uuid import UUID, uuid4

import httpx

from prodtest_assets.caller import deadline, signature
from prodtest_assets.caller.faults import NothingListens, ProviderError, why_no_connection
from prodtest_assets.caller.overrides import Overrides, overrides_of
from prodtest_assets.caller.target import Target
from prodtest_assets.caller.twiml import MAX_BYTES, Method
from prodtest_assets.errors import CallFailed

MAX_REDIRECTS = 10
USER_AGENT = "TwilioProxy/1.1 (prodtest, simulated caller)"

_KEEPS_METHOD = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303}) | _KEEPS_METHOD
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered.

    Attributes:
        url: the address that answered, after HTTP redirects and without a GET's form; actions start here.
        status: the HTTP status, 200 to 299.
        content_type: media type in lower case, without parameters; empty when there was none.
        body: at most `MAX_BYTES`.
        latency: seconds from the request to the last byte.
        redirects: the HTTP redirects on the way, each like `303 /who -> /day`.
    """

    url: httpx.URL
    status: int
    content_type: str
    body: bytes
    latency: float
    redirects: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def resolve(base: httpx.URL, reference: str) -> httpx.URL:
    """Turn an action or a Redirect into an address.

    Args:
        base: the address that served the document.
        reference: absolute, relative, query-only, or empty for `base` itself (RFC 3986, section 5).

    Raises:
        ProviderError: it leads to no http or https address.
    """
    try:
        url = httpx.URL(urljoin(str(base), reference.strip()))
    except (httpx.InvalidURL, ValueError) as error:
        raise ProviderError(f"{base.path}: an action or Redirect holds no valid URL", 11100) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ProviderError(f"{base.path}: an action or Redirect is not http or https", 11100)
    return url


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
        self._last: tuple[Method, httpx.URL, Mapping[str, str], str] | None = None

    def request(self, method: Method, url: httpx.URL, fields: Mapping[str, str]) -> Answer:
        """Send a form and read the answer, following HTTP redirects as the provider does.

        Like a browser, the provider goes on with GET and without the form after 301, 302 and 303.
        https://www.twilio.com/docs/voice/twiml#twilio-is-a-well-behaved-http-client

        Args:
            method: POST carries the fields in the body, GET in the query.
            url: absolute.
            fields: the form.

        Raises:
            NothingListens: no connection was made, tried twice.
            ProviderError: an error status, no answer in time, too long an answer, a redirect that leads nowhere.
            CallFailed: the call would leave the target's hosts, or has taken too long.
        """
        return self._follow(method, url, fields, str(uuid4()))

    def send_again(self) -> Answer:
        """Deliver the last request a second time, as the network does now and then; its token stays the same.

        Raises:
            CallFailed: as `request`.
        """
        assert self._last is not None  # there is a first delivery before a second
        return self._follow(*self._last)

    def _follow(self, method: Method, url: httpx.URL, fields: Mapping[str, str], token: str) -> Answer:
        self._last = (method, url, fields, token)
        redirects: tuple[str, ...] = ()
        while len(redirects) <= MAX_REDIRECTS:
            self._must_be_ours(url)
            manners = overrides_of(url.fragment)
            url = url.copy_with(fragment=None) if url.fragment else url
            answer = self._ask(self._build(method, url, fields, token), url, redirects, manners)
            if isinstance(answer, Answer):
                return answer
            status, there = answer
            redirects += (f"{status} {url.path} -> {there.path}",)
            url = there
            if status not in _KEEPS_METHOD:
                method, fields = "GET", {}
        raise ProviderError(f"{url.path}: more than {MAX_REDIRECTS} HTTP redirects in a row", 11215, url=str(url))

    def _ask(
        self, request: httpx.Request, url: httpx.URL, redirects: tuple[str, ...], manners: Overrides
    ) -> Answer | tuple[int, httpx.URL]:
        """Ask until there is an answer, or until the address is not to be asked again."""
        now = time.monotonic()
        moment = min(now + min(self._target.timeout, manners.total), self._hang_up_at)
        if moment <= now:
            raise CallFailed(f"{request.method} {url.path}: the call has taken longer than {self._longest:g} s")
        attempt = 0
        while True:
            try:
                return self._exchange(request, url, redirects, manners, moment)
            except ProviderError as fault:
                if time.monotonic() >= moment or not manners.ask_again(fault, attempt):
                    raise
                attempt += 1

    def _exchange(
        self,
        request: httpx.Request,
        url: httpx.URL,
        redirects: tuple[str, ...],
        manners: Overrides,
        moment: float,
    ) -> Answer | tuple[int, httpx.URL]:
        started = time.monotonic()
        with deadline.ends_at(moment), self._faults_named(request.method, url, started):
            left = max(moment - started, 0.001)
            timeout = {"connect": min(left, manners.connect), "read": min(left, manners.read), "write": left}
            request.extensions["timeout"] = timeout | {"pool": left}
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                if "Set-Cookie" in response.headers:
                    self._cookies.extract_cookies(response)
                if response.status_code in _REDIRECTS:
                    return response.status_code, resolve(url, response.headers.get("Location", ""))
                if not response.is_success:
                    where = f"{request.method} {url.path}"
                    raise self._bad(f"{where} answered {_status_line(response)}", 11200, response, started)
                return Answer(
                    url=url,
                    status=response.status_code,
                    content_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                    body=self._read(response, started, moment),
                    latency=time.monotonic() - started,
                    redirects=redirects,
                )
            finally:
                response.close()

    def _build(self, method: Method, url: httpx.URL, fields: Mapping[str, str], token: str) -> httpx.Request:
        in_body = dict(fields) if method == "POST" else {}
        if fields and method == "GET":
            url = url.copy_with(query=b"&".join(filter(None, (url.query, _form(fields)))))
        headers = {**self._headers, "I-Twilio-Idempotency-Token": token}
        if self._target.auth_token is not None:
            headers[signature.HEADER] = signature.sign(self._target.auth_token, _without_credentials(url), in_body)
        if self._target.api_key is not None and _origin(url) == _origin(self._home):
            headers["X-API-Key"] = self._target.api_key
        request = httpx.Request(method, url, headers=headers, content=_form(in_body) if method == "POST" else None)
        if method == "POST":
            request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self._cookies:
            self._cookies.set_cookie_header(request)
        return request

    def _read(self, response: httpx.Response, started: float, moment: float) -> bytes:
        body, where = bytearray(), f"{response.request.method} {response.request.url.path}"
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            # Nobody asked for it, and a few packed kilobytes can unpack to gigabytes.
            raise self._bad(f"{where} answered packed as {coding[:20]}", 11206, response, started)
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise self._bad(f"{where} answered more than {MAX_BYTES // 1024} KiB", 11750, response, started)
            if time.monotonic() > moment:
                raise httpx.ReadTimeout("the answer trickled in", request=response.request)
        return bytes(body)

    @contextmanager
    def _faults_named(self, method: str, url: httpx.URL, started: float) -> Iterator[None]:
        """Turn the client's errors into ours. Their own texts are left out: they may hold credentials."""
        where, asked = f"{method} {url.path}", _without_credentials(url)
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            latency, (code, reason) = time.monotonic() - started, why_no_connection(error, _origin(url))
            raise NothingListens(f"{where}: {reason}", code, reason=reason, url=asked, latency=latency) from error
        except httpx.TimeoutException as error:
            waited = time.monotonic() - started
            raise ProviderError(
                f"{where} gave no answer within {waited:.1f} s", 11205, url=asked, latency=waited, is_timeout=True
            ) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise ProviderError(
                f"{where} broke off the connection ({type(error).__name__})",
                11206,
                url=asked,
                latency=time.monotonic() - started,
            ) from error

    def _must_be_ours(self, url: httpx.URL) -> None:
        """The ledger watches the target's database; a booking made elsewhere could not be found again."""
        if _host(url) != _host(self._home) and url.host not in self._target.other_hosts:
            raise CallFailed(
                f"the application sends the call to another host, {url.host}, and the caller stays here; "
                f'if that is the same deployment, a call script would say so: [target] other_hosts = ["{url.host}"]'
            )

    @staticmethod
    def _bad(message: str, code: int, response: httpx.Response, started: float) -> ProviderError:
        return ProviderError(
            message,
            code,
            url=_without_credentials(response.request.url),
            status=response.status_code,
            latency=time.monotonic() - started,
        )


def new_client(target: Target) -> httpx.Client:
    """An HTTP client for calls to `target`; proxies of the environment are not asked for the own machine."""
    return deadline.bounded(httpx.Client(trust_env=target.voice_url.host not in _LOOPBACK))


def _form(fields: Mapping[str, str]) -> bytes:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields.items()).encode("ascii")


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """Encoded for a form. Most of what is sent says the same with every request of every call."""
    return quote_plus(text)


def _without_credentials(url: httpx.URL) -> str:
    return str(url.copy_with(userinfo=b"") if url.userinfo else url)


def _host(url: httpx.URL) -> str:
    return "localhost" if url.host in _LOOPBACK else url.host


def _origin(url: httpx.URL) -> str:
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{url.host}:{port}"


def _status_line(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()
