"""Telling the application how a call gets on. https://www.twilio.com/docs/voice/api/call-resource#statuscallback"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Literal

import httpx

from prodtest_assets.caller.wire import Line
from prodtest_assets.errors import CallFailed

Status = Literal["initiated", "ringing", "in-progress", "completed", "busy", "no-answer", "failed"]


class StatusCallbacks:
    """The status callbacks of one call. Whatever the application answers to them, the call goes on.

    Attributes:
        remarks: what went wrong, one line each.
    """

    def __init__(self, line: Line, url: httpx.URL | None, call_fields: Mapping[str, str]) -> None:
        """Prepare the callbacks.

        Args:
            line: carries the requests.
            url: where they go; None tells nobody.
            call_fields: what every request says about the call.
        """
        self.remarks: list[str] = []
        self._line = line
        self._url = url
        self._fields = call_fields
        self._told: list[Status] = []
        self._began: datetime | None = None

    def tell(self, status: Status, now: datetime) -> None:
        """Report a status; one that has been reported is not repeated.

        Args:
            status: in the provider's words.
            now: the present of the call, timezone-aware.
        """
        if status in self._told:
            return
        self._began = now if status == "in-progress" else self._began
        self._told.append(status)
        if self._url is None:
            return
        fields = {
            **self._fields,
            "CallStatus": status,
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(len(self._told) - 1),
            "Timestamp": format_datetime(now),
        }
        if status in ("completed", "busy", "no-answer", "failed"):
            seconds = (now - self._began).total_seconds() if self._began else 0.0
            fields |= {"CallDuration": str(round(seconds)), "Duration": str(-(-round(seconds) // 60))}
        try:
            self._line.request("POST", self._url, fields)
        except CallFailed as fault:
            self.remarks.append(f"the status callback {status} was not taken: {fault}")
