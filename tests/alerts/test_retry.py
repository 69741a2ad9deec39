import random
from datetime import timedelta

import pytest

from alerts.retry import ATTEMPTS, JITTER, LONGEST, delay


class Middle(random.Random):
    """No jitter."""

    def uniform(self, low, high):
        return 0.0


def test_the_wait_is_a_minute_and_doubles_up_to_a_day():
    waits = [delay(attempts, Middle()) for attempts in range(1, ATTEMPTS)]
    assert waits[:4] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert waits[10:] == [timedelta(minutes=1024), LONGEST, LONGEST, LONGEST]
    total = sum((wait for wait in waits if wait), timedelta())
    assert timedelta(days=3) < total < timedelta(days=6)


def test_after_that_it_is_enough():
    assert delay(ATTEMPTS - 1) is not None
    assert delay(ATTEMPTS) is None
    assert delay(ATTEMPTS + 1) is None


def seconds(attempts, jitter):
    wait = delay(attempts, jitter)
    assert wait is not None
    return wait.total_seconds()


@pytest.mark.parametrize("attempts", [1, 5, 14])
def test_the_wait_is_spread_by_a_fifth_up_or_down(attempts):
    plain, chance = seconds(attempts, Middle()), random.Random(7)
    waits = [seconds(attempts, chance) / plain for _ in range(1_000)]
    assert 1 - JITTER <= min(waits) < 1 - JITTER * 0.9
    assert 1 + JITTER * 0.9 < max(waits) <= 1 + JITTER
