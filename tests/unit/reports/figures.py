"""A snapshot and a report without a database, to be changed by `dataclasses.replace`."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prodtest_assets.testdata.checks import checks_of
from prodtest_assets.testdata.models import AGE_BUCKETS, FUTURE_BUCKET, HourCount, Residue, Snapshot, Staleness, Storage
from prodtest_assets.testdata.report_models import (
    CallFacts,
    CaseFacts,
    CheckHistory,
    CheckState,
    CleanupFacts,
    FieldFacts,
    ReportFacts,
    RunFacts,
    TurnFacts,
    VolumePoint,
)

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
DAY = timedelta(hours=24)
RUN = UUID("11111111-2222-3333-4444-555555555555")


def snapshot(**ages: int) -> Snapshot:
    """Ten rows, three of which are stale. `ages` replaces counts: `under_1`, `future`."""
    counts = dict(zip(AGE_BUCKETS, (1, 2, 1, 3, 1, 1, 1), strict=True)) | {FUTURE_BUCKET: ages.get("future", 0)}
    counts[AGE_BUCKETS[0]] = ages.get("under_1", 1)
    return Snapshot(
        database="booking_test",
        taken_at=NOW,
        cutoff=NOW - DAY,
        total=10,
        active=8,
        cancelled=2,
        test_users=9,
        suspect_users=0,
        oldest=NOW - 4 * DAY,
        newest=NOW,
        ages=counts,
        stale=Staleness(3, 0, 0),
        residue=Residue(3, 0, 0, 0, 3),
        pending_events=0,
        trend=tuple(HourCount(h, NOW - timedelta(hours=h + 1), h % 3) for h in range(24)),
        storage=Storage(1_000, 500, 90_000, 40_000, None),
    )


def report(
    taken: Snapshot | None = None, *, said: str = "10:00", words: str = "Hello", target: str = "t"
) -> ReportFacts:
    """A report in which everything occurs once."""
    taken = taken or snapshot()
    call = CallFacts(
        call_sid="CA1",
        run_id=RUN,
        persona="quick_booking",
        caller="A*** B***, +1212*****23",
        outcome="booked",
        opened_at=NOW,
        fields=(FieldFacts("start", said, "11:00", False), FieldFacts("status", "booked", "booked", True)),
        transcript=(TurnFacts("application", words, 200, 0.25), TurnFacts("caller", "yes", None, None)),
    )
    tests = (
        CaseFacts("test_flow.py", "test_booking", "failed", 2.5, words),
        CaseFacts("test_flow.py", "test_calendar", "skipped", 0, "GOOGLE_CALENDAR_ENABLED not configured"),
        CaseFacts("test_flow.py", "test_greeting[5 digits]", "passed", 1, ""),
    )
    return ReportFacts(
        snapshot=taken,
        before=taken,
        runs=(RunFacts(RUN, target, NOW - DAY, NOW, "failed", 33, 1, 1, 91, 84, tests),),
        calls=(call,),
        calls_left_out=0,
        cleanups=(
            CleanupFacts(RUN, False, NOW, NOW, "drained", {"appointments": 1, "users": 2}, "qa@host", 900, 0, 3),
        ),
        volumes=(VolumePoint(NOW - DAY, 40, 30), VolumePoint(NOW, 10, 3)),
        checks=tuple(
            CheckHistory(check.name, check.what, check.do, (CheckState(NOW, check.count),))
            for check in checks_of(taken)
        ),
    )
