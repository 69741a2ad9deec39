import threading
import time

import pytest

from alerts.watchdog import Watchdog


@pytest.fixture
def bitten():
    return threading.Event()


@pytest.fixture
def watchdog(bitten):
    watchdog = Watchdog(0.2, bitten.set)
    yield watchdog
    watchdog.close()


def test_what_takes_too_long_is_bitten(watchdog, bitten):
    began = time.monotonic()
    with watchdog.watch():
        assert bitten.wait(2)
    assert time.monotonic() - began >= 0.19


def test_what_ends_in_time_is_left_alone_however_many_there_are(watchdog, bitten):
    for _ in range(10):
        with watchdog.watch():
            time.sleep(0.05)
    assert not bitten.is_set()


def test_one_that_comes_late_has_its_whole_time(watchdog, bitten):
    with watchdog.watch():
        pass
    time.sleep(0.15)
    began = time.monotonic()
    with watchdog.watch():
        assert bitten.wait(2)
    assert time.monotonic() - began >= 0.19


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "alerts-watchdog"]


def test_it_has_one_thread_for_all_and_none_once_it_is_closed(bitten):
    before = threads()
    watchdog = Watchdog(60, bitten.set)
    for _ in range(3):
        with watchdog.watch():
            [own] = set(threads()) - set(before)
    watchdog.close()
    watchdog.close()
    own.join(2)
    assert not own.is_alive()
