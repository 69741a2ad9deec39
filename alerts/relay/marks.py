"""Marks what becomes of the deliveries one relay holds. What another has taken over meanwhile is left alone.

A message is in doubt from its last byte until it is marked `sent`: whoever dies in between sends it again. So the next
message is begun by the statement that marks the last one: one statement for each, and never two messages in doubt.
"""

from __future__ import annotations

import logging

from django.db import connections
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from ..clean import BODY, text
from ..exceptions import TransportError
from ..models import Delivery
from ..retry import delay
from .head import using
from .leases import HELD

logger = logging.getLogger(__name__)
State = Delivery.State
BEGIN = f"""
UPDATE {Delivery._meta.db_table} SET
    state = CASE WHEN id = %s THEN '{State.SENT}' ELSE '{State.SENDING}' END,
    attempts = CASE WHEN id = %s THEN attempts + 1 ELSE attempts END,
    reason = CASE WHEN id = %s THEN '' ELSE reason END,
    address = CASE WHEN id = %s THEN address ELSE %s END
WHERE id IN (%s, %s) AND holder = %s AND state = CASE WHEN id = %s THEN '{State.SENDING}' ELSE '{State.LEASED}' END
RETURNING id
"""


class Marks:
    """The marks of one holder. Used by one thread."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        self._taken = 0  # the other side has taken this one, which is not marked yet

    def begin(self, key: int, address: str) -> bool:
        """Mark one `sending`, just before it is handed over. Gives whether it is this holder's to send."""
        taken = self._taken
        with connections[using()].cursor() as cursor:
            cursor.execute(BEGIN, [taken, taken, taken, taken, address, taken, key, self.holder, taken])
            begun = {row[0] for row in cursor.fetchall()}
        self._taken = 0
        return key in begun

    def took(self, key: int) -> None:
        """The other side has taken it. The next `begin` marks it, or `settle`: let nothing else come first."""
        self._taken = key

    def settle(self) -> None:
        """Mark as sent what was taken."""
        if self._taken:
            self.held(self._taken).update(state=State.SENT, attempts=F("attempts") + 1, reason="")
            self._taken = 0

    def dropped(self, key: int, reason: str) -> None:
        self.settle()
        self.held(key).update(state=State.DROPPED, reason=reason)

    def failed(self, key: int, error: TransportError, *, is_held_up: bool = False) -> None:
        """Try again later, or never."""
        self.settle()
        row = self.held(key).values_list("attempts", "transport").first()
        if row is None:
            return
        attempts = row[0] + 1
        pause = None if error.permanent else delay(attempts)
        reason = text(error, BODY)
        if pause is None:
            logger.warning("Delivery %s by %s is dead: %s", key, row[1], reason)
            self.held(key).update(state=State.DEAD, attempts=attempts, reason=reason, holder="")
        else:
            self.held(key).update(
                state=State.WAITING,
                attempts=attempts,
                reason=reason,
                holder="",
                next_try=Now() + pause,
                is_held_up=is_held_up,
            )

    def held(self, *keys: int) -> QuerySet[Delivery]:
        return Delivery.objects.using(using()).filter(pk__in=keys, holder=self.holder, state__in=HELD)
