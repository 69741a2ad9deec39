from alerts.frames import Entry
from consumers.batch import Batch
from consumers.window import Window


def batch(*positions: int, size: int = 10) -> Batch:
    return Batch([Entry(position, "everyone", str(position), "{}", size) for position in positions], positions[-1])


def test_it_is_full_in_number_or_in_bytes():
    window = Window(3, 100)
    window.add(batch(1, 2))
    assert (window.is_full, window.alerts, window.bytes) == (False, 1, 80)
    window.add(batch(3))
    assert window.is_full
    window = Window(3, 100)
    window.add(batch(1, size=100))
    assert window.is_full


def test_an_acknowledgement_frees_what_is_up_to_it_and_ends_the_time_it_was_full():
    window = Window(4, 100)
    window.add(batch(1, 3, size=20))
    window.add(batch(4, 8, size=30))
    window.full_since = 5.0
    window.acknowledge(0)
    assert (window.alerts, window.bytes, window.full_since) == (0, 0, 5.0)
    window.acknowledge(2)
    assert (window.alerts, window.bytes) == (1, 20)
    assert window.full_since is None
    window.acknowledge(4)
    assert (window.alerts, window.bytes) == (3, 70)
    assert [window.frees(position) for position in (4, 7, 8)] == [False, False, True]
    window.acknowledge(100)
    assert (window.alerts, window.bytes, window.frees(100)) == (4, 100, False)


def test_cleared_it_is_as_new():
    window = Window(2, 100)
    window.add(batch(1, 2))
    window.acknowledge(1)
    window.clear()
    window.add(batch(5))
    window.acknowledge(5)
    assert (window.alerts, window.bytes) == (2, 100)
