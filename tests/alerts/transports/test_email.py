import socket
import threading
import time

import pytest

from accounts.models import User
from alerts.events import muted
from alerts.exceptions import ConnectionLost, TransportError
from alerts.models import Alert, Delivery
from alerts.transports import email, registered
from alerts.transports.email import EmailSession, compose
from tests.servers.smtp import Mood

pytestmark = pytest.mark.django_db
KIND = "test.mailed"


@pytest.fixture(autouse=True)
def mail_settings(settings, mail_server):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail_server.port
    settings.EMAIL_TIMEOUT = 5
    settings.ALERTS = {**settings.ALERTS, "SITE_URL": "http://alerts.example.org", "SITE_NAME": "The Daily"}


@pytest.fixture
def templates(tmp_path, settings):
    """Writes mail templates of the kind: `templates(subject="...", body="...", html="...")`."""
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]
    folder = tmp_path / "mail" / KIND
    folder.mkdir(parents=True)

    def write(**parts):
        names = {"subject": "subject.txt", "text": "body.txt", "html": "body.html"}
        for part, words in parts.items():
            (folder / names[part]).write_text(words)

    return write


def delivery(**fields):
    alert = Alert(kind=KIND, title="News", body="Words", url="/posts/7/", data={"name": "Ada"})
    for name, value in fields.items():
        setattr(alert, name, value)
    return Delivery(pk=3, alert=alert, transport="email", address="ada@example.org")


ADA = User(username="ada", email="ada@example.org")


def send(**fields):
    session = EmailSession()
    try:
        session.send(delivery(**fields), ADA)
    finally:
        session.close()


def test_a_kind_without_templates_is_mailed_as_title_body_and_link(mail_server, log):
    send()
    [mail] = mail_server.mailbox
    assert (mail.subject, mail.html) == ("News", "")
    assert mail.text.replace("\r", "") == "News\n\nWords\n\nhttp://alerts.example.org/posts/7/\n"
    assert (mail.message["To"], mail.message["From"]) == ("ada@example.org", "alerts@example.org")
    assert log.text == ""


def test_an_alert_without_a_body_has_no_hole_in_its_mail():
    assert compose(delivery(body="", url=""), ADA).body == "News\n\nhttp://alerts.example.org/\n"


def test_templates_are_filled_with_the_snapshot_the_recipient_and_the_site(templates, mail_server):
    templates(
        subject="Dear {{ data.name }}", text="{{ recipient.username }} at {{ site_name }}", html="<p>{{ site_url }}</p>"
    )
    send()
    [mail] = mail_server.mailbox
    assert (mail.subject, mail.text.strip()) == ("Dear Ada", "ada at The Daily")
    assert mail.html.strip() == "<p>http://alerts.example.org</p>"


@pytest.mark.parametrize(
    ("parts", "subject", "text", "html"),
    [
        ({"subject": "Own"}, "Own", "News\n\nWords", ""),
        ({"text": "Own"}, "News", "Own", ""),
        ({"html": "<p>Own</p>"}, "News", "News\n\nWords", "<p>Own</p>"),
        ({"subject": "Own", "text": "Own"}, "Own", "Own", ""),
    ],
)
def test_a_missing_part_alone_falls_back(templates, parts, subject, text, html, log):
    templates(**parts)
    message = compose(delivery(), ADA)
    assert (message.subject, message.body.startswith(text)) == (subject, True)
    assert [part[0] for part in message.alternatives] == ([html] if html else [])
    assert log.text == ""


@pytest.mark.parametrize("broken", ["{% nothing %}", "{% include 'no/such/template' %}", "{{ data.name|nothing }}"])
def test_a_broken_template_is_logged_and_the_mail_goes_out(templates, broken, mail_server, log):
    templates(subject="Own", text=broken)
    send()
    [mail] = mail_server.mailbox
    assert (mail.subject, mail.text.startswith("News")) == ("Own", True)
    assert "body.txt is broken" in log.text


