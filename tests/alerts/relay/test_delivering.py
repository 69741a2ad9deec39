import smtplib
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from alerts.models import Alert, Delivery
from alerts.relay.delivering import Deliverer
from alerts.retry import ATTEMPTS
from alerts.transports import registered
from tests.servers.smtp import Mood

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def mail_settings(settings, mail_server):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail_server.port
    settings.EMAIL_TIMEOUT = 5


@pytest.fixture
def deliver():
    """Carries what is due, by a relay of its own."""
    return lambda: Deliverer(registered["email"]).deliver()


@pytest.fixture
def due_again():
    return lambda: Delivery.objects.filter(state="waiting").update(next_try=timezone.now() - timedelta(seconds=5))


def state(delivery):
    delivery.refresh_from_db()
    return delivery.state, delivery.attempts, delivery.reason


def wait_of(delivery):
    delivery.refresh_from_db()
    return (delivery.next_try - timezone.now()).total_seconds()


def test_a_due_delivery_is_sent_and_nothing_is_left_to_do(deliver, make_users, make_delivery, mail_server):
    [user] = make_users(1)
    delivery = make_delivery(user)
    assert deliver() is True
    assert state(delivery) == ("sent", 1, "")
    [mail] = mail_server.mailbox
    assert (mail.recipients, mail.subject) == (("user0@example.org",), "News")
    assert deliver() is False
    assert len(mail_server.mailbox) == 1


def test_many_deliveries_go_over_one_connection(deliver, make_users, make_delivery, mail_server):
    for user in make_users(30):
        make_delivery(user)
    before = mail_server.connections
    deliver()
    assert len({mail.recipients for mail in mail_server.mailbox}) == 30
    assert mail_server.connections - before == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_a_deferred_mail_waits_a_minute_then_longer_with_jitter(
    deliver, due_again, make_users, make_delivery, mail_server
):
    delivery = make_delivery(*make_users(1))
    mail_server.mood = Mood.DEFER
    deliver()
    assert state(delivery) == ("waiting", 1, "The mail server answered 450 4.2.1 Mailbox busy, try again later")
    assert 47 <= wait_of(delivery) <= 73
    assert delivery.holder == ""
    assert deliver() is False, "it is not due"
    due_again()
    deliver()
    assert state(delivery)[:2] == ("waiting", 2)
    assert 95 <= wait_of(delivery) <= 145
    mail_server.mood = Mood.ACCEPT
    due_again()
    deliver()
    assert state(delivery) == ("sent", 3, "")


def test_a_deferred_mail_holds_up_no_other_and_keeps_the_connection(deliver, make_users, make_delivery, mail_server):
    for user in make_users(3):
        make_delivery(user)
    mail_server.mood = Mood.DEFER
    before = mail_server.connections
    deliver()
    assert set(Delivery.objects.values_list("state", "attempts")) == {("waiting", 1)}
    assert mail_server.connections - before == 1


def test_a_delivery_that_fails_for_days_is_dead_with_its_last_reason(deliver, make_users, make_delivery, mail_server):
    delivery = make_delivery(*make_users(1), attempts=ATTEMPTS - 1)
    mail_server.mood = Mood.DEFER
    deliver()
    assert state(delivery) == ("dead", ATTEMPTS, "The mail server answered 450 4.2.1 Mailbox busy, try again later")


def test_a_refused_address_is_dead_at_once_with_the_reason(deliver, make_users, make_delivery, mail_server, log):
    delivery = make_delivery(*make_users(1))
    mail_server.mood = Mood.REJECT
    deliver()
    assert state(delivery) == ("dead", 1, "The mail server answered 550 5.1.1 No such mailbox")
    assert "is dead" in log.text
    assert deliver() is False


def test_while_the_mail_server_is_down_everything_waits_and_then_goes(
    deliver, due_again, make_users, make_delivery, mail_server
):
    deliveries = [make_delivery(user) for user in make_users(3)]
    mail_server.stop()
    deliver()
    for delivery in deliveries:
        outcome, attempts, reason = state(delivery)
        assert (outcome, attempts) == ("waiting", 1)
        assert "out of reach: ConnectionRefusedError" in reason
    mail_server.start()
    due_again()
    deliver()
    assert [state(delivery)[0] for delivery in deliveries] == ["sent"] * 3


