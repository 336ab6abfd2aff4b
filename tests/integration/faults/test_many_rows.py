"""A million stale rows."""

import secrets

import pytest

from benchmarks.cleanup_process import figures_of, start_cleanup
from benchmarks.dataset import make_database
from prodtest_assets.testdata.connection import open_database
from prodtest_assets.testdata.proof import customer_fingerprints, rows_changed


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_million_stale_rows_go_and_no_customer_is_touched(postgres, record_property):
    name = f"many_rows_{secrets.token_hex(4)}_test"
    url = make_database(postgres, name, customers=100_000, tests=1_333_340)
    try:
        with open_database(url) as database:
            before = customer_fingerprints(database)
            figures = figures_of(start_cleanup(url))
            assert figures.stop_reason == "drained"
            assert figures.deleted["appointments"] == 1_000_005
            assert figures.peak_memory_bytes < 150_000_000
            assert rows_changed(database, before) == 0
            archived = database.rows("archive_total")
            assert {row["table_name"]: row["count"] for row in archived} == figures.deleted
    finally:
        postgres.drop_database(name)
    record_property("rows removed", figures.rows)
    record_property("seconds", round(figures.seconds, 1))
    record_property("peak memory in MB", round(figures.peak_memory_bytes / 1e6))
