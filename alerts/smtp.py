"""Django's SMTP back end with PIPELINING (RFC 2920): a message takes two round trips where it took four.

MAIL, RCPT and DATA go out together when the server offers to take them so, and their answers are read one by one. The
message itself goes after the server's 354 alone, as ever. A server that does not offer it is spoken to step by step.
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.core.mail.backends import smtp

Answer = tuple[int, bytes]


class Pipelining(smtplib.SMTP):
    """What differs is `sendmail` alone; it raises and returns what smtplib's own does."""

    def sendmail(
        self,
        from_addr: str,
        to_addrs: str | Sequence[str],
        msg: Any,
        mail_options: Sequence[str] = (),
        rcpt_options: Sequence[str] = (),
    ) -> dict[str, Answer]:
        self.ehlo_or_helo_if_needed()
        is_plain = isinstance(msg, bytes) and not isinstance(to_addrs, str) and not mail_options and not rcpt_options
        if not (is_plain and self.has_extn("pipelining")):
            return super().sendmail(from_addr, to_addrs, msg, mail_options, rcpt_options)
        size = f" size={len(msg)}" if self.has_extn("size") else ""
        recipients = [f"rcpt TO:{smtplib.quoteaddr(address)}" for address in to_addrs]
        answers = self._put([f"mail FROM:{smtplib.quoteaddr(from_addr)}{size}", *recipients, "data"])
        refused = dict(zip(to_addrs, answers[1:], strict=False))
        refused = {address: answer for address, answer in refused.items() if answer[0] not in (250, 251)}
        if answers[0][0] != 250:
            raise self._abandoned(answers, smtplib.SMTPSenderRefused(*answers[0], from_addr))
        if len(refused) == len(to_addrs):
            raise self._abandoned(answers, smtplib.SMTPRecipientsRefused(refused))
        if answers[-1][0] != 354:
            raise self._abandoned(answers, smtplib.SMTPDataError(*answers[-1]))
        self.send((b"\n" + msg).replace(b"\n.", b"\n..")[1:] + (b".\r\n" if msg.endswith(b"\r\n") else b"\r\n.\r\n"))
        answer = self.getreply()
        if answer[0] != 250:
            raise self._abandoned([answer], smtplib.SMTPDataError(*answer))
        return refused

    def _put(self, commands: list[str]) -> list[Answer]:
        """The answers to these commands: fewer when the server hangs up after it has refused one."""
        if any("\r" in command or "\n" in command for command in commands):
            raise ValueError("A line break in an address would be a command of its own.")
        self.send("".join(f"{command}\r\n" for command in commands))
        answers: list[Answer] = []
        while len(answers) < len(commands):
            try:
                answers.append(self.getreply())
            except smtplib.SMTPServerDisconnected:
                if all(code < 400 for code, _ in answers):
                    raise
                break
            if answers[-1][0] == 421:
                break
        return answers

    def _abandoned(self, answers: list[Answer], error: smtplib.SMTPException) -> smtplib.SMTPException:
        """Make the connection fit for the next message, unless the server ends it."""
        with suppress(smtplib.SMTPServerDisconnected):
            if answers[-1][0] == 421:
                self.close()
            elif answers[-1][0] == 354:  # it waits for a message although it has refused all there was to refuse
                self.send(".\r\n")
                self.getreply()
            else:
                self.rset()
        return error


class PipeliningSSL(Pipelining, smtplib.SMTP_SSL):
    """The same over TLS from the start."""


class EmailBackend(smtp.EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return PipeliningSSL if self.use_ssl else Pipelining
