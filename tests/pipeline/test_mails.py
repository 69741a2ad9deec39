"""From a registration to the mailbox, through a real mail server in good and bad moods."""

import time

import pytest

from tests.servers.ports import wait_until
from tests.servers.smtp import Mood
from tests.servers.visitor import Visitor

WORDS = "correct horse battery"
DUE_NOW = "from alerts.models import Delivery; from django.utils import timezone as t; "
DUE_NOW += "Delivery.objects.filter(state='waiting').update(next_try=t.now())"
DELIVERIES = (
    "from alerts.models import Delivery; print([(d.state, d.attempts, d.reason) for d in Delivery.objects.all()])"
)


def register(server, username: str = "ada") -> float:
    """Registers through the page; gives the seconds it took."""
    visitor = Visitor(server.url)
    visitor.get("/accounts/register/")
    fields = {"username": username, "email": f"{username}@example.org", "password1": WORDS, "password2": WORDS}
    began = time.monotonic()
    page = visitor.post("/accounts/register/", fields)
    assert (page.status, visitor.session != "") == (200, True), page.text
    return time.monotonic() - began


def deliveries(site) -> list[tuple[str, int, str]]:
    return eval(site.python(DELIVERIES))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.pipeline)])
def site(request, mail_server):
    make = request.getfixturevalue(f"make_{request.param}_site")
    return make(EMAIL_URL=mail_server.url, SITE_NAME="The Daily", SITE_URL="http://alerts.example.org")


def test_a_registration_is_welcomed_by_mail(site, mail_server):
    server = site.serve()
    register(server)
    wait_until(lambda: mail_server.mailbox, what="the welcome mail")
    [mail] = mail_server.mailbox
    assert mail.recipients == ("ada@example.org",)
    assert mail.subject == "Welcome to The Daily!"
    assert mail.text.splitlines()[0] == "Thank you for registering, ada!"
    assert "Thank you for registering, ada!" in mail.html
    assert server.url in mail.text
    assert server.url in mail.html
    time.sleep(1.5)
    assert len(mail_server.mailbox) == 1
    assert deliveries(site) == [("sent", 1, "")]


def test_a_dead_mail_server_holds_nobody_up_and_the_mail_waits(site, mail_server):
    server = site.serve()
    usual = register(server, "bea")
    wait_until(lambda: mail_server.mailbox, what="the first mail")
    mail_server.stop()
    assert register(server, "ada") < usual * 10
    wait_until(lambda: any(state == "waiting" and reason for state, _, reason in deliveries(site)), what="a try")
    [reason] = [reason for state, _, reason in deliveries(site) if state == "waiting"]
    assert "ConnectionRefusedError" in reason
    mail_server.start()
    site.python(DUE_NOW)
    wait_until(lambda: len(mail_server.mailbox) == 2, what="the mail that waited")
    wait_until(lambda: {state for state, *_ in deliveries(site)} == {"sent"}, what="its mark")


def test_a_mail_server_that_hangs_holds_nobody_up(site, mail_server):
    server = site.serve()
    mail_server.mood = Mood.HANG
    assert register(server) < 5
    assert register(server, "bea") < 5


def test_a_refused_address_is_dead_at_once_and_the_admin_shows_why(site, mail_server):
    mail_server.mood = Mood.REJECT
    site.create_user("root", is_staff=True, is_superuser=True)
    server = site.serve()
    register(server)
    wait_until(lambda: any(state == "dead" for state, *_ in deliveries(site)), what="the dead letter")
    page = site.sign_in(server, "root").get("/admin/alerts/delivery/?state__exact=dead")
    assert "The mail server answered 550" in page.text


def test_a_relay_that_runs_once_sends_what_is_due(site, mail_server):
    site.create_user("ada", email="ada@example.org")
    assert mail_server.mailbox == []
    site.manage("relay", "--once")
    assert [mail.subject for mail in mail_server.mailbox] == ["Welcome to The Daily!"]
    site.manage("relay", "--once")
    assert len(mail_server.mailbox) == 1


def test_many_mails_share_one_connection(site, mail_server):
    site.create_users(*({"username": f"user{number}", "email": f"u{number}@example.org"} for number in range(30)))
    before = mail_server.connections
    site.manage("relay", "--once")
    assert len(mail_server.mailbox) == 30
    assert mail_server.connections - before == 1


def test_an_answer_that_never_comes_is_tried_again_under_the_same_id(site, mail_server):
    mail_server.mood = Mood.DROP
    server = site.serve()
    register(server)
    wait_until(lambda: mail_server.mailbox and deliveries(site)[0][0] == "waiting", what="the cut message")
    mail_server.mood = Mood.ACCEPT
    site.python(DUE_NOW)
    wait_until(lambda: len(mail_server.mailbox) == 2, what="the second try")
    first, second = (mail.message["Message-ID"] for mail in mail_server.mailbox)
    assert first == second
