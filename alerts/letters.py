"""Dead letters, taken up again or given up by hand.

A dead letter waits again, with all its attempts, when it is retried; a dead or waiting one is `discarded` when nobody
wants it any more, and can still be retried. What a relay carries (`leased`, `sending`) is the relay's, and what is
`sent` or `dropped` is over: both are left alone, by the condition of the UPDATE itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, F, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Concat, Now

from .models import Delivery
from .relay.head import using

State = Delivery.State
RETRYABLE = (State.DEAD, State.DISCARDED)
DISCARDABLE = (State.DEAD, State.WAITING)
BEFORE = "Before the retry: "
BATCH = 900  # rows in one transaction; SQLite takes 999 values in one statement
Note = Callable[[list[Delivery]], object]


@dataclass(frozen=True)
class Settled:
    """What became of the chosen deliveries."""

    done: int
    left: dict[str, int]  # how many were in each state that does not allow it
    taken: int  # somebody else, a relay or another admin, was quicker


def retry(*, deliveries: QuerySet[Delivery], note: Note | None = None) -> Settled:
    """Let those that are dead or discarded wait again, due now by the database's clock, with all their attempts.

    Nobody is woken: a relay looks every second. The reason is kept, marked as that of the time before.
    In transactions of up to 900; `note` is called in each with what it changed, so that both are kept or neither.
    """
    before = Concat(Value(BEFORE, output_field=TextField()), F("reason"))
    unmarked = Q(reason="") | Q(reason__startswith=BEFORE)
    reason = Case(When(unmarked, then=F("reason")), default=before)
    return _settle(
        deliveries,
        RETRYABLE,
        note,
        state=State.WAITING,
        attempts=0,
        next_try=Now(),
        holder="",
        reason=reason,
        is_held_up=False,
    )


def discard(*, deliveries: QuerySet[Delivery], note: Note | None = None) -> Settled:
    """Give up those that are dead or waiting; the reason is kept. Transactions and `note` as in `retry`."""
    return _settle(deliveries, DISCARDABLE, note, state=State.DISCARDED, holder="")


def _settle(deliveries: QuerySet[Delivery], allowed: Sequence[State], note: Note | None, **change: Any) -> Settled:
    others = deliveries.exclude(state__in=allowed).order_by()
    left = dict(others.values_list("state").annotate(Count("pk")))
    keys = list(deliveries.filter(state__in=allowed).order_by("pk").values_list("pk", flat=True))
    done = sum(
        _settle_batch(keys[start : start + BATCH], allowed, note, change) for start in range(0, len(keys), BATCH)
    )
    return Settled(done=done, left=left, taken=len(keys) - done)


def _settle_batch(keys: list[int], allowed: Sequence[State], note: Note | None, change: dict[str, Any]) -> int:
    fitting = Delivery.objects.using(using()).filter(state__in=allowed)
    with transaction.atomic(using=using()):
        # Locked first, to know which rows the UPDATE finds; in one order, so that two admins do not deadlock.
        rows = list(fitting.filter(pk__in=keys).select_for_update().order_by("pk").only("transport", "address"))
        done = fitting.filter(pk__in=[row.pk for row in rows]).update(**change)
        if note is not None and rows:
            note(rows)
    return done
