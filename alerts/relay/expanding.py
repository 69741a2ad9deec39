"""Expands each alert that is carried further into one Delivery per transport and recipient.

Tracked per alert (`expanded_at`); a half-expanded alert is expanded again from the start, and the unique key (alert,
transport, recipient) keeps what is there. An alert that fails is put off, and holds up no other.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from .. import kinds
from ..audiences import includes, members
from ..models import Alert, Delivery
from ..transports import Transport, registered
from .head import using

logger = logging.getLogger(__name__)
ALERTS = 100  # alerts looked at in one go
BATCH = 500  # deliveries written in one transaction
PUT_OFF = 60.0  # seconds until a failed alert is tried again


class Expander:
    """One per relay; two relays at once do no harm."""

    def __init__(self) -> None:
        self._put_off: dict[int, float] = {}

    def expand(self) -> bool:
        """Expand up to 100 alerts. Gives whether there may be more to do at once."""
        now = time.monotonic()
        self._put_off = {seq: until for seq, until in self._put_off.items() if until > now}
        due = Alert.objects.using(using()).filter(expanded_at=None).exclude(seq__in=list(self._put_off))
        alerts = list(due.order_by("seq")[:ALERTS])
        for alert in alerts:
            try:
                expand(alert)
            except (OperationalError, InterfaceError):
                raise  # the database is out of reach, or busy: no alert's fault
            except Exception as error:
                logger.exception(
                    "Alert %s (%s) could not be expanded; again in a minute: %s", alert.uid, alert.kind, error
                )
                self._put_off[alert.seq] = now + PUT_OFF
        return len(alerts) == ALERTS


def expand(alert: Alert) -> None:
    if alert.kind not in kinds.declared:
        # Not ours to settle: a process with newer code may know it.
        raise LookupError(f"no declaration of {alert.kind!r} in this process; start the relay with the site's new code")
    for name in kinds.transports_of(alert.kind):
        transport = registered[name]
        last: Any = None
        while True:
            users = members(alert.audience).order_by("pk")
            batch = list((users if last is None else users.filter(pk__gt=last))[:BATCH])
            if not batch:
                break
            last = batch[-1].pk
            write(alert, transport, batch)
    Alert.objects.using(using()).filter(seq=alert.seq, expanded_at=None).update(expanded_at=Now())


def write(alert: Alert, transport: Transport, users: list[Any]) -> None:
    deliveries = [
        Delivery(alert=alert, transport=transport.name, recipient=str(user.pk), address=address, next_try=Now())
        for user in users
        if includes(alert.audience, user) and (address := transport.address(user))
    ]
    with transaction.atomic(using=using()):
        Delivery.objects.using(using()).bulk_create(deliveries, ignore_conflicts=True)
