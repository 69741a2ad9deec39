"""A real SMTP server with a mailbox to look into, and with every bad mood a mail server can have."""

import asyncio
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.ports import free_port, wait_until


class Mood(Enum):
    """What the server does with the next mail. Set `mail_server.mood`; it holds until set again."""

    ACCEPT = auto()
    DEFER = auto()  # 450 to each recipient: try later
    REJECT = auto()  # 550 to each recipient: never
    BUSY = auto()  # 421 to MAIL, and the connection is closed
    HANG = auto()  # no answer to MAIL
    SWALLOW = auto()  # takes the message and never answers: nobody can know whether it arrived (it did)
    DROP = auto()  # takes the message and cuts the connection instead of answering


@dataclass(frozen=True)
class Mail:
    """One message as it arrived."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        return "" if part is None else str(part.get_content())


class MailServer:
    """`mailbox` holds every mail taken, oldest first. `stop()` and `start()` keep the port, as an outage does."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.mood = Mood.ACCEPT
        self.has_pipelining = True  # as nearly every mail server has
        self.mailbox: list[Mail] = []
        self.connections = 0
        self._controller: Controller | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        controller = Controller(_Conversation(self), hostname="127.0.0.1", port=self.port, ident="tests")
        controller.start()
        self._controller = controller

    def stop(self) -> None:
        """Refuses connections from now on, and cuts those it has."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def wait_for(self, count: int, *, seconds: float = 20) -> list[Mail]:
        """The mailbox, once it holds at least `count` mails."""
        wait_until(lambda: len(self.mailbox) >= count, seconds=seconds, what=f"{count} mails")
        return list(self.mailbox)


class _Conversation:
    """aiosmtpd's hooks. They run on the controller's thread; the mailbox is only ever appended to."""

    def __init__(self, mail_server: MailServer) -> None:
        self._mail_server = mail_server

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self._mail_server.connections += 1
        session.host_name = hostname
        return [*self._pipelining, *responses]

    @property
    def _pipelining(self) -> list[str]:
        return ["250-PIPELINING"] if self._mail_server.has_pipelining else []

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match self._mail_server.mood:
            case Mood.HANG:
                await asyncio.Event().wait()
            case Mood.BUSY:
                await server.push("421 4.3.2 Not now")
                return _cut(server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match self._mail_server.mood:
            case Mood.DEFER:
                return "450 4.2.1 Mailbox busy, try again later"
            case Mood.REJECT:
                return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self._mail_server.mailbox.append(_mail_of(envelope))
        match self._mail_server.mood:
            case Mood.SWALLOW:
                await asyncio.Event().wait()
            case Mood.DROP:
                return _cut(server)
        return "250 OK"


def _cut(server: SMTP) -> str:
    if server.transport is not None:
        server.transport.close()
    return ""


def _mail_of(envelope: Envelope) -> Mail:
    message: Any = message_from_bytes(envelope.original_content or b"", policy=policy.default)
    return Mail(sender=envelope.mail_from or "", recipients=tuple(envelope.rcpt_tos), message=message)
