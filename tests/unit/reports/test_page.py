"""The HTML report: one file that fetches nothing, runs nothing and escapes everything."""

import re
from dataclasses import replace
from datetime import timedelta, timezone
from html.parser import HTMLParser
from uuid import UUID

from prodtest_assets.reports.charts import columns, curve
from prodtest_assets.reports.html import page
from prodtest_assets.testdata.report_models import ReportFacts
from tests.unit.reports.figures import DAY, NOW, report, snapshot

EVIL = "</li><script>alert('x')</script><img src=http://example.com/x onerror=alert(1)>"


class Elements(HTMLParser):
    """Every element of a page with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_the_page_fetches_nothing_and_runs_nothing():
    elements = Elements(page(report()))
    assert not {tag for tag, _ in elements.found} & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert not [
        name for _, attributes in elements.found for name in attributes if name.startswith(("on", "href", "src"))
    ]
    assert "url(" not in page(report())
    policy = [a["content"] for tag, a in elements.found if tag == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_whatever_comes_from_the_database_is_escaped():
    facts = report(replace(snapshot(), database=EVIL), said=EVIL, words=EVIL, target=EVIL)
    elements = Elements(page(facts))
    assert not {tag for tag, _ in elements.found} & {"script", "img"}
    assert elements.text.count("alert('x')") >= 4


def test_everything_a_reader_wants_to_know_is_there():
    text = re.sub(r"\s+", " ", re.sub(r"<", " <", page(report())))
    text = re.sub(r"\s+", " ", Elements(text).text)
    for words in (
        "Something is left that should not be there",
        "33 passed, 1 failed, 1 skipped",
        "test_booking test_flow.py: failed in 2.5 s Hello",
        "test_calendar test_flow.py: skipped in 0.0 s GOOGLE_CALENDAR_ENABLED not configured",
        "test_greeting[5 digits] test_flow.py: passed in 1.0 s",
        "84 of 91 booked",
        "1 appointment, 2 users",
        "3 rows can come back",
        "said: 10:00",
        "quick_booking: stored other than said",
        "HTTP 200, 0.25 s",
        "3 stale test rows that may go",
        "0 to 40",
    ):
        assert words in text


def test_a_run_whose_tests_are_not_known_says_why():
    (run,) = report().runs
    for outcome, words in (("open", "It has not ended yet."), ("abandoned", "It was cut off")):
        facts = replace(report(), runs=(replace(run, tests=(), outcome=outcome),))
        assert words in Elements(page(facts)).text


def test_hours_are_named_in_utc_whatever_zone_the_session_had():
    away = timezone(timedelta(hours=5, minutes=30))
    trend = tuple(replace(entry, hour=entry.hour.astimezone(away)) for entry in snapshot().trend)
    for facts in (report(), report(replace(snapshot(), trend=trend))):
        assert "in the hour from 2026-11-22 11:30 UTC: 0" in Elements(page(facts)).text


def test_a_database_without_a_past_makes_a_page_as_well():
    facts = replace(report(), before=None, runs=(), calls=(), cleanups=(), volumes=())
    text = Elements(page(facts)).text
    assert "No run is in the ledger." in text
    assert "Nothing has been removed yet." in text


def test_every_failed_call_of_the_latest_run_has_its_transcript_and_what_is_left_out_is_counted():
    call = report().calls[0]
    earlier = replace(call, run_id=UUID(int=1), persona="earlier")
    facts: ReportFacts = replace(report(), calls=(*(earlier,) * 15, *(call,) * 25), calls_left_out=7)
    elements = Elements(page(facts))
    assert elements.text.count("quick_booking: stored other than said") == 25
    assert elements.text.count("earlier: stored other than said") == 10
    assert sum(tag == "details" and "open" in attributes for tag, attributes in elements.found) == 2
    assert "20 more calls are not shown." in elements.text  # of those compared, 20 are shown
    assert "5 more of earlier runs are not shown." in elements.text
    assert "7 older calls were not looked at." in elements.text


def test_rows_from_the_future_are_drawn_apart():
    assert "created in the future" in Elements(page(report(snapshot(future=2)))).text
    assert "created in the future" not in Elements(page(report())).text


def test_a_curve_runs_from_edge_to_edge_and_starts_at_zero():
    drawn = curve([NOW - DAY, NOW], [0, 50], [0, 25])
    assert (drawn.total, drawn.stale, drawn.most) == ("0.0,100.0 1000.0,0.0", "0.0,100.0 1000.0,50.0", 50)


def test_a_single_snapshot_of_nothing_is_a_point():
    assert curve([NOW], [0], [0]).total == "0.0,100.0"
    assert [column.share for column in columns([("a", 0, "fresh")])] == [0]
