"""Alerts as e-mail, through Django's mail back end: one SMTP connection for many messages."""

from __future__ import annotations

import logging
import smtplib
import socket
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings as site_settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.mail import get_connection
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string

from ..conf import conf
from ..exceptions import ConnectionLost, TransportError
from ..mail import Mail
from ..models import Delivery
from ..watchdog import Watchdog
from .base import Session, Transport

logger = logging.getLogger(__name__)
ANSWER = 10.0  # seconds the server may take for each answer, where EMAIL_TIMEOUT says nothing
LIMIT = 20.0  # seconds one message may take in all
SMTP = "django.core.mail.backends.smtp.EmailBackend"
PIPELINING = "alerts.smtp.EmailBackend"  # does the same in fewer round trips


class EmailSession(Session):
    def __init__(self) -> None:
        self._backend = cast(Any, get_connection(PIPELINING if site_settings.EMAIL_BACKEND == SMTP else None))
        if getattr(self._backend, "timeout", 0) is None:
            self._backend.timeout = ANSWER  # Django's default waits for ever on a silent server (trap T13)
        # Each answer has its own time-out; a server that trickles would stay below it for ever.
        self._watchdog = Watchdog(LIMIT, self._cut)
        try:
            self._backend.open()
        except Exception as error:
            raise ConnectionLost(f"The mail server is out of reach: {_words(error)}") from error

    def send(self, delivery: Delivery, recipient: AbstractBaseUser) -> None:
        message = compose(delivery, recipient)
        message.connection = self._backend
        try:
            with self._watchdog.watch():
                message.send()
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _refused(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise ConnectionLost(f"The mail server went away: {_words(error)}") from error
        except ValueError as error:
            raise TransportError(f"The message cannot be written: {_words(error)}", permanent=True) from error

    def close(self) -> None:
        self._watchdog.close()
        try:
            self._backend.close()
        except Exception as error:
            logger.info("Closing the mail connection failed: %s", error)

    def _cut(self) -> None:
        sock = getattr(getattr(self._backend, "connection", None), "sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # closing would not wake the thread that reads it


class Email(Transport):
    name = "email"

    def address(self, user: AbstractBaseUser) -> str:
        return str(getattr(user, user.get_email_field_name(), "") or "")

    def open(self) -> Session:
        return EmailSession()


def compose(delivery: Delivery, recipient: AbstractBaseUser) -> Mail:
    """The message of a delivery, from `mail/<kind>/{subject.txt,body.txt,body.html}`; each may be missing.

    A missing or broken subject or text is made of the alert's title and body: an alert never waits for a template.
    """
    settings = conf()
    alert = delivery.alert
    context = {
        "alert": alert,
        "data": alert.data,
        "recipient": recipient,
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
    }
    words = [alert.title, alert.body, f"{settings.SITE_URL}{alert.url or '/'}"]
    subject = _rendered(alert.kind, "subject.txt", context) or alert.title
    text = _rendered(alert.kind, "body.txt", context) or "\n\n".join(word for word in words if word) + "\n"
    html = _rendered(alert.kind, "body.html", context)
    message = Mail(
        subject=" ".join(subject.split()),  # a line break in a header is refused (trap T15)
        body=text,
        to=[delivery.address],
        # The same for every try of this delivery, so that mail programs can tell a repetition.
        headers={"Message-ID": f"<{alert.uid}.{delivery.pk}@{urlsplit(settings.SITE_URL).hostname or 'localhost'}>"},
    )
    if html:
        message.attach_alternative(html, "text/html")
    return message


def _rendered(kind: str, part: str, context: dict[str, Any]) -> str:
    """One part of the mail of a kind; empty when its template is missing or broken."""
    name = f"mail/{kind}/{part}"
    try:
        return render_to_string(name, context)
    except Exception as error:
        is_missing = isinstance(error, TemplateDoesNotExist) and str(error) == name
        if not is_missing:
            logger.exception("The mail template %s is broken; the mail goes out without it.", name)
        return ""


def _refused(code: int, text: bytes | str) -> TransportError:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    reason = f"The mail server answered {code} {words}"
    if code == 421:
        return ConnectionLost(reason)
    return TransportError(reason, permanent=500 <= code < 600)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
