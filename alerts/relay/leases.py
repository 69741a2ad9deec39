"""Leases: which relay works on which delivery. A lease is (holder, beat).

The holder raises the beat of all it holds every 5 seconds. Whoever sees the same beat for 30 seconds of its own
monotonic clock takes the delivery over by compare-and-set; no wall clock is asked, for wall clocks jump.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from django.db import connections, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from ..models import Delivery
from .head import using

BEAT = 5.0  # seconds
PATIENCE = 30.0  # seconds without a beat
HELD = (Delivery.State.LEASED, Delivery.State.SENDING)


class Leases:
    """The leases of one relay on one transport's deliveries."""

    def __init__(self, transport: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.transport = transport
        self.holder = secrets.token_hex(8)
        self._clock = clock
        self._watched: dict[tuple[int, str, int], float] = {}

    @property
    def _rows(self) -> Q:
        return Q(transport=self.transport)

    def take(self, limit: int) -> list[int]:
        """Lease up to `limit` deliveries that are due by the database's clock. Gives their keys."""
        due = Delivery.objects.using(using()).filter(self._rows, state=Delivery.State.WAITING, next_try__lte=Now())
        if not due.exists():
            return []
        skip = connections[using()].features.has_select_for_update_skip_locked
        with transaction.atomic(using=using()):
            locked = due.select_for_update(skip_locked=skip).order_by("next_try")
            keys = list(locked.values_list("pk", flat=True)[:limit])
            Delivery.objects.using(using()).filter(pk__in=keys).update(
                state=Delivery.State.LEASED, holder=self.holder, beat=1
            )
        return keys

    def take_over(self) -> list[int]:
        """Lease deliveries whose holder gave no sign of life for 30 seconds. Gives their keys."""
        others = Delivery.objects.using(using()).filter(self._rows, state__in=HELD).exclude(holder=self.holder)
        seen = list(others.values_list("pk", "holder", "beat"))
        now = self._clock()
        self._watched = {lease: self._watched.get(lease, now) for lease in seen}
        taken = []
        for key, holder, beat in seen:
            if now - self._watched[key, holder, beat] < PATIENCE:
                continue
            same = Delivery.objects.using(using()).filter(pk=key, holder=holder, beat=beat, state__in=HELD)
            if same.update(state=Delivery.State.LEASED, holder=self.holder, beat=1):
                taken.append(key)
        return taken

    def beat(self) -> None:
        """Show that this holder lives."""
        mine = Delivery.objects.using(using()).filter(self._rows, holder=self.holder, state__in=HELD)
        if mine.exists():
            mine.update(beat=F("beat") + 1)

    def give_back(self) -> None:
        """On a clean end: what was leased and not begun is free at once."""
        self._give_back(Delivery.State.LEASED)

    def recall(self) -> None:
        """After a failure that left nothing in hand: all that is still leased, begun or not, is free again."""
        self._give_back(*HELD)

    def _give_back(self, *states: Delivery.State) -> None:
        mine = Delivery.objects.using(using()).filter(self._rows, holder=self.holder, state__in=states)
        mine.update(state=Delivery.State.WAITING, holder="")
