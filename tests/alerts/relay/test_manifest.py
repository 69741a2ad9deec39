import pytest

from accounts.models import User
from alerts.models import Delivery
from alerts.relay.manifest import Manifest
from alerts.relay.marks import Marks

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    seconds = 1_000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def manifest(clock):
    return Manifest(Marks("me"), clock)


@pytest.fixture
def deliveries(make_users, make_delivery):
    return [make_delivery(user, state="leased", holder="me") for user in make_users(5)]


def keys(deliveries):
    return [delivery.pk for delivery in deliveries]


def test_many_are_read_by_two_queries(manifest, deliveries, django_assert_num_queries):
    with django_assert_num_queries(2):
        manifest.read(keys(deliveries))
        for number, key in enumerate(keys(deliveries)):
            delivery = manifest.delivery(key)
            assert delivery.alert.title == "News"
            assert manifest.recipient(delivery).username == f"user{number}"


def test_what_is_known_is_a_second_old_at_most(manifest, clock, deliveries):
    assert not manifest.is_fresh
    manifest.read(keys(deliveries))
    clock.seconds += 0.9
    assert manifest.is_fresh
    clock.seconds += 0.2
    assert not manifest.is_fresh


def test_what_another_holds_is_not_on_it(manifest, deliveries):
    Delivery.objects.filter(pk=deliveries[0].pk).update(holder="heir")
    Delivery.objects.filter(pk=deliveries[1].pk).update(state="discarded")
    manifest.read(keys(deliveries))
    assert [manifest.delivery(key) is None for key in keys(deliveries)] == [True, True, False, False, False]


def test_who_is_gone_inactive_or_no_key_of_a_user_is_no_recipient(manifest, deliveries):
    User.objects.filter(username="user0").update(is_active=False)
    User.objects.get(username="user1").delete()
    Delivery.objects.filter(pk=deliveries[2].pk).update(recipient="5f0c7a0e-of-another-model")
    manifest.read(keys(deliveries))
    found = [manifest.recipient(manifest.delivery(key)) for key in keys(deliveries)]
    assert [user.username if user else None for user in found] == [None, None, None, "user3", "user4"]