def test_a_server_that_says_421_makes_the_mail_wait(deliver, make_users, make_delivery, mail_server):
    delivery = make_delivery(*make_users(1))
    mail_server.mood = Mood.BUSY
    deliver()
    outcome, attempts, reason = state(delivery)
    assert (outcome, attempts) == ("waiting", 1)
    assert "421" in reason


def test_a_server_that_hangs_makes_the_mail_wait(deliver, make_users, make_delivery, mail_server, settings):
    settings.EMAIL_TIMEOUT = 0.3
    delivery = make_delivery(*make_users(1))
    mail_server.mood = Mood.HANG
    deliver()
    assert state(delivery)[:2] == ("waiting", 1)
    assert "TimeoutError" in delivery.reason or "Disconnected" in delivery.reason


def test_an_unanswered_message_is_tried_again_under_the_same_id(
    deliver, due_again, make_users, make_delivery, mail_server
):
    delivery = make_delivery(*make_users(1))
    mail_server.mood = Mood.DROP
    deliver()
    assert state(delivery)[:2] == ("waiting", 1)
    mail_server.mood = Mood.ACCEPT
    due_again()
    deliver()
    first, second = (mail.message["Message-ID"] for mail in mail_server.mailbox)
    assert first == second == f"<{delivery.alert.uid}.{delivery.pk}@127.0.0.1>"


def test_two_deliveries_of_one_alert_have_ids_of_their_own(deliver, make_users, make_delivery, mail_server):
    one, two = make_users(2)
    first = make_delivery(one)
    Delivery.objects.create(
        alert=first.alert, transport="email", recipient=str(two.pk), address=two.email, next_try=timezone.now()
    )
    deliver()
    assert len({mail.message["Message-ID"] for mail in mail_server.mailbox}) == 2


def test_a_sending_left_by_a_crash_is_sent_again_as_the_same_message(make_users, make_delivery, mail_server):
    delivery = make_delivery(*make_users(1), state="sending", holder="a relay that was killed", beat=7)
    heir = Deliverer(registered["email"])
    seconds = [0.0]
    heir.leases._clock = lambda: seconds[0]
    assert heir.deliver() is False
    seconds[0] = 29.0
    assert heir.deliver() is False
    seconds[0] = 31.0
    assert heir.deliver() is True
    assert state(delivery) == ("sent", 1, "")
    [mail] = mail_server.mailbox
    assert mail.message["Message-ID"] == f"<{delivery.alert.uid}.{delivery.pk}@127.0.0.1>"


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_a_recipient_who_left_the_audience_is_dropped(change, deliver, make_users, make_delivery, mail_server):
    [user] = make_users(1, is_staff=True)
    delivery = make_delivery(user, audience="staff")
    User.objects.filter(pk=user.pk).update(**change)
    deliver()
    assert state(delivery) == ("dropped", 0, "The recipient is no longer in the audience.")
    assert mail_server.mailbox == []


def test_a_recipient_who_is_gone_is_dropped(deliver, make_users, make_delivery, mail_server):
    [user] = make_users(1)
    delivery = make_delivery(user)
    user.delete()
    deliver()
    assert state(delivery)[0] == "dropped"


def test_a_recipient_whose_address_is_gone_is_dropped(deliver, make_users, make_delivery, mail_server):
    [user] = make_users(1)
    delivery = make_delivery(user)
    User.objects.filter(pk=user.pk).update(email="")
    deliver()
    assert state(delivery) == ("dropped", 0, "The recipient has no address any more.")
    assert mail_server.mailbox == []


