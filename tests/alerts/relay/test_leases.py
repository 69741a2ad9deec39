from datetime import timedelta

import pytest
from django.db.models.functions import Now

from alerts.models import Delivery
from alerts.relay.leases import Leases

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    """A monotonic clock that stands still until it is told otherwise."""

    def __init__(self):
        self.seconds = 1_000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def due(make_users, make_delivery):
    return [make_delivery(user).pk for user in make_users(3)]


def states():
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_what_is_due_is_leased_up_to_the_limit_the_oldest_first(due):
    Delivery.objects.filter(pk=due[2]).update(next_try=Now() - timedelta(hours=1))
    leases = Leases("email")
    assert leases.take(2) == [due[2], due[0]]
    assert states() == ["leased", "waiting", "leased"]
    assert leases.take(2) == [due[1]]
    assert leases.take(2) == []


def test_what_is_not_due_or_another_transports_is_left_alone(due):
    Delivery.objects.filter(pk=due[0]).update(next_try=Now() + timedelta(minutes=1))
    Delivery.objects.filter(pk=due[1]).update(transport="webpush")
    assert Leases("email").take(10) == [due[2]]


def test_two_relays_at_once_lease_each_delivery_once(due, make_users, at_once):
    one, two = at_once(lambda: Leases("email").take(2), lambda: Leases("email").take(2))
    assert set(one).isdisjoint(two)
    assert len(one) + len(two) in (2, 3)  # SKIP LOCKED may skip what the other has only looked at


def test_a_lease_is_taken_over_after_30_seconds_of_the_same_beat_on_the_observers_clock(due, clock):
    dead, heir = Leases("email"), Leases("email", clock)
    keys = dead.take(10)
    assert heir.take_over() == []
    clock.seconds += 29.9
    assert heir.take_over() == []
    clock.seconds += 0.2
    assert sorted(heir.take_over()) == sorted(keys)
    assert set(Delivery.objects.values_list("holder", "state", "beat")) == {(heir.holder, "leased", 1)}


def test_a_holder_whose_beat_rises_keeps_its_lease_for_ever(due, clock):
    alive, observer = Leases("email"), Leases("email", clock)
    alive.take(10)
    for _ in range(20):
        assert observer.take_over() == []
        clock.seconds += 25
        alive.beat()


def test_a_sending_that_its_holder_left_is_taken_over_as_well(due, clock):
    dead, heir = Leases("email"), Leases("email", clock)
    keys = dead.take(1)
    Delivery.objects.filter(pk__in=keys).update(state="sending")
    heir.take_over()
    clock.seconds += 31
    assert heir.take_over() == keys


def test_of_two_observers_one_takes_over(due, clock):
    dead, one, two = Leases("email"), Leases("email", clock), Leases("email", clock)
    dead.take(10)
    one.take_over()
    two.take_over()
    clock.seconds += 31
    assert len(one.take_over()) == 3
    assert two.take_over() == []


def test_what_ended_meanwhile_is_not_taken_over(due, clock):
    dead, heir = Leases("email"), Leases("email", clock)
    dead.take(10)
    heir.take_over()
    clock.seconds += 31
    Delivery.objects.update(state="sent")
    assert heir.take_over() == []
    assert states() == ["sent"] * 3


def test_what_was_leased_and_not_begun_is_given_back_and_what_was_begun_is_not(due):
    leases = Leases("email")
    leases.take(10)
    Delivery.objects.filter(pk=due[0]).update(state="sending")
    leases.give_back()
    assert states() == ["sending", "waiting", "waiting"]
    assert len(Leases("email").take(10)) == 2


def test_after_a_failure_all_that_is_still_held_is_free_again_and_only_ones_own(due):
    leases, other = Leases("email"), Leases("email")
    [begun, _] = leases.take(2)
    Delivery.objects.filter(pk=begun).update(state="sending")
    other.take(1)
    leases.recall()
    assert sorted(states()) == ["leased", "waiting", "waiting"]


def test_a_beat_of_one_who_holds_nothing_costs_one_question(due, django_assert_num_queries):
    with django_assert_num_queries(1):
        Leases("email").beat()
