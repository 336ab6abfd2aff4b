"""What the provider takes of the keys a caller presses.

https://www.twilio.com/docs/voice/twiml/gather#finishonkey and #numdigits on the same page
"""

from dataclasses import dataclass

from prodtest_assets.caller.twiml import Gather

PAUSE = "w"
PAUSE_SECONDS = 0.5
"""https://www.twilio.com/docs/voice/twiml/number#attributes-sendDigits"""


@dataclass(frozen=True, slots=True)
class Keyed:
    """What came of the keys.

    Attributes:
        digits: sent to the action; nothing is sent when there are none.
        seconds: how long the caller paused between them.
    """

    digits: str
    seconds: float = 0.0


def taken(keys: str, gather: Gather) -> Keyed:
    """The keys that reach an application; what is pressed after the keypad has closed reaches nobody.

    Args:
        keys: `0`-`9`, `*`, `#`, and `w` for a pause.
        gather: says which key closes the keypad, after how many keys it closes, and after how much silence.
    """
    digits, seconds, silence = "", 0.0, 0.0
    for key in keys:
        if key.lower() == PAUSE:
            seconds, silence = seconds + PAUSE_SECONDS, silence + PAUSE_SECONDS
            if gather.timeout is not None and silence >= gather.timeout:
                break
            continue
        if key in gather.finish_on_key:
            break
        digits, silence = digits + key, 0.0
        if len(digits) == gather.num_digits:
            break
    return Keyed(digits, seconds)
