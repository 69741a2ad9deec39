from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from alerts.events import ModelEvent
from alerts.models import Alert, Delivery
from alerts.outbox import record
from alerts.relay import expanding
from alerts.relay.expanding import Expander
from alerts.transports.email import Email

pytestmark = pytest.mark.django_db(transaction=True)


def news(audience="everyone", kind="test.mailed"):
    return record(kind=kind, audience=audience, title="News")


def recipients(alert):
    return sorted(Delivery.objects.filter(alert=alert).values_list("address", flat=True))


def test_an_alert_becomes_one_delivery_for_each_member_with_an_address(mailed, make_users, ada):
    make_users(2)
    alert = news()
    Expander().expand()
    assert recipients(alert) == ["user0@example.org", "user1@example.org"]
    delivery = Delivery.objects.earliest("pk")
    assert (delivery.transport, delivery.state, delivery.attempts) == ("email", "waiting", 0)
    assert delivery.recipient == str(User.objects.get(username="user0").pk)
    assert abs(delivery.next_try - timezone.now()) < timedelta(minutes=1)
    alert.refresh_from_db()
    assert alert.expanded_at is not None
    assert not Alert.objects.filter(expanded_at=None).exists()


def test_only_active_members_of_the_audience_are_recipients(mailed, make_users):
    make_users(3)
    User.objects.filter(username="user1").update(is_staff=True)
    User.objects.filter(username="user2").update(is_staff=True, is_active=False)
    alert = news(audience="staff")
    Expander().expand()
    assert recipients(alert) == ["user1@example.org"]


def test_a_key_that_names_nobody_as_it_is_spelled_is_nobodys_and_done_with(mailed, make_users):
    make_users(1)
    pk = User.objects.get(username="user0").pk
    odd, plain = news(audience=f"user:0{pk}"), news(audience=f"user:{pk}")
    Expander().expand()
    assert (recipients(odd), recipients(plain)) == ([], ["user0@example.org"])
    assert not Alert.objects.filter(expanded_at=None).exists()


def test_many_recipients_are_written_in_batches_of_their_own(mailed, make_users, monkeypatch):
    monkeypatch.setattr(expanding, "BATCH", 4)
    make_users(10)
    alert = news()
    Expander().expand()
    assert len(set(recipients(alert))) == 10


def test_an_alert_half_expanded_is_finished_and_nobody_gets_it_twice(mailed, make_users):
    users = make_users(5)
    alert = news()
    Delivery.objects.create(
        alert=alert, transport="email", recipient=str(users[2].pk), address="x", state="sent", next_try=timezone.now()
    )
    Expander().expand()
    assert Delivery.objects.count() == 5
    assert Delivery.objects.get(recipient=str(users[2].pk)).state == "sent"


def test_two_relays_at_once_expand_once(mailed, make_users, at_once):
    make_users(50)
    news()
    expanders = [Expander(), Expander()]
    assert at_once(*(expander.expand for expander in expanders)) == [False, False]
    assert Delivery.objects.count() == 50


def test_a_bad_alert_holds_up_no_other_and_is_tried_again_later(mailed, make_users, log):
    make_users(1)
    bad = news()
    Alert.objects.filter(pk=bad.pk).update(audience="no such audience")
    good = news()
    expander = Expander()
    expander.expand()
    assert recipients(good) == ["user0@example.org"]
    assert "could not be expanded" in log.text
    bad.refresh_from_db()
    assert bad.expanded_at is None
    log.clear()
    expander.expand()
    assert log.text == "", "it is put off for a minute"
    Alert.objects.filter(pk=bad.pk).update(audience="everyone")
    Expander().expand()
    assert recipients(bad) == ["user0@example.org"]


def test_an_alert_the_database_refuses_to_expand_holds_up_no_other(mailed, make_users):
    class Wide(Email):
        name = "test_wide"

        def address(self, user):
            return "x" * 2_000

    class Bad(ModelEvent):
        kind = "test.bad"
        transports = ("test_wide",)
        title = "x"

    make_users(1)
    news(kind="test.bad")
    good = news()
    Expander().expand()
    assert recipients(good) == ["user0@example.org"]


def test_of_many_alerts_a_bad_one_alone_is_put_off(mailed, make_users, log):
    users = make_users(3)
    alerts = [news(audience=f"user:{user.pk}") for user in users]
    Alert.objects.filter(pk=alerts[1].pk).update(audience="user:nobody")
    Expander().expand()
    assert [recipients(alert) for alert in alerts] == [["user0@example.org"], [], ["user2@example.org"]]
    assert list(Alert.objects.filter(expanded_at=None)) == [alerts[1]]


@pytest.mark.parametrize("audience", ["user", "everyone"])
def test_many_alerts_ask_for_their_recipients_together(audience, mailed, make_users, django_assert_max_num_queries):
    users = make_users(20)
    alerts = [news(audience=f"user:{user.pk}" if audience == "user" else audience) for user in users]
    with django_assert_max_num_queries(12):  # on SQLite an INSERT holds few rows
        Expander().expand()
    for alert, user in zip(alerts, users, strict=True):
        assert recipients(alert) == ([user.email] if audience == "user" else sorted(user.email for user in users))


def test_a_kind_this_process_does_not_know_waits_for_one_that_does(make_users, log):
    make_users(1)
    alert = news(kind="test.unknown")
    Alert.objects.filter(pk=alert.pk).update(expanded_at=None)
    Expander().expand()
    alert.refresh_from_db()
    assert alert.expanded_at is None
    assert "new code" in log.text


def test_an_alert_for_nobody_is_expanded_into_nothing(mailed):
    alert = news(audience="user:987654")
    Expander().expand()
    alert.refresh_from_db()
    assert alert.expanded_at is not None
    assert not Delivery.objects.exists()


def test_it_tells_when_there_is_more(mailed, monkeypatch):
    monkeypatch.setattr(expanding, "ALERTS", 2)
    for _ in range(3):
        news()
    expander = Expander()
    assert (expander.expand(), expander.expand()) == (True, False)
