"""A booking database of any size: customers, test rows, of which three quarters are stale."""

import psycopg

from prodtest_assets.sandbox.marker import mark_as_sandbox
from prodtest_assets.sandbox.postgres import PostgresServer
from prodtest_assets.schema import ensure_schema, migrate_booking_tables
from prodtest_assets.testdata.identity import ReservedNumbers

_CUSTOMERS = """
INSERT INTO users (full_name, mobile, created_at)
SELECT 'Customer ' || n, '+49151' || lpad(n::text, 8, '0'), now() - interval '400 days'
FROM generate_series(1, %(users)s) n;
"""
_CUSTOMER_ROWS = """
INSERT INTO appointments (user_id, starts_at, is_test_data, created_at, notes)
SELECT 1 + n %% %(users)s, now() + n * interval '1 minute', false, now() - interval '90 days', 'a note of some length'
FROM generate_series(1, %(customers)s) n;
"""
_TEST_USERS = """
INSERT INTO users (full_name, mobile, created_at)
SELECT 'Tester ' || n, '+1' || 200 + n / 9000 * 100 + n / 100 %% 90 || '55501' || lpad((n %% 100)::text, 2, '0'),
       now() - interval '40 days'
FROM generate_series(0, %(test_users)s - 1) n;
"""
_TEST_ROWS = """
INSERT INTO appointments (user_id, starts_at, is_test_data, created_at, notes)
SELECT %(users)s + 1 + n %% %(test_users)s, now() + n * interval '1 minute', true,
       now() - CASE WHEN n %% 4 = 0 THEN interval '2 hours' ELSE interval '3 days' END, 'a note of some length'
FROM generate_series(1, %(tests)s) n;
"""
_TEST_USERS_AT_MOST = 20_000


def make_database(server: PostgresServer, name: str, *, customers: int, tests: int) -> str:
    """A migrated, analysed database that the sandbox application may use; returns its URL.

    Args:
        customers: appointments of customers, ten for each customer.
        tests: appointments of tests, three quarters of them three days old.
    """
    url = server.create_database(name)
    migrate_booking_tables(url)
    ensure_schema(url, ReservedNumbers())
    mark_as_sandbox(url)
    sizes = {
        "users": max(customers // 10, 1),
        "customers": customers,
        "tests": tests,
        "test_users": min(max(tests // 10, 1), _TEST_USERS_AT_MOST),
    }
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (_CUSTOMERS, _CUSTOMER_ROWS, _TEST_USERS, _TEST_ROWS):
            connection.execute(statement, sizes)
        connection.execute("VACUUM ANALYZE")
    return url
