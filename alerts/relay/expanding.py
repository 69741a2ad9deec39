"""Expands each alert that is carried further into one Delivery per transport and recipient.

Tracked per alert (`expanded_at`); a half-expanded alert is expanded again from the start, and the unique key (alert,
transport, recipient) keeps what is there. Many alerts are expanded together: a thousand welcomes ask for their thousand
users at once, and a storm for one audience for its members once. If that fails, each is expanded by itself: an alert
that fails is put off, and holds up no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now

from .. import kinds
from ..audiences import includes, members, subjects
from ..models import Alert, Delivery
from ..transports import registered
from .head import using

logger = logging.getLogger(__name__)
ALERTS = 100  # alerts expanded together
BATCH = 500  # deliveries written in one transaction, and users read in one query
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
        alerts = list(due.order_by("seq").only("uid", "kind", "audience")[:ALERTS])
        if alerts:
            self._try(alerts)
        return len(alerts) == ALERTS

    def _try(self, alerts: Sequence[Alert]) -> None:
        try:
            expand(alerts)
        except (OperationalError, InterfaceError):
            raise  # the database is out of reach, or busy: no alert's fault
        except Exception as error:
            if len(alerts) > 1:
                for alert in alerts:
                    self._try([alert])
                return
            [bad] = alerts
            logger.exception("Alert %s (%s) could not be expanded; again in a minute: %s", bad.uid, bad.kind, error)
            self._put_off[bad.seq] = time.monotonic() + PUT_OFF


def expand(alerts: Sequence[Alert]) -> None:
    """All of them, or it raises; what is written by then stays."""
    by_audience: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.kind not in kinds.declared:
            # Not ours to settle: a process with newer code may know it.
            raise LookupError(f"no declaration of {alert.kind!r} in this process; start the relay with its new code")
        by_audience.setdefault(alert.audience, []).append(alert)
    deliveries = _deliveries(by_audience)
    while batch := list(islice(deliveries, BATCH)):
        with transaction.atomic(using=using()):
            Delivery.objects.using(using()).bulk_create(batch, ignore_conflicts=True)
    expanded = Alert.objects.using(using()).filter(seq__in=[alert.seq for alert in alerts], expanded_at=None)
    expanded.update(expanded_at=Now())


def _deliveries(by_audience: dict[str, list[Alert]]) -> Iterator[Delivery]:
    for audience, user in _recipients(by_audience):
        # None for a key that is not spelled as ours are ("user:05"): nobody is in it.
        for alert in by_audience.get(audience, ()):
            for name in kinds.transports_of(alert.kind):
                if includes(audience, user) and (address := registered[name].address(user)):
                    yield Delivery(alert=alert, transport=name, recipient=str(user.pk), address=address, next_try=Now())


def _recipients(audiences: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Each audience with each of its users."""
    of_one = [audience for audience in audiences if audience.startswith("user:")]
    for user in subjects(of_one) if of_one else ():
        yield f"user:{user.pk}", user
    for audience in audiences:
        if audience in of_one:
            continue
        users = members(audience).order_by("pk")
        last: Any = None
        while True:
            page = list((users if last is None else users.filter(pk__gt=last))[:BATCH])
            for user in page:
                yield audience, user
            if len(page) < BATCH:
                break
            last = page[-1].pk
