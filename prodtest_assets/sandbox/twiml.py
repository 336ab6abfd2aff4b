"""The application's answers on the telephone, as TwiML. https://www.twilio.com/docs/voice/twiml"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

_SECONDS_TO_ANSWER = "5"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application says next.

    Attributes:
        text: what is said.
        listens: whether the caller is asked something; if not, the call ends after the text.
        keys: how many keys the caller may press instead of speaking; None when speech alone is taken.
    """

    text: str
    listens: bool = True
    keys: int | None = None


def render(answer: Answer, action: str) -> bytes:
    """The XML document for `answer`.

    Args:
        action: where what the caller says is posted, relative to the URL that answers.
    """
    response = Element("Response")
    if answer.listens:
        _gather(response, answer, action)
    else:
        if answer.text:
            SubElement(response, "Say").text = answer.text
        SubElement(response, "Hangup")
    document: bytes = tostring(response, encoding="utf-8", xml_declaration=True)
    return document


def _gather(response: Element, answer: Answer, action: str) -> None:
    attributes = {
        "input": "speech dtmf" if answer.keys else "speech",
        "action": action,
        "method": "POST",
        "timeout": _SECONDS_TO_ANSWER,
        "speechTimeout": "auto",
    }
    if answer.keys:
        attributes["numDigits"] = str(answer.keys)
    SubElement(SubElement(response, "Gather", attributes), "Say").text = answer.text
    # Silence falls through to here: ask again.
    SubElement(response, "Say").text = "I did not hear you."
    SubElement(response, "Redirect", {"method": "POST"}).text = action
