import smtplib
import time

import pytest

from bench.mailbox import Mailbox

MESSAGE = "Subject: Welcome\n\nHello\n.\nand on"


@pytest.mark.parametrize("round_trip", [0.0, 0.05])
def test_mails_are_counted_and_answers_take_their_way(round_trip: float) -> None:
    with Mailbox(round_trip) as mailbox:
        began = time.monotonic()
        with smtplib.SMTP("127.0.0.1", mailbox.port, timeout=10) as client:
            for _ in range(2):
                client.sendmail("us@example.org", ["them@example.org"], MESSAGE)
        took = time.monotonic() - began
        assert (len(mailbox.arrivals), mailbox.connections) == (2, 1)
        assert mailbox.wait_for(2, seconds=1) > 0
        # Two to connect, EHLO, four for each mail, QUIT.
        assert took >= 12 * round_trip


def test_mails_that_do_not_come_are_told_of() -> None:
    with Mailbox() as mailbox, pytest.raises(TimeoutError, match="0 of 1 mails"):
        mailbox.wait_for(1, seconds=0.05)