def test_a_recipient_who_moved_is_written_to_at_the_new_address(deliver, make_users, make_delivery, mail_server):
    [user] = make_users(1)
    delivery = make_delivery(user)
    User.objects.filter(pk=user.pk).update(email="new@example.org")
    deliver()
    assert mail_server.mailbox[0].recipients == ("new@example.org",)
    assert (state(delivery)[0], delivery.address) == ("sent", "new@example.org")


def test_a_line_break_in_an_address_sends_nothing_and_is_dead(deliver, make_users, make_delivery, mail_server):
    [user] = make_users(1)
    delivery = make_delivery(user)
    User.objects.filter(pk=user.pk).update(email="user0@example.org\nBcc: evil@example.org")
    deliver()
    assert state(delivery)[0] == "dead"
    assert mail_server.mailbox == []


def test_a_line_break_in_a_title_stays_out_of_the_headers(deliver, make_users, make_delivery, mail_server):
    make_delivery(*make_users(1), title="News\r\nBcc: evil@example.org\n\nBody")
    deliver()
    [mail] = mail_server.mailbox
    assert mail.subject == "News Bcc: evil@example.org Body"
    assert (mail.message["Bcc"], mail.recipients) == (None, ("user0@example.org",))


def test_of_two_relays_at_once_one_sends(make_users, make_delivery, mail_server, at_once):
    for user in make_users(10):
        make_delivery(user)
    deliverers = [Deliverer(registered["email"]) for _ in range(2)]
    assert not [result for result in at_once(*(one.deliver for one in deliverers)) if isinstance(result, Exception)]
    for one in deliverers:
        one.deliver()
    assert len(mail_server.mailbox) == 10
    assert len({mail.recipients for mail in mail_server.mailbox}) == 10


def test_a_relay_that_stops_gives_back_what_it_has_not_begun(make_users, make_delivery, mail_server):
    for user in make_users(3):
        make_delivery(user)
    stopping = Deliverer(registered["email"])
    stopping.is_stopping = True
    stopping.deliver()
    assert set(Delivery.objects.values_list("state", "holder")) == {("waiting", "")}
    assert mail_server.mailbox == []


def test_a_transport_that_fails_in_a_way_nobody_foresaw_waits_with_its_reason(
    make_users, make_delivery, mail_server, monkeypatch, log
):
    def fail(*_, **__):
        raise LookupError("a bug of ours")

    delivery = make_delivery(*make_users(1))
    mail_server.has_pipelining = False
    monkeypatch.setattr(smtplib.SMTP, "sendmail", fail)
    Deliverer(registered["email"]).deliver()
    assert state(delivery) == ("waiting", 1, "LookupError: a bug of ours")
    assert "Traceback" in log.text


def discards_when(name, of, monkeypatch):
    """What is leased is discarded after `of.name(...)`, as by an admin's hand."""
    original = getattr(of, name)

    def then_discard(*arguments):
        result = original(*arguments)
        Delivery.objects.filter(state="leased").update(state="discarded")
        return result

    monkeypatch.setattr(of, name, then_discard)


@pytest.mark.parametrize("when", ["taken", "looked at"])
def test_what_an_admin_discards_while_it_is_leased_is_not_sent(
    when, make_users, make_delivery, mail_server, monkeypatch
):
    delivery = make_delivery(*make_users(1))
    deliverer = Deliverer(registered["email"])
    if when == "taken":
        discards_when("take", deliverer.leases, monkeypatch)
    else:
        discards_when("address", registered["email"], monkeypatch)
    deliverer.deliver()
    assert (state(delivery)[0], mail_server.mailbox) == ("discarded", [])


@pytest.mark.parametrize("is_taken", [True, False])
def test_what_a_database_that_went_away_left_is_settled_or_sent_by_the_same_relay(
    is_taken, make_users, make_delivery, mail_server, monkeypatch
):
    deliveries = [make_delivery(user) for user in make_users(3)]
    relay = Deliverer(registered["email"])

    def fail(*_, **__):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as outage:
        if is_taken:  # the first message is through, and cannot be marked
            begin = relay._marks.begin
            outage.setattr(relay._marks, "begin", lambda *of: begin(*of) if not mail_server.mailbox else fail())
        else:
            outage.setattr(smtplib.SMTP, "sendmail", lambda *_: fail())
            outage.setattr(relay._marks, "failed", fail)
            mail_server.has_pipelining = False
        outage.setattr(relay._marks, "settle", fail)
        outage.setattr(relay.leases, "give_back", fail)
        with pytest.raises(OperationalError):
            relay.deliver()
    relay.deliver()
    assert [state(delivery) for delivery in deliveries] == [("sent", 1, "")] * 3
    assert len(mail_server.mailbox) == 3, "and none twice"


