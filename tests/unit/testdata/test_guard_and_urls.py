"""Names that allow writing, and URLs in every documented form."""

import pytest

from prodtest_assets.errors import ConfigurationError
from prodtest_assets.testdata.connection import masked_url, normalize_url
from prodtest_assets.testdata.guard import reason_to_refuse_name


@pytest.mark.parametrize("name", ["booking_test", "test", "staging-bookings", "Dev", "app.dev", "test2"])
def test_a_name_that_says_test_staging_or_dev_is_allowed(name):
    assert reason_to_refuse_name(name, None) is None


@pytest.mark.parametrize("name", ["bookings", "contest", "latest", "device", "restaging", ""])
def test_a_name_that_only_contains_such_letters_is_refused(name):
    assert reason_to_refuse_name(name, None)


@pytest.mark.parametrize("name", ["prod_test", "test_live", "production-staging", "PROD_dev"])
def test_a_name_that_also_says_production_needs_the_exact_name(name):
    assert reason_to_refuse_name(name, None)
    assert reason_to_refuse_name(name, name.swapcase())
    assert reason_to_refuse_name(name, name) is None


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"]
)
def test_every_documented_scheme_is_accepted(scheme):
    assert normalize_url(f"{scheme}://u:p@h:5432/d") == "postgresql://u:p@h:5432/d"


def test_a_password_with_every_awkward_character_is_quoted_once():
    assert normalize_url("postgresql://u:a@b:/%c@h/d") == "postgresql://u:a%40b%3A%2F%25c@h/d"
    assert normalize_url("postgresql://u:a%40b@h/d") == "postgresql://u:a%40b@h/d"


def test_the_encryption_that_asyncpg_is_asked_for_is_what_libpq_is_asked_for():
    assert normalize_url("postgresql+asyncpg://u:p@h/d?ssl=require&a=b") == "postgresql://u:p@h/d?sslmode=require&a=b"
    assert normalize_url("postgresql+asyncpg://h/d?a=b&ssl=require") == "postgresql://h/d?a=b&sslmode=require"
    assert normalize_url("postgresql://u:?ssl=x@h/d?sslmode=prefer") == "postgresql://u:%3Fssl%3Dx@h/d?sslmode=prefer"


@pytest.mark.parametrize("url", ["mysql://h/d", "", "h/d", "http://h"])
def test_what_is_no_postgresql_url_is_refused_without_repeating_it(url):
    with pytest.raises(ConfigurationError) as error:
        normalize_url(url)
    assert not url or url not in str(error.value)


def test_a_masked_url_shows_no_password():
    assert masked_url("postgres://u:a@b:/%c@h:5432/d?sslmode=require") == "postgresql://u:***@h:5432/d"
