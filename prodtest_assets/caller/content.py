"""What an answer makes the provider do, by its content type."""

from prodtest_assets.caller import twiml
from prodtest_assets.caller.faults import BadTwiml
from prodtest_assets.caller.twiml import Document
from prodtest_assets.caller.wire import Answer

_TWIML = frozenset({"text/xml", "application/xml", "text/html"})


def document_of(answer: Answer) -> Document:
    """Read an answer. https://www.twilio.com/docs/voice/twiml#twilio-understands-mime-types

    Plain text is read out, a recording is played, and the call is over; everything else must be TwiML.

    Raises:
        BadTwiml: it is neither.
    """
    if answer.content_type == "text/plain":
        return Document((twiml.Say(" ".join(answer.body.decode(errors="replace").split())), twiml.Hangup()))
    if answer.content_type.startswith("audio/"):
        return Document((twiml.Play(answer.url.path), twiml.Hangup()))
    if answer.content_type not in _TWIML:
        raise BadTwiml(f"the answer is {answer.content_type or 'without Content-Type'}", 12300)
    if answer.body.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise BadTwiml("the answer is an HTML page instead of TwiML", 12100)
    return twiml.parse(answer.body)
