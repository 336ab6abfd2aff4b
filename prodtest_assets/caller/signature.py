"""The signature by which an application knows that a request comes from the telephony provider."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

HEADER = "X-Twilio-Signature"


def sign(auth_token: str, url: str, fields: Mapping[str, str]) -> str:
    """Compute `X-Twilio-Signature`.

    HMAC-SHA1 over the URL as requested, followed by each form field's name and value, sorted by name,
    without anything between them; blank values count.
    https://www.twilio.com/docs/usage/webhooks/webhooks-security

    Args:
        auth_token: the key.
        url: the whole address as the application sees it: port when written, query included, no credentials
            and no fragment.
        fields: the form fields of a POST; empty for a GET, whose fields stand in the query.

    Returns:
        The header's value, base64.
    """
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
