"""How fast a cleanup goes."""

from dataclasses import dataclass, field

import pytest

from prodtest_assets.testdata.cleanup.pace import LONGEST_REST_SECONDS, Pace


@dataclass
class Watch:
    """A clock that only rests move."""

    now: float = 0.0
    rests: list[float] = field(default_factory=list)

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_alone_it_takes_whole_batches_without_a_rest(watch):
    pace = Pace(watch.read, watch.sleep)
    pace.rest(0, seconds=0.1)
    assert pace.rows_of_a_step(2_000) == 2_000
    assert watch.rests == []


def test_beside_somebody_who_writes_it_takes_small_steps_and_rests_longer_than_it_works(watch):
    pace = Pace(watch.read, watch.sleep)
    pace.rest(1, seconds=0.1)
    assert pace.rows_of_a_step(2_000) < 2_000
    assert pace.rows_of_a_step(5) == 5
    assert watch.rests[0] > 0.1


def test_it_stays_gentle_for_a_while_after_the_last_write_and_then_hurries_again(watch):
    pace = Pace(watch.read, watch.sleep)
    pace.rest(1, seconds=0.1)
    watch.now += 5
    pace.rest(0, seconds=0.1)
    assert len(watch.rests) == 2
    watch.now += 6
    assert pace.rows_of_a_step(2_000) == 2_000


def test_no_rest_is_so_long_that_the_lease_would_end(watch):
    Pace(watch.read, watch.sleep).rest(1, seconds=60)
    assert watch.rests == [LONGEST_REST_SECONDS]
