import signal

import pytest
from django.core.management import call_command

from accounts.models import User
from alerts.models import Alert, Delivery

pytestmark = pytest.mark.django_db(transaction=True)


def test_once_does_all_that_is_due_and_ends(mailoutbox):
    for name in ("ada", "bea"):
        User.objects.create_user(name, f"{name}@example.org")
    call_command("relay", "--once")
    assert list(Alert.objects.order_by("position").values_list("position", flat=True)) == [1, 2, 3, 4]
    assert not Alert.objects.filter(expanded_at=None).exists()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert sorted(mail.to[0] for mail in mailoutbox) == ["ada@example.org", "bea@example.org"]
    call_command("relay", "--once")
    assert len(mailoutbox) == 2


def test_once_with_nothing_to_do_ends_at_once(mailoutbox):
    call_command("relay", "--once")
    assert mailoutbox == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_relay_runs_until_it_is_told_to_end(site, number):
    relay = site.relay()
    relay.wait_for_log("The relay runs. Stop it with Ctrl-C.")
    assert relay.end(number) == 0
    assert "ends after the work at hand" in relay.read_log()
