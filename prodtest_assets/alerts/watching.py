"""What `prodtest watch` tells: levels that change from one look to the next. Pure, but for the channels it is given.

It needs no schema and no permission to write, so it remembers only while it runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from prodtest_assets.alerts.channels import Channel
from prodtest_assets.alerts.message import Text
from prodtest_assets.testdata.models import Alert

_LEVELS = ("info", "warning", "critical")
DATABASE = "the database"


def stands(alerts: Mapping[str, Alert]) -> bool:
    """Whether anything is at warning or above."""
    return any(_weight(alert) for alert in alerts.values())


@dataclass(slots=True)
class Watch:
    """What was seen last, and what channels have yet to take.

    Attributes:
        target: the database in words.
        channels: where changes are told; none is legal.
    """

    target: str
    channels: Sequence[Channel]
    _seen: Mapping[str, Alert] = field(default_factory=dict)
    _waiting: dict[str, list[Text]] = field(default_factory=dict)

    def look(self, alerts: Mapping[str, Alert], now: datetime) -> tuple[Text, ...]:
        """Compare with the last look; what changed waits to be sent.

        Args:
            alerts: by topic.
            now: timezone-aware.

        Returns:
            At most one message about what stands anew, and one about what is over.
        """
        changed = {topic: alert for topic, alert in alerts.items() if self._is_news(topic, alert)}
        over = {
            topic: alert for topic, alert in self._seen.items() if _weight(alert) and not _weight(alerts.get(topic))
        }
        self._seen = dict(alerts)
        return self._told("failing", changed, now) + self._told("recovered", over, now)

    def look_failed(self, problem: str, now: datetime) -> tuple[Text, ...]:
        """The database did not answer. What was seen before may still stand."""
        return self.look({**self._seen, DATABASE: Alert("critical", problem, "run: prodtest preflight")}, now)

    def send(self) -> tuple[str, ...]:
        """Hand over what waits, each channel in order. Returns what went wrong, without any secret."""
        problems = []
        for channel in self.channels:
            waiting = self._waiting.get(channel.name, [])
            while waiting and not (problem := channel.send(waiting[0])):
                del waiting[0]
            if waiting:
                problems.append(problem or "")
        return tuple(problems)

    def _is_news(self, topic: str, alert: Alert) -> bool:
        return bool(_weight(alert)) and _weight(alert) != _weight(self._seen.get(topic))

    def _told(self, kind: str, alerts: Mapping[str, Alert], now: datetime) -> tuple[Text, ...]:
        if not alerts:
            return ()
        text = _in_words(self.target, kind, alerts, now)
        for channel in self.channels:
            self._waiting.setdefault(channel.name, []).append(text)
        return (text,)


def _in_words(target: str, kind: str, alerts: Mapping[str, Alert], now: datetime) -> Text:
    if kind == "recovered":
        lines = [f"{topic}: over (was {alert.level}: {alert.message})" for topic, alert in alerts.items()]
    else:
        lines = [f"{alert.level}: {alert.message}\n  what to do: {alert.action}" for alert in alerts.values()]
    footer = [f"seen: {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC", f"database: {target}", f"message id: {uuid4()}"]
    first = lines[0].partition("\n")[0].partition(" (was")[0]
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return Text(kind, f"{target}: {first}{more}", "\n".join([*lines, "", *footer]))


def _weight(alert: Alert | None) -> int:
    """0 for what is only worth a look, more for what a person should be told."""
    return _LEVELS.index(alert.level) if alert else 0
