"""Calls whose requests are made by hand, to see what an application does with those that no provider sends.

Such a call stands in the ledger like any other: whatever the application stores for it is found.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from prodtest_assets.caller import signature
from prodtest_assets.caller.ledger import AnnouncedCall, Ledger
from prodtest_assets.caller.persona import Persona
from prodtest_assets.caller.place import call_fields
from prodtest_assets.caller.target import Target
from prodtest_assets.caller.twiml import MAX_BYTES, Method

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back.

    Attributes:
        status: the HTTP status; None when there was no answer at all.
        content_type: as it was sent, empty when there was none.
        body: at most 64 KiB.
        problem: why there was no answer.
    """

    status: int | None
    content_type: str = ""
    body: bytes = b""
    problem: str = ""


class RawCall:
    """One call, announced in the ledger.

    Attributes:
        opened: the call's id, number and name.
        fields: what every request of the provider says about the call.
    """

    def __init__(self, target: Target, client: httpx.Client, run_id: str, opened: AnnouncedCall) -> None:
        self.opened = opened
        self.fields: Mapping[str, str] = call_fields(target, opened) | {"CallStatus": "ringing"}
        self._target = target
        self._client = client
        self._run_id = run_id

    @property
    def call_sid(self) -> str:
        """The provider's id of the call."""
        return self.opened.call_sid

    def send(
        self,
        form: Mapping[str, str] | None = None,
        *,
        method: Method | None = None,
        content: bytes | None = None,
        content_type: str = _FORM,
        signed_with: str | None = None,
    ) -> RawAnswer:
        """Send one request to where a call starts.

        Args:
            form: what is sent; `fields` if None.
            method: a GET carries the form in its query; as the target wants it if None.
            content: sent instead of a form.
            content_type: of `content`.
            signed_with: a token other than the target's.

        Raises:
            ValueError: the form speaks of another caller, whom the ledger does not know.
        """
        form = self.fields if form is None else form
        if form.get("From", self.opened.number) != self.opened.number:
            raise ValueError("a call may be made with its own number only")
        url, method = self._target.voice_url, method or self._target.voice_method
        if method == "GET":
            url, form = url.copy_merge_params(dict(form)), {}
        in_body = form if method == "POST" and content is None else {}
        request = httpx.Request(
            method, url, data=dict(in_body) or None, content=content, headers=self._headers(url, in_body, signed_with)
        )
        if content is not None:
            request.headers["Content-Type"] = content_type
        return self._answer_to(request)

    def _headers(self, url: httpx.URL, form: Mapping[str, str], signed_with: str | None) -> dict[str, str]:
        headers = {"X-Test-Data": "true", "X-Test-Run": self._run_id}
        token = signed_with if signed_with is not None else self._target.auth_token
        if token is not None:
            headers[signature.HEADER] = signature.sign(token, str(url.copy_with(userinfo=b"", fragment=None)), form)
        if self._target.api_key is not None:
            headers["X-API-Key"] = self._target.api_key
        return headers

    def _answer_to(self, request: httpx.Request) -> RawAnswer:
        request.extensions["timeout"] = httpx.Timeout(self._target.timeout).as_dict()
        try:
            response = self._client.send(request, stream=True, follow_redirects=False)
            try:
                body = bytearray()
                for chunk in response.iter_bytes(MAX_BYTES):
                    body += chunk[: MAX_BYTES - len(body)]
                    if len(body) == MAX_BYTES:
                        break
                return RawAnswer(response.status_code, response.headers.get("Content-Type", ""), bytes(body))
            finally:
                response.close()
        except httpx.HTTPError as error:
            return RawAnswer(None, problem=type(error).__name__)


@contextmanager
def raw_call(persona: Persona, target: Target, ledger: Ledger, client: httpx.Client) -> Iterator[RawCall]:
    """Announce a call, make its requests by hand, and close it.

    Args:
        persona: who calls.
        target: whom.
        ledger: where the call is announced.
        client: sends the requests.

    Raises:
        RefusedForSafety: the ledger does not let the call be placed.
        ConfigurationError: the target's address is none.
    """
    opened = ledger.open_call(
        persona=persona.key, requested_start=persona.start, number=persona.number, name=persona.name
    )
    try:
        yield RawCall(target, client, str(ledger.run_id), opened)
    finally:
        ledger.close_call(opened.call_sid, completed=False, transcript=[])
