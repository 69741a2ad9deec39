import pytest

from alerts.exceptions import TransportError
from alerts.models import Delivery
from alerts.relay.marks import Marks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def keys(make_users, make_delivery):
    return [make_delivery(user, state="leased", holder="me").pk for user in make_users(3)]


def states():
    return list(Delivery.objects.order_by("pk").values_list("state", "attempts"))


def test_the_mark_that_begins_one_message_ends_the_last_in_one_statement(keys, django_assert_num_queries):
    marks = Marks("me")
    Delivery.objects.update(reason="Before")
    assert marks.begin(keys[0], "one@example.org")
    marks.took(keys[0])
    assert states() == [("sending", 0), ("leased", 0), ("leased", 0)], "in doubt until it is marked"
    with django_assert_num_queries(1):
        assert marks.begin(keys[1], "two@example.org")
    assert states() == [("sent", 1), ("sending", 0), ("leased", 0)]
    found = list(Delivery.objects.order_by("pk").values_list("address", "reason"))[:2]
    assert found == [("one@example.org", ""), ("two@example.org", "Before")]


def test_the_last_one_is_settled_once(keys, django_assert_num_queries):
    marks = Marks("me")
    marks.begin(keys[0], "one@example.org")
    marks.took(keys[0])
    marks.settle()
    assert states()[0] == ("sent", 1)
    with django_assert_num_queries(0):
        marks.settle()


@pytest.mark.parametrize("end", ["failed", "dropped"])
def test_what_was_taken_is_marked_before_anything_else_is(end, keys):
    marks = Marks("me")
    marks.begin(keys[0], "one@example.org")
    marks.took(keys[0])
    if end == "failed":
        marks.failed(keys[1], TransportError("no", permanent=True))
    else:
        marks.dropped(keys[1], "gone")
    assert [state for state, _ in states()] == ["sent", "dead" if end == "failed" else "dropped", "leased"]


@pytest.mark.parametrize("change", [{"holder": "heir"}, {"state": "discarded"}, {"state": "sending"}])
def test_what_is_not_leased_by_this_holder_is_not_begun_and_the_last_is_marked_all_the_same(change, keys):
    marks = Marks("me")
    marks.begin(keys[0], "one@example.org")
    marks.took(keys[0])
    Delivery.objects.filter(pk=keys[1]).update(**change)
    before = Delivery.objects.filter(pk=keys[1]).values().get()
    assert marks.begin(keys[1], "two@example.org") is False
    assert states()[0] == ("sent", 1)
    assert Delivery.objects.filter(pk=keys[1]).values().get() == before


def test_what_an_heir_took_over_after_a_pause_is_the_heirs_to_mark(keys):
    marks = Marks("me")
    marks.begin(keys[0], "one@example.org")
    marks.took(keys[0])
    Delivery.objects.filter(pk=keys[0]).update(holder="heir", state="leased")
    assert marks.begin(keys[1], "two@example.org")
    assert states() == [("leased", 0), ("sending", 0), ("leased", 0)]
