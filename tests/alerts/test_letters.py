import pytest
from django.db.models.functions import Now

from alerts import letters
from alerts.models import Delivery
from alerts.outbox import record
from alerts.relay.leases import Leases

pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State


@pytest.fixture
def letter():
    alert = record(kind="test.news", audience="everyone", title="News")

    def make(state, **fields):
        return Delivery.objects.create(
            **{
                "alert": alert,
                "transport": "email",
                "recipient": f"r{Delivery.objects.count()}",
                "address": "x@example.org",
                "next_try": Now(),
                "state": state,
            }
            | fields
        )

    return make


@pytest.mark.parametrize("state", State.values)
def test_only_the_dead_and_the_discarded_are_retried(letter, state):
    one = letter(state, attempts=9, reason="550", holder="h" if state in ("leased", "sending") else "")
    count = letters.retry(Delivery.objects.all())
    one.refresh_from_db()
    if state in (State.DEAD, State.DISCARDED):
        assert (count, one.state, one.attempts, one.reason) == (1, "waiting", 0, "Before the retry: 550")
    else:
        assert (count, one.state, one.attempts, one.reason) == (0, state, 9, "550")


@pytest.mark.parametrize("state", State.values)
def test_only_the_dead_and_the_waiting_are_discarded(letter, state):
    one = letter(state, reason="550", holder="h" if state in ("leased", "sending") else "")
    count = letters.discard(Delivery.objects.all())
    one.refresh_from_db()
    assert (count, one.state) == ((1, "discarded") if state in (State.DEAD, State.WAITING) else (0, state))
    assert one.reason == "550"


def test_a_retried_letter_is_due_at_once_for_any_relay(letter):
    one = letter(State.DEAD)
    letters.retry(Delivery.objects.all())
    assert Leases("email").take(10) == [one.pk]


def test_one_that_a_relay_has_taken_meanwhile_is_left_to_it(letter):
    letter(State.WAITING)
    chosen = Delivery.objects.filter(state=State.WAITING)
    assert Leases("email").take(10)
    assert letters.discard(chosen) == 0
    assert Delivery.objects.get().state == State.LEASED
