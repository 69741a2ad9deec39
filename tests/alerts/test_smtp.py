import smtplib
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest
from django.core.mail import EmailMessage, get_connection

from tests.servers.smtp import Mood

SENDER, RECIPIENT = "alerts@example.org", "ada@example.org"


class Script:
    """A server that says these answers, one to whatever comes at a time, and hangs up; `heard` is what came."""

    def __init__(self, *answers, features=("PIPELINING",)):
        self.heard = []
        self._answers = list(answers)
        self._features = features
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        client, _ = self._server.accept()
        with client:
            client.sendall(b"220 script\r\n")
            client.recv(1024)
            lines = ["script", *self._features]
            client.sendall("".join(f"250{'-' if line != lines[-1] else ' '}{line}\r\n" for line in lines).encode())
            for answer in self._answers:
                if not (heard := client.recv(65536)):
                    return
                self.heard.append(heard)
                client.sendall(answer)

    def end(self):
        self._thread.join(5)
        self._server.close()


@pytest.fixture
def script():
    """Makes a server of these answers, and ends it."""
    made = []

    def make(*answers, **options):
        made.append(Script(*answers, **options))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def connect():
    """Opens connections, and ends them without a word."""
    made = []

    def connect(port):
        connection: Any = get_connection("alerts.smtp.EmailBackend", host="127.0.0.1", port=port, timeout=2)
        connection.open()
        made.append(connection)
        return connection

    yield connect
    for connection in made:
        if connection.connection is not None:
            connection.connection.close()


def mail(body="Words", to=(RECIPIENT,)):
    return EmailMessage("News", body, SENDER, list(to))


def commands(*lines):
    return "".join(f"{line}\r\n" for line in lines).encode()


TAKEN = b"250 from\r\n250 to\r\n354 go on\r\n"
BEGIN = commands(f"mail FROM:<{SENDER}>", f"rcpt TO:<{RECIPIENT}>", "data")


def test_all_up_to_the_message_goes_at_once_and_the_message_after_the_answers(script, connect):
    server = script(TAKEN, b"250 taken\r\n", TAKEN, b"250 taken\r\n", b"221 bye\r\n")
    connection = connect(server.port)
    connection.send_messages([mail(), mail()])
    connection.close()
    begin, message, again, _, quit_ = server.heard
    assert (begin, again, quit_) == (BEGIN, BEGIN, b"quit\r\n")
    assert message.endswith(b"\r\n\r\nWords\r\n.\r\n")


def test_a_server_without_pipelining_is_asked_step_by_step(script, connect):
    server = script(
        b"250 from\r\n", b"250 to\r\n", b"354 go on\r\n", b"250 taken\r\n", b"221 bye\r\n", features=("SIZE",)
    )
    connection = connect(server.port)
    connection.send_messages([mail()])
    connection.close()
    assert [heard[:4] for heard in server.heard[:3]] == [b"mail", b"rcpt", b"data"]


def test_the_size_is_told_to_a_server_that_asks_for_it(script, connect):
    server = script(TAKEN, b"250 taken\r\n", features=("PIPELINING", "SIZE 1000000"))
    connect(server.port).send_messages([mail()])
    told = int(server.heard[0].partition(b"size=")[2].split()[0])
    assert len(server.heard[1]) == told + len(b"\r\n.\r\n")


@pytest.mark.parametrize(
    ("answers", "error", "after"),
    [
        (b"550 no\r\n503 from?\r\n503 from?\r\n", smtplib.SMTPSenderRefused, b"rset\r\n"),
        (b"250 ok\r\n550 no\r\n554 nobody\r\n", smtplib.SMTPRecipientsRefused, b"rset\r\n"),
        (b"250 ok\r\n450 later\r\n354 go on\r\n", smtplib.SMTPRecipientsRefused, b".\r\n"),
        (b"250 ok\r\n250 ok\r\n451 later\r\n", smtplib.SMTPDataError, b"rset\r\n"),
    ],
    ids=["sender", "recipient", "recipient, and a wait for a message", "data"],
)
def test_after_a_refusal_the_connection_carries_the_next(answers, error, after, script, connect):
    server = script(answers, b"250 ok\r\n", TAKEN, b"250 taken\r\n")
    connection = connect(server.port)
    with pytest.raises(error):
        connection.send_messages([mail()])
    connection.send_messages([mail()])
    assert (server.heard[1], server.heard[2]) == (after, BEGIN)


def test_a_refused_message_is_an_error_and_the_connection_carries_the_next(script, connect):
    server = script(TAKEN, b"554 spam\r\n", b"250 ok\r\n", TAKEN, b"250 taken\r\n")
    connection = connect(server.port)
    with pytest.raises(smtplib.SMTPDataError, match="spam"):
        connection.send_messages([mail()])
    connection.send_messages([mail()])
    assert server.heard[2] == b"rset\r\n"


def test_of_two_recipients_one_may_be_refused(script, connect):
    server = script(b"250 ok\r\n250 ok\r\n550 no\r\n354 go on\r\n", b"250 taken\r\n")
    connection = connect(server.port)
    assert connection.send_messages([mail(to=[RECIPIENT, "bea@example.org"])]) == 1
    assert len(server.heard[0].splitlines()) == 4


@pytest.mark.parametrize("answers", [b"550 no\r\n", b"250 ok\r\n550 no\r\n"], ids=["sender", "recipient"])
def test_a_refusal_counts_though_the_server_hangs_up_after_it(answers, script, connect):
    server = script(answers)
    connection = connect(server.port)
    with pytest.raises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)):
        connection.send_messages([mail()])


def test_a_server_that_hangs_up_without_a_refusal_is_a_lost_connection(script, connect):
    server = script(b"250 ok\r\n")
    connection = connect(server.port)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        connection.send_messages([mail()])


def test_421_ends_the_connection_at_once(script, connect):
    server = script(b"421 not now\r\n")
    connection = connect(server.port)
    with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
        connection.send_messages([mail()])
    assert refusal.value.smtp_code == 421
    assert connection.connection.sock is None


@pytest.mark.parametrize("has_pipelining", [True, False])
def test_lines_that_begin_with_a_dot_arrive_as_they_are(has_pipelining, mail_server, connect):
    mail_server.has_pipelining = has_pipelining
    words = ".\n..two\n.one\nnone.\n."
    connect(mail_server.port).send_messages([mail(words)])
    [arrived] = mail_server.mailbox
    assert arrived.text.replace("\r", "").strip("\n") == words


@pytest.mark.parametrize("address", ["ada@example.org>\r\nRCPT TO:<eve@example.org", "ada@example.org\nDATA"])
def test_no_address_is_a_command(address, script, connect):
    server = script(TAKEN, b"250 taken\r\n")
    with suppress(ValueError):  # or Python has cleaned it
        connect(server.port).connection.sendmail(SENDER, [address], b"Words")
    assert b"".join(server.heard[:1]).count(b"\n") in (0, 3)


@pytest.mark.parametrize(("mood", "code"), [(Mood.DEFER, 450), (Mood.REJECT, 550)])
def test_a_real_server_in_a_bad_mood_is_understood(mood, code, mail_server, connect):
    mail_server.mood = mood
    connection = connect(mail_server.port)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        connection.send_messages([mail()])
    assert refusal.value.recipients[RECIPIENT][0] == code
    mail_server.mood = Mood.ACCEPT
    connection.send_messages([mail()])
    assert (len(mail_server.mailbox), mail_server.connections) == (1, 1)
