import threading
import time

import pytest
from django.db import OperationalError

from alerts.relay.loop import Loop
from tests.servers.ports import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def start():
    """Starts a loop that ends with the test."""
    loops = []

    def start(work, every=lambda: None):
        loop = Loop("test", work, every)
        loops.append(loop)
        loop.start()
        return loop

    yield start
    for loop in loops:
        loop.stop(5)


class Work:
    """Counts its calls, and answers or fails as told."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_it_works_at_once_and_again_when_woken(start):
    work = Work()
    loop = start(work)
    wait_until(lambda: work.calls == 1, what="the first work")
    loop.wake()
    wait_until(lambda: work.calls == 2, what="the second")


def test_while_there_is_more_it_goes_on_by_itself(start):
    work = Work(True, True, True)
    start(work)
    wait_until(lambda: work.calls == 4, what="all of it")


def test_it_looks_by_itself_at_its_interval(start):
    work = Work()
    start(work, lambda: 0.01)
    wait_until(lambda: work.calls >= 3, what="three looks")


def test_a_failure_is_logged_once_and_the_work_is_tried_again(start, log):
    work = Work(LookupError("a bug"), LookupError("a bug"))
    start(work)
    wait_until(lambda: work.calls == 3, what="the third try")
    assert log.text.count("The test loop failed and tries again: a bug") == 1
    assert "Traceback" in log.text


def test_a_database_out_of_reach_is_one_line(start, log):
    work = Work(OperationalError("no server"))
    start(work)
    wait_until(lambda: work.calls == 2, what="the second try")
    assert "The test loop failed and tries again: no server" in log.text
    assert "Traceback" not in log.text


def test_a_wake_during_the_work_is_not_lost(start):
    begun, may_end, calls = threading.Event(), threading.Event(), []

    def work():
        calls.append(1)
        begun.set()
        may_end.wait(5)
        return False

    loop = start(work)
    begun.wait(5)
    loop.wake()
    may_end.set()
    wait_until(lambda: len(calls) == 2, what="the work for the second wake")


def test_starting_twice_is_one_thread_and_it_starts_again_after_its_end(start):
    loop = start(Work())
    thread = loop._thread
    loop.start()
    assert loop._thread is thread
    loop.stop(5)
    assert not loop.is_running
    loop.start()
    assert loop.is_running


def test_stopping_ends_a_wait_at_once(start):
    loop = start(Work(), lambda: 60.0)
    began = time.monotonic()
    loop.stop(5)
    assert time.monotonic() - began < 1
    assert not loop.is_running
