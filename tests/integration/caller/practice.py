"""The dentist's database: the two tables of the contract, written in another way than the sandbox does.

A returning caller keeps their profile, the status is another word, and no row is marked unless the practice has
learnt to.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

ZONE = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class Practice:
    """Keeps visits in a database.

    Attributes:
        marks: it marks what test callers book; their numbers tell them.
    """

    url: str
    marks: bool = False

    def book(self, visit: dict[str, object]) -> None:
        """Store a visit as its caller described it."""
        with psycopg.connect(self.url) as connection:
            user = connection.execute(
                "INSERT INTO users (full_name, mobile) VALUES (%(name)s, %(from)s)"
                " ON CONFLICT (mobile) DO UPDATE SET mobile = excluded.mobile RETURNING id",
                visit,
            ).fetchone()
            assert user is not None
            connection.execute(
                "INSERT INTO appointments (user_id, starts_at, duration_min, status, is_test_data)"
                " VALUES (%s, %s, %s, 'confirmed', %s)",
                (
                    user[0],
                    start_of(str(visit["day"]), str(visit["time"])),
                    visit["minutes"],
                    self.marks and "55501" in str(visit["from"]),
                ),
            )


def start_of(day: str, time: str) -> datetime:
    """The next `Monday, November 23` with `2:30 PM` on the practice's clock."""
    now = datetime.now(UTC).astimezone(ZONE)
    clock = datetime.strptime(time, "%I:%M %p" if ":" in time else "%I %p").replace(tzinfo=ZONE)
    for year in (now.year, now.year + 1):
        date = datetime.strptime(f"{day} {year}", "%A, %B %d %Y").replace(tzinfo=ZONE)
        start = date.replace(hour=clock.hour, minute=clock.minute)
        if start > now - timedelta(days=1):
            return start
    raise ValueError(day)
