import smtplib
from email.message import EmailMessage

import pytest

from tests.servers.smtp import Mood


def message() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "Grüße"
    mail.set_content("In words.")
    mail.add_alternative("<p>In colour.</p>", subtype="html")
    return mail


def send(mail_server, timeout: float = 5) -> None:
    with smtplib.SMTP("127.0.0.1", mail_server.port, timeout=timeout) as client:
        client.send_message(message())


def test_a_mail_lands_in_the_mailbox(mail_server):
    send(mail_server)
    [mail] = mail_server.wait_for(1)
    assert (mail.sender, mail.recipients, mail.subject) == ("a@example.org", ("b@example.org",), "Grüße")
    assert (mail.text.strip(), mail.html.strip()) == ("In words.", "<p>In colour.</p>")


def test_one_connection_carries_many_mails(mail_server):
    with smtplib.SMTP("127.0.0.1", mail_server.port, timeout=5) as client:
        client.send_message(message())
        client.send_message(message())
    assert len(mail_server.mailbox) == 2
    assert mail_server.connections == 1


@pytest.mark.parametrize(("mood", "code"), [(Mood.DEFER, 450), (Mood.REJECT, 550)])
def test_in_a_bad_mood_it_refuses_the_recipient(mail_server, mood, code):
    mail_server.mood = mood
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(mail_server)
    assert refusal.value.recipients["b@example.org"][0] == code
    assert mail_server.mailbox == []


def test_busy_it_answers_421_and_hangs_up(mail_server):
    mail_server.mood = Mood.BUSY
    with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
        send(mail_server)
    assert refusal.value.smtp_code == 421
    assert mail_server.mailbox == []


@pytest.mark.parametrize(("mood", "arrived"), [(Mood.HANG, 0), (Mood.SWALLOW, 1)])
def test_hanging_it_never_answers(mail_server, mood, arrived):
    mail_server.mood = mood
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        send(mail_server, timeout=0.3)
    assert len(mail_server.mailbox) == arrived


def test_dropping_it_takes_the_mail_and_hangs_up(mail_server):
    mail_server.mood = Mood.DROP
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mail_server)
    assert len(mail_server.mailbox) == 1


def test_stopped_it_refuses_connections_and_starts_again_on_the_same_port(mail_server):
    mail_server.stop()
    with pytest.raises(ConnectionRefusedError):
        send(mail_server)
    mail_server.start()
    send(mail_server)
    assert len(mail_server.mailbox) == 1
