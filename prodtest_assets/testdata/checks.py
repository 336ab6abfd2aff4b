"""What should be none, judged as the asset checks judge it."""

from dataclasses import dataclass

from prodtest_assets.testdata.advice import cleanup_command, silent_sensors
from prodtest_assets.testdata.models import Snapshot


@dataclass(frozen=True, slots=True)
class Check:
    """Something that should be none, as a snapshot shows it.

    Attributes:
        name: of the asset check that asserts the same.
        count: how many there are.
        what: they, in words.
        do: the command that helps.
        cleanup_helps: whether a cleanup takes them away.
    """

    name: str
    count: int
    what: str
    do: str
    cleanup_helps: bool = True

    @property
    def passed(self) -> bool:
        return self.count == 0


def checks_of(snapshot: Snapshot) -> tuple[Check, ...]:
    """What should be none, judged as the asset checks judge it. Held rows and suspects are no failure."""
    residue, clean_up = snapshot.residue, cleanup_command(snapshot)
    silent = silent_sensors(snapshot.sensors, snapshot.taken_at)
    names = f" ({', '.join(silent)})" if silent else ""
    return (
        Check("no_stale_test_rows", snapshot.stale.eligible, "stale test rows that may go", clean_up),
        Check("no_orphaned_test_users", residue.orphaned, "test users without an appointment", clean_up),
        Check("no_unmarked_test_rows", residue.unmarked, "rows of test calls without their mark", clean_up),
        Check(
            "no_orphaned_calendar_events", snapshot.pending_events, "calendar events of removed appointments", clean_up
        ),
        Check(
            "sensors_are_alive",
            len(silent),
            f"sensors without a heartbeat{names}",
            "dagster-daemon run",
            cleanup_helps=False,
        ),
        Check(
            "alerts_are_delivered",
            snapshot.undelivered_alerts,
            "messages that a channel has not taken",
            "look at the ticks of asset_check_alert_sensor: they name the channel",
            cleanup_helps=False,
        ),
    )
