from consumers.pace import FLOOD, PER_MINUTE, Pace


def test_a_hundred_at_once_and_no_more():
    pace = Pace()
    assert [pace.allows(1000.0) for _ in range(PER_MINUTE + 2)] == [True] * PER_MINUTE + [False] * 2


def test_a_hundred_a_minute_go_on_for_ever():
    pace = Pace()
    assert all(pace.allows(1000.0 + number * 0.6) for number in range(1_000))
    assert not pace.is_flood()


def test_a_thousand_a_second_are_a_flood_within_a_second():
    pace = Pace()
    for number in range(1_000):
        pace.allows(1000.0 + number / 1000)
    assert pace.is_flood()


def test_a_few_too_many_are_no_flood():
    pace = Pace()
    for _ in range(PER_MINUTE + FLOOD):
        pace.allows(1000.0)
    assert not pace.is_flood()
    pace.allows(1020.0)
    assert not pace.is_flood()


def test_a_pause_is_made_up_for():
    pace = Pace()
    for _ in range(PER_MINUTE + 1):
        pace.allows(1000.0)
    assert not pace.allows(1000.5)
    assert pace.allows(1001.2)
    assert all(pace.allows(1100.0) for _ in range(PER_MINUTE))
