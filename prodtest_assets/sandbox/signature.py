"""The telephony provider's signature on its webhooks."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def sign(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """The value of `X-Twilio-Signature` for a form post.

    HMAC-SHA1 over the URL and every field's name and value, sorted by name, each pair once, in base64.
    https://www.twilio.com/docs/usage/security#validating-requests

    Args:
        token: the account's auth token.
        url: the full URL the request was made to, with its query.
        fields: the form's names and values.
    """
    payload = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(token.encode(), payload.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_signed(token: str, url: str, fields: Iterable[tuple[str, str]], signature: str) -> bool:
    """Whether `signature` is right for this form post, compared in constant time."""
    return hmac.compare_digest(sign(token, url, fields).encode(), signature.encode())
