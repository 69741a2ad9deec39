import pytest
from django.db.models.functions import Now

from alerts import letters
from alerts.models import Delivery
from alerts.outbox import record
from alerts.relay.leases import Leases

pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State
REFUSED = "550 No such mailbox"


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
                "reason": REFUSED,
                "holder": "h" if state in ("leased", "sending") else "",
            }
            | fields
        )

    return make


@pytest.mark.parametrize("state", State.values)
def test_only_the_dead_and_the_discarded_are_retried(letter, state):
    one = letter(state, attempts=9)
    settled = letters.retry(deliveries=Delivery.objects.all())
    one.refresh_from_db()
    if state in (State.DEAD, State.DISCARDED):
        assert settled == letters.Settled(done=1, left={}, taken=0)
        assert (one.state, one.attempts, one.reason) == ("waiting", 0, f"Before the retry: {REFUSED}")
    else:
        assert settled == letters.Settled(done=0, left={state: 1}, taken=0)
        assert (one.state, one.attempts, one.reason) == (state, 9, REFUSED)


def test_a_letter_that_is_retried_is_held_up_by_nobody_any_more(letter):
    one = letter(State.DISCARDED, is_held_up=True)
    letters.retry(deliveries=Delivery.objects.all())
    one.refresh_from_db()
    assert not one.is_held_up


@pytest.mark.parametrize("state", State.values)
def test_only_the_dead_and_the_waiting_are_discarded(letter, state):
    one = letter(state)
    settled = letters.discard(deliveries=Delivery.objects.all())
    one.refresh_from_db()
    if state in (State.DEAD, State.WAITING):
        assert (settled, one.state) == (letters.Settled(done=1, left={}, taken=0), "discarded")
    else:
        assert (settled, one.state) == (letters.Settled(done=0, left={state: 1}, taken=0), state)
    assert one.reason == REFUSED


def test_no_other_delivery_is_touched(letter):
    chosen, other = letter(State.DEAD), letter(State.DEAD)
    assert letters.discard(deliveries=Delivery.objects.filter(pk=chosen.pk)).done == 1
    other.refresh_from_db()
    assert other.state == State.DEAD


def test_a_retried_letter_is_due_at_once_for_any_relay(letter):
    one = letter(State.DEAD)
    letters.retry(deliveries=Delivery.objects.all())
    assert Leases("email").take(10) == [one.pk]


@pytest.mark.parametrize(("reason", "kept"), [(REFUSED, f"Before the retry: {REFUSED}"), ("", "")])
def test_a_reason_is_marked_once_however_often_one_is_retried(letter, reason, kept):
    one = letter(State.DEAD, reason=reason)
    for _ in range(2):
        letters.retry(deliveries=Delivery.objects.all())
        letters.discard(deliveries=Delivery.objects.all())
    one.refresh_from_db()
    assert one.reason == kept


def test_one_that_a_relay_takes_in_between_is_left_to_it(letter, monkeypatch):
    monkeypatch.setattr(letters, "BATCH", 1)
    letter(State.WAITING)
    second = letter(State.WAITING)
    relay, taken = Leases("email"), []
    settled = letters.discard(deliveries=Delivery.objects.all(), note=lambda rows: taken.extend(relay.take(10)))
    assert settled == letters.Settled(done=1, left={}, taken=1)
    assert taken == [second.pk]
    assert [one.state for one in Delivery.objects.order_by("pk")] == ["discarded", "leased"]


def test_two_admins_and_a_relay_at_once_settle_each_letter_once(letter, at_once):
    for _ in range(40):
        letter(State.WAITING)
    relay = Leases("email")
    noted: list[Delivery] = []

    def discard():
        return letters.discard(deliveries=Delivery.objects.all(), note=noted.extend)

    first, taken, second = at_once(discard, lambda: relay.take(20), discard)
    discarded = set(Delivery.objects.filter(state=State.DISCARDED).values_list("pk", flat=True))
    leased = set(Delivery.objects.filter(state=State.LEASED).values_list("pk", flat=True))
    assert leased == set(taken)
    assert first.done + second.done == len(discarded) == 40 - len(leased)
    assert sorted(one.pk for one in noted) == sorted(discarded)


def test_a_note_that_fails_takes_the_change_back(letter):
    one = letter(State.DEAD)

    def note(rows):
        assert [row.pk for row in rows] == [one.pk]
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        letters.discard(deliveries=Delivery.objects.all(), note=note)
    one.refresh_from_db()
    assert one.state == State.DEAD


def test_more_than_a_transaction_takes_are_all_settled(letter, monkeypatch):
    monkeypatch.setattr(letters, "BATCH", 2)
    for state in (State.DEAD,) * 5 + (State.SENT,):
        letter(state)
    batches = []
    settled = letters.retry(deliveries=Delivery.objects.all(), note=lambda rows: batches.append(len(rows)))
    assert settled == letters.Settled(done=5, left={"sent": 1}, taken=0)
    assert batches == [2, 2, 1]