def test_the_message_id_is_made_of_the_alert_and_the_delivery(mail_server):
    one = delivery()
    for _ in range(2):
        session = EmailSession()
        session.send(one, ADA)
        session.close()
    assert {mail.message["Message-ID"] for mail in mail_server.mailbox} == {f"<{one.alert.uid}.3@alerts.example.org>"}


@pytest.mark.parametrize("title", ["News\nBcc: evil@example.org", "News\r\n\r\nBody", "News\u2028X", "\x0bNews\x85"])
def test_a_title_of_several_lines_is_one_subject(title, mail_server):
    send(title=title)
    [mail] = mail_server.mailbox
    assert mail.message["Bcc"] is None
    assert mail.subject == " ".join(title.split())


@pytest.mark.parametrize(
    ("mood", "error", "is_permanent", "words"),
    [
        (Mood.DEFER, TransportError, False, "450 4.2.1"),
        (Mood.REJECT, TransportError, True, "550 5.1.1 No such mailbox"),
        (Mood.BUSY, ConnectionLost, False, "421"),
        (Mood.DROP, ConnectionLost, False, "went away"),
    ],
)
def test_what_the_mail_server_answers_says_whether_another_try_is_of_use(mood, error, is_permanent, words, mail_server):
    mail_server.mood = mood
    with pytest.raises(TransportError, match=words) as raised:
        send()
    assert (type(raised.value), raised.value.permanent) == (error, is_permanent)


def test_after_a_refusal_the_same_session_carries_the_next(mail_server):
    session = EmailSession()
    mail_server.mood = Mood.REJECT
    with pytest.raises(TransportError):
        session.send(delivery(), ADA)
    mail_server.mood = Mood.ACCEPT
    session.send(delivery(), ADA)
    session.close()
    session.close()
    assert (len(mail_server.mailbox), mail_server.connections) == (1, 1)


def test_a_server_that_is_down_is_a_lost_connection(mail_server):
    mail_server.stop()
    with pytest.raises(ConnectionLost, match="out of reach"):
        EmailSession()


def test_a_server_that_hangs_is_cut_by_the_timeout(mail_server, settings):
    settings.EMAIL_TIMEOUT = 0.3
    mail_server.mood = Mood.HANG
    with pytest.raises(ConnectionLost):
        send()


def test_without_a_setting_a_silent_server_is_given_ten_seconds_for_an_answer(mail_server, settings):
    settings.EMAIL_TIMEOUT = None
    session = EmailSession()
    assert session._backend.connection.sock.gettimeout() == 10
    session.close()


def test_a_server_that_trickles_is_cut_after_the_limit(settings, monkeypatch):
    monkeypatch.setattr(email, "LIMIT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_PORT = server.getsockname()[1]
        threading.Thread(target=trickle, args=(server,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(TransportError):
            send()
        assert time.monotonic() - began < 4


def trickle(server):
    """Greets, and answers MAIL with one more line of a reply without end every 100 ms."""
    client, _ = server.accept()
    with client:
        client.sendall(b"220 tests\r\n")
        client.recv(1024)
        client.sendall(b"250 tests\r\n")
        client.recv(1024)
        try:
            for _ in range(100):
                client.sendall(b"250-wait\r\n")
                time.sleep(0.1)
        except OSError:
            return


def test_an_address_that_cannot_be_written_is_permanent(mail_server):
    one = delivery()
    one.address = "ada@example.org\nBcc: evil@example.org"
    session = EmailSession()
    with pytest.raises(TransportError, match="cannot be written") as raised:
        session.send(one, ADA)
    session.close()
    assert raised.value.permanent
    assert mail_server.mailbox == []


def test_the_address_is_the_users_own_field_and_may_be_missing():
    assert registered["email"].address(ADA) == "ada@example.org"
    assert registered["email"].address(User(email="")) == ""


def test_the_welcome_mail_names_no_html_of_the_user(mail_server, settings):
    with muted():
        user = User.objects.create_user("<b>&ada", "ada@example.org")
    send(kind="user.welcome", data={"username": user.get_username()})
    [mail] = mail_server.mailbox
    assert "Thank you for registering, <b>&ada!" in mail.text
    assert "&lt;b&gt;&amp;ada" in mail.html
