"""Whatever bytes come, the parser gives verbs or one line, at once and in little memory."""

import time
import tracemalloc
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodtest_assets.caller import twiml
from prodtest_assets.caller.content import document_of
from prodtest_assets.caller.faults import BadTwiml
from prodtest_assets.caller.wire import Answer

VALID = (
    b'<?xml version="1.0" encoding="UTF-8"?><Response><Say voice="alice">Hello &amp; welcome</Say>'
    b'<Gather input="speech dtmf" action="/next" numDigits="2" timeout="5"><Say>How long?</Say><Pause length="1"/>'
    b"</Gather><Redirect method='GET'>/again?a=1</Redirect><Hangup/></Response>"
)
NAMES = st.sampled_from(["Say", "Gather", "Redirect", "Pause", "Hangup", "Dial", "Record", "Enqueue", "say", "x:y"])
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["input", "action", "method", "timeout", "numDigits", "speechTimeout", "length", "reason"]),
    st.text(alphabet="0123456789-.eE/#?autoGETspechdmf \u0660\u00b2", max_size=8),
    max_size=4,
)


def one_line_or_verbs(body: bytes) -> twiml.Document | None:
    """Parse; insist on a quick end and, for a refusal, on one short line."""
    began = time.perf_counter()
    outcome = read(lambda: twiml.parse(body))
    assert time.perf_counter() - began < 2
    if isinstance(outcome, twiml.Document):
        assert all("\n" not in warning and len(warning) < 200 for warning in outcome.warnings)
        return outcome
    assert "\n" not in str(outcome)
    assert len(str(outcome)) < 160
    assert outcome.code in (11750, 12100, 12200)
    return None


def read(reading: Callable[[], twiml.Document]) -> twiml.Document | BadTwiml:
    """What reading gives, be it a refusal."""
    try:
        return reading()
    except BadTwiml as refused:
        return refused


@given(st.binary(max_size=2000))
def test_any_bytes_end_as_verbs_or_as_one_line(body: bytes) -> None:
    one_line_or_verbs(body)


@given(st.data())
@settings(max_examples=300)
def test_a_document_damaged_anywhere_ends_as_verbs_or_as_one_line(data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(VALID)))
    end = data.draw(st.integers(begin, min(len(VALID), begin + 20)))
    one_line_or_verbs(VALID[:begin] + data.draw(st.binary(max_size=12)) + VALID[end:])


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(NAMES)
    attributes = "".join(f' {key}="{value}"' for key, value in draw(ATTRIBUTES).items())
    inner = "".join(draw(st.lists(elements(depth=depth - 1), max_size=3))) if depth else ""
    return f"<{name}{attributes}>{draw(st.sampled_from(['', 'text', '/x', '&#233;']))}{inner}</{name}>"


@given(st.lists(elements(), max_size=4))
@settings(max_examples=200)
def test_well_formed_nonsense_is_read_or_refused(parts: list[str]) -> None:
    one_line_or_verbs(f"<Response>{''.join(parts)}</Response>".encode())


TRUE = ["utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "shift_jis", "utf-7", "punycode"]
DECLARED = ["utf-8", "utf-16", "latin-1", "ebcdic-cp-us", "shift_jis", "utf-7", "hex", "base64", "zip", ""]


@given(st.sampled_from(TRUE), st.sampled_from(DECLARED))
def test_a_document_in_another_encoding_than_it_says_ends_as_verbs_or_as_one_line(true: str, declared: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?><Response><Say>Grüezi</Say></Response>'
    one_line_or_verbs(text.encode(true, "replace"))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "billion laughs": f'<!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}]><Response><Say>&l9;</Say></Response>',
    "quadratic": f'<!DOCTYPE r [<!ENTITY a "{"a" * 50_000}">]><Response><Say>{"&a;" * 3000}</Say></Response>',
    "file": '<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><Response><Say>&f;</Say></Response>',
    "parameter entity": '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x">%p;]><Response/>',
    "remote dtd": '<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd"><Response/>',
    "deep": "<Response>" + "<Gather>" * 6000,
    "deep and closed": "<Response>" + "<p>" * 4000 + "</p>" * 4000 + "</Response>",
    "many attributes": "<Response><Say " + " ".join(f'a{n}="1"' for n in range(6000)) + "/></Response>",
    "one long name": f"<{'x' * 60_000}/>",
    "many verbs": "<Response>" + "<Hangup/>" * 7000 + "</Response>",
    "endless comment": "<Response><!--" + "-" * 60_000,
    "gigantic": "<Response><Say>" + "a" * 5_000_000 + "</Say></Response>",
    "xinclude": '<Response xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd"/></Response>',
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS)
def test_a_bomb_does_not_go_off(body: str) -> None:
    tracemalloc.start()
    try:
        document = one_line_or_verbs(body.encode())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 40_000_000
    assert document is None or "root:" not in str(document.verbs)


@given(
    content_type=st.sampled_from(["text/xml", "text/html", "text/plain", "audio/wav", "application/json", "", "x"]),
    body=st.one_of(st.binary(max_size=300), st.just(VALID)),
)
def test_any_content_type_with_any_body_is_a_document_or_one_line(content_type: str, body: bytes) -> None:
    answer = Answer(httpx.URL("http://127.0.0.1/voice"), 200, content_type, body, 0.0)
    outcome = read(lambda: document_of(answer))
    assert isinstance(outcome, twiml.Document) or "\n" not in str(outcome)
