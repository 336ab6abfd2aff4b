"""What is counted and listed of the test data. Times are timezone-aware, sizes are bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prodtest_assets.testdata.usage import Usage

AGE_BUCKETS = (
    "< 1 hour",
    "1-6 hours",
    "6-12 hours",
    "12-24 hours",
    "24-48 hours",
    "48-72 hours",
    "> 72 hours",
)
FUTURE_BUCKET = "in the future"
_BUCKET_STARTS = (0, 1, 6, 12, 24, 48, 72)  # hours


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know, and what to do about it. `level` is info, warning or critical."""

    level: str
    message: str
    action: str


@dataclass(frozen=True, slots=True)
class Staleness:
    """Test rows older than the retention: may go, are exempt, have an owner in doubt, or are kept by other tables."""

    eligible: int
    held: int
    suspect: int
    blocked: int = 0

    @property
    def total(self) -> int:
        return self.eligible + self.held + self.suspect + self.blocked


@dataclass(frozen=True, slots=True)
class Residue:
    """What should not be there. One row may be in several counts; `total` counts it once."""

    stale: int
    orphaned: int
    unmarked: int
    from_this_run: int
    total: int


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes: what the test rows take themselves, their share of the indexes, and whole tables."""

    test_row_bytes: int
    index_share_bytes: int
    table_bytes: int
    index_bytes: int
    archive_bytes: int | None


@dataclass(frozen=True, slots=True)
class HourCount:
    """How many test rows were created within one hour, which need not be one on the clock.

    Attributes:
        hours_ago: whole hours from the end of that hour to the snapshot; 0 for the last 60 minutes.
        hour: when it began: `hours_ago` + 1 hours before the snapshot.
    """

    hours_ago: int
    hour: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every figure about the test data, taken at one moment; the only producer of figures.

    Attributes:
        taken_at: by the database's clock.
        cutoff: rows older than this are stale.
        ages: rows per bucket of `AGE_BUCKETS`, and `FUTURE_BUCKET`.
        trend: the last 24 hours, the last 60 minutes first.
        pending_events: calendar events of archived rows that nobody has seen gone.
        sensors: when each sensor that has ever run had its last heartbeat.
        undelivered_alerts: messages that some channel has not taken for half an hour.
        usage: what a recommended command needs to mean the same rows.
    """

    database: str
    taken_at: datetime
    cutoff: datetime
    total: int
    active: int
    cancelled: int
    test_users: int
    suspect_users: int
    oldest: datetime | None
    newest: datetime | None
    ages: Mapping[str, int]
    stale: Staleness
    residue: Residue
    pending_events: int
    trend: tuple[HourCount, ...]
    storage: Storage
    alerts: tuple[Alert, ...] = ()
    recommendations: tuple[str, ...] = ()
    sensors: Mapping[str, datetime] = field(default_factory=dict)
    undelivered_alerts: int = 0
    usage: Usage = field(default_factory=Usage)

    @property
    def created_last_hour(self) -> int:
        return self.ages[AGE_BUCKETS[0]]

    @property
    def stale_buckets(self) -> frozenset[str]:
        """The age buckets that lie wholly beyond the retention."""
        kept = self.taken_at - self.cutoff
        starts = zip(AGE_BUCKETS, _BUCKET_STARTS, strict=True)
        return frozenset(bucket for bucket, hours in starts if timedelta(hours=hours) >= kept)


@dataclass(frozen=True, slots=True)
class Offenders:
    """Rows that a check objects to: the exact number, and a masked sample of them."""

    total: int
    sample: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def is_truncated(self) -> bool:
        return self.total > len(self.sample)


@dataclass(frozen=True, slots=True)
class StoredBooking:
    """What the database holds for one call, unmasked: to be compared with what was said, not to be shown."""

    appointment_id: int
    user_id: int
    full_name: str = field(repr=False)
    mobile: str = field(repr=False)
    user_created_at: datetime
    starts_at: datetime
    duration_min: int
    status: str
    notes: str | None
    google_event_id: str | None
    is_test_data: bool
    created_at: datetime
    marked_by_app: bool
    proof: str
    clock: datetime
