import time

import pytest
from django.db import connection

from accounts.models import User
from alerts.models import Alert, Delivery
from alerts.relay.bell import bell
from alerts.relay.service import Relay
from tests.servers.ports import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_relay_that_runs_once_numbers_expands_and_delivers_and_then_is_done(mailoutbox):
    User.objects.create_user("ada", "ada@example.org")
    relay = Relay()
    relay.run_once()
    assert not Alert.objects.filter(position=None).exists()
    assert not Alert.objects.filter(expanded_at=None).exists()
    assert [mail.to for mail in mailoutbox] == [["ada@example.org"]]
    relay.run_once()
    assert len(mailoutbox) == 1


def test_a_relay_at_work_finds_what_nobody_rang_for_and_ends_when_told(mailoutbox):
    connection.close()
    relay = Relay()
    relay.start()
    try:
        User.objects.create_user("ada", "ada@example.org")
        wait_until(lambda: Delivery.objects.filter(state="sent").exists(), what="the mail")
    finally:
        began = time.monotonic()
        relay.stop()
    assert time.monotonic() - began < 5
    assert not bell._loop.is_running
    assert not any(loop.is_running for loop in relay._loops)
    assert len(mailoutbox) == 1


def test_a_relay_that_ends_leaves_another_ones_wake_up_in_place():
    one, two = Relay(), Relay()
    one.start()
    two.start()
    try:
        one.stop()
        assert two._expanding.wake in bell.after_numbering
    finally:
        two.stop()
    assert bell.after_numbering == []
