"""The few rules of the Dagster side that need neither a run nor a database."""

import base64
import io

import pytest
from matplotlib.image import imread

from prodtest_assets.defs.history import expected_volume
from prodtest_assets.defs.metadata import none_left, size, table_text
from prodtest_assets.defs.pictures import age_histogram, hourly_trend
from prodtest_assets.defs.verdicts import Bench, Outcome
from prodtest_assets.settings import load_settings
from prodtest_assets.testdata.masking import masked
from prodtest_assets.testdata.models import Offenders
from prodtest_assets.what_to_hide import secrets_of


def test_too_short_a_history_expects_nothing() -> None:
    assert expected_volume([3, 4, 5, 6]) is None


def test_one_busy_day_does_not_widen_what_is_usual() -> None:
    calm, with_outlier = expected_volume([100, 104, 96, 100, 102]), expected_volume([100, 104, 96, 100, 5000])

    assert calm is not None
    assert with_outlier is not None
    assert calm.at_most == with_outlier.at_most == 150


def test_a_lively_history_leaves_more_room() -> None:
    expected = expected_volume([0, 100, 200, 300, 400])

    assert expected is not None
    assert expected.at_most == pytest.approx(200 + 3 * 1.4826 * 100)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("stored +12125550123 instead", "stored +1212*****23 instead"),
        ("(212) 555-0123", "21255***23"),
        ("+447700900123", "+4477******23"),
        ("'+12125550123...", "'+1212*****23..."),
        ("appointment 4711 at 2026-11-23 14:00:00+00:00", "appointment 4711 at 2026-11-23 14:00:00+00:00"),
        ("run 550e8400-e29b-41d4-a716-446655440000", "run 550e8400-e29b-41d4-a716-446655440000"),
        ("postgresql://me:secret@host/db", "postgresql://***@host/db"),
        ("Alma Kabelora and KABELORA", "A*** K*** and K***"),
        ("token abcd1234 sent", "token *** sent"),
    ],
)
def test_what_must_not_leak_is_masked_and_the_rest_stays(text: str, shown: str) -> None:
    assert masked(text, secrets=["abcd1234"], names=["Alma Kabelora"]) == shown


def test_a_password_is_a_secret_in_both_spellings() -> None:
    settings = load_settings(db_url="postgresql://me:p%40ssword@host/db", auth_token="token-1")

    assert {"p%40ssword", "p@ssword", "token-1"} <= secrets_of(settings)


def test_a_password_behind_the_question_mark_is_a_secret_too() -> None:
    settings = load_settings(db_url="postgresql://me@host/db?password=p%40ssword&sslpassword=of-the-key")

    assert {"p@ssword", "of-the-key"} <= secrets_of(settings)


def test_a_cell_with_a_bar_or_a_line_break_stays_one_cell() -> None:
    assert table_text([{"a": "x|y\nz", "b": None}]).splitlines()[2] == r"| x\|y z |  |"


@pytest.mark.parametrize(("number", "text"), [(None, "unknown"), (512, "512 bytes"), (1536, "1.5 kB")])
def test_sizes_are_readable(number: int | None, text: str) -> None:
    assert size(number) == text


def test_offenders_beyond_the_sample_are_counted_and_said_to_be_missing() -> None:
    result = none_left(Offenders(30, ({"id": 1},)), what="rows", fix="prodtest cleanup", section="stale-rows")

    assert (result.passed, result.metadata["count"].value, result.metadata["truncated"].value) == (False, 30, True)


def test_a_failure_of_one_parameter_is_kept_when_the_process_dies_before_the_others() -> None:
    bench = Bench(("test_it",))
    list(bench.take({"kind": "collected", "cases": {"test_it": 3}, "deselected": []}))
    list(bench.take({"kind": "case", "check": "test_it", "name": "test_it[0]", "outcome": "failed", "message": "no"}))

    (verdict,) = bench.rest("killed")

    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "no")


def test_parameters_that_passed_do_not_hide_those_that_never_ran() -> None:
    bench = Bench(("test_it",))
    list(bench.take({"kind": "collected", "cases": {"test_it": 2}, "deselected": []}))
    list(bench.take({"kind": "case", "check": "test_it", "name": "test_it[0]", "outcome": "passed"}))

    (verdict,) = bench.rest("killed")

    assert (verdict.outcome, verdict.reason) == (Outcome.DID_NOT_RUN, "killed")


def test_a_picture_shows_how_high_the_bars_are() -> None:
    low, high = (age_histogram([("< 1 hour", 1), ("1-6 hours", rows)], stale_from=1).value for rows in (1, 2))

    assert low != high


def test_every_bar_fits_into_its_picture() -> None:
    picture = hourly_trend([("08:00", 1), ("09:00", 40)]).value
    image = imread(io.BytesIO(base64.b64decode(picture.partition("base64,")[2][:-1])))
    coloured = (abs(image[:, :, 0] - image[:, :, 2]) > 0.2).any(axis=1)

    # The highest bar ends below the frame of the plot, whose top is in the first sixth of the picture.
    assert coloured.any()
    assert int(coloured.argmax()) > image.shape[0] // 8
