"""Alerts as e-mail, through Django's mail back end: one SMTP connection for many messages."""

from __future__ import annotations

import logging
import smtplib
import threading
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import AbstractBaseUser
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string

from ..conf import conf
from ..exceptions import ConnectionLost, TransportError
from ..models import Delivery
from .base import Session, Transport

logger = logging.getLogger(__name__)
LIMIT = 20.0  # seconds one message may take in all


class EmailSession(Session):
    def __init__(self) -> None:
        self._backend: Any = get_connection()
        try:
            self._backend.open()
        except Exception as error:
            raise ConnectionLost(f"The mail server is out of reach: {_words(error)}") from error

    def send(self, delivery: Delivery, recipient: AbstractBaseUser) -> None:
        message = compose(delivery, recipient)
        message.connection = self._backend
        # Each answer has its own time-out; a server that trickles would stay below it for ever.
        watchdog = threading.Timer(LIMIT, self._cut)
        watchdog.daemon = True
        watchdog.start()
        try:
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
        finally:
            watchdog.cancel()

    def close(self) -> None:
        try:
            self._backend.close()
        except Exception as error:
            logger.info("Closing the mail connection failed: %s", error)

    def _cut(self) -> None:
        sock = getattr(getattr(self._backend, "connection", None), "sock", None)
        if sock is not None:
            sock.close()


class Email(Transport):
    name = "email"

    def address(self, user: AbstractBaseUser) -> str:
        return str(getattr(user, user.get_email_field_name(), "") or "")

    def open(self) -> Session:
        return EmailSession()


def compose(delivery: Delivery, recipient: AbstractBaseUser) -> EmailMultiAlternatives:
    """The message of a delivery, from `mail/<kind>/{subject.txt,body.txt,body.html}`.

    A kind without templates, or with broken ones, gets its title and body: an alert never waits for a template.
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
    subject, text, html = alert.title, f"{alert.title}\n\n{alert.body}\n\n{settings.SITE_URL}{alert.url or '/'}\n", ""
    try:
        subject, text, html = (
            render_to_string(f"mail/{alert.kind}/{part}", context) for part in ("subject.txt", "body.txt", "body.html")
        )
    except TemplateDoesNotExist as error:
        if not str(error).startswith(f"mail/{alert.kind}/"):
            logger.exception("A mail template of %s is broken; its mail goes out with a default text.", alert.kind)
    except Exception:
        logger.exception("A mail template of %s is broken; its mail goes out with a default text.", alert.kind)
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),  # a line break in a header is refused (trap T15)
        body=text,
        to=[delivery.address],
        # The same for every try of this delivery, so that mail programs can tell a repetition.
        headers={"Message-ID": f"<{alert.uid}.{delivery.pk}@{urlsplit(settings.SITE_URL).hostname or 'localhost'}>"},
    )
    if html:
        message.attach_alternative(html, "text/html")
    return message


def _refused(code: int, text: bytes | str) -> TransportError:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    reason = f"The mail server answered {code} {words}"
    if code == 421:
        return ConnectionLost(reason)
    return TransportError(reason, permanent=500 <= code < 600)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
