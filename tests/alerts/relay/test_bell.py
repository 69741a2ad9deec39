import threading

import pytest
from django.core import mail

from alerts.models import Alert
from alerts.outbox import record
from alerts.relay.bell import Bell
from tests.servers.ports import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bell(monkeypatch):
    """A bell of this test's own, in a process that is no test run."""
    own = Bell()
    monkeypatch.delattr(mail, "outbox")
    monkeypatch.setattr("alerts.outbox.bell", own)
    yield own
    own.stop(5)


def numbered():
    return list(Alert.objects.filter(position__isnull=False).order_by("position").values_list("title", flat=True))


def test_the_first_alert_starts_the_thread_and_it_is_numbered(bell):
    assert not bell._loop.is_running
    record(kind="test.news", audience="staff", title="First")
    wait_until(lambda: numbered() == ["First"], what="the number")
    record(kind="test.news", audience="staff", title="Second")
    wait_until(lambda: numbered() == ["First", "Second"], what="the second number")


def test_in_a_test_run_nothing_is_numbered_by_itself():
    bell = Bell()
    bell.ring()
    assert not bell._loop.is_running


def test_after_numbering_the_others_are_woken(bell):
    woken = threading.Event()
    bell.after_numbering.append(woken.set)
    record(kind="test.news", audience="staff", title="First")
    assert woken.wait(5)


def test_a_bell_that_sweeps_finds_what_a_dead_process_left(bell):
    record(kind="test.news", audience="staff", title="First")
    wait_until(lambda: numbered() == ["First"], what="the number")
    bell.sweep()
    Alert.objects.create(kind="x", audience="staff", title="Left", created=Alert.objects.get().created)
    wait_until(lambda: numbered() == ["First", "Left"], what="the sweep")


def test_a_forked_child_starts_a_thread_of_its_own(bell):
    bell.ring()
    thread = bell._loop._thread
    bell._forget()
    assert not bell._loop.is_running
    bell.ring()
    assert bell._loop.is_running
    assert bell._loop._thread is not thread
    thread.join(0)