def test_what_was_taken_over_before_the_database_went_away_is_free_again(
    make_users, make_delivery, mail_server, monkeypatch
):
    [user] = make_users(1)
    delivery = make_delivery(user)
    relay = Deliverer(registered["email"])
    take = relay.leases.take

    def take_and_lose_the_answer(limit):
        take(limit)
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as outage:
        outage.setattr(relay.leases, "take", take_and_lose_the_answer)
        with pytest.raises(OperationalError):
            relay.deliver()
    assert state(delivery)[0] == "leased"
    relay.deliver()
    assert (state(delivery)[0], len(mail_server.mailbox)) == ("sent", 1)


def test_a_message_costs_one_statement_and_a_batch_a_handful(make_users, make_delivery, mail_server):
    for user in make_users(50):
        make_delivery(user)
    relay = Deliverer(registered["email"])
    with CaptureQueriesContext(connection) as captured:
        relay.deliver()
    assert len(mail_server.mailbox) == 50
    assert len(captured) <= 50 + 12


def test_who_leaves_the_audience_while_others_are_written_to_slowly_is_dropped(
    make_users, make_delivery, mail_server, monkeypatch
):
    now = 1000.0
    first, second = (make_delivery(user, audience="staff") for user in make_users(2, is_staff=True))
    relay = Deliverer(registered["email"], clock=lambda: now)
    sendmail = smtplib.SMTP.sendmail

    def send_slowly(*arguments):
        nonlocal now
        User.objects.update(is_staff=False)
        now += 2
        return sendmail(*arguments)

    mail_server.has_pipelining = False
    monkeypatch.setattr(smtplib.SMTP, "sendmail", send_slowly)
    relay.deliver()
    assert [state(first)[0], state(second)[0]] == ["sent", "dropped"]


def test_the_alert_of_a_delivery_may_have_been_removed(deliver, make_users, make_delivery, mail_server):
    make_delivery(*make_users(1))
    Alert.objects.all().delete()
    assert deliver() is False


def test_what_a_server_out_of_reach_held_up_is_due_as_soon_as_it_answers(make_users, make_delivery, mail_server):
    now = 1000.0
    relay = Deliverer(registered["email"], clock=lambda: now)
    deliveries = [make_delivery(user) for user in make_users(3)]
    mail_server.stop()
    relay.deliver()
    for delivery in deliveries:
        assert state(delivery)[:2] == ("waiting", 1)
        assert delivery.is_held_up
        assert wait_of(delivery) > 40
    now += 29
    assert relay.deliver() is False
    mail_server.start()
    now += 2
    relay.deliver()
    assert [state(delivery) for delivery in deliveries] == [("sent", 2, "")] * 3
    assert len(mail_server.mailbox) == 3


def test_a_relay_that_starts_finds_what_another_left_held_up(deliver, make_users, make_delivery, mail_server):
    delivery = make_delivery(*make_users(1))
    mail_server.stop()
    deliver()
    assert delivery.is_held_up is False, "as it was made"
    mail_server.start()
    deliver()
    assert state(delivery) == ("sent", 2, "")


def test_a_message_that_a_server_drops_is_held_up_by_nobody(deliver, make_users, make_delivery, mail_server):
    delivery = make_delivery(*make_users(1))
    mail_server.mood = Mood.DROP
    deliver()
    assert state(delivery)[:2] == ("waiting", 1)
    assert not delivery.is_held_up
    mail_server.mood = Mood.ACCEPT
    assert deliver() is False, "its own wait is not over"
