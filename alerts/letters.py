"""Dead letters, taken up again or given up by hand. One conditional UPDATE each, so that no relay is raced."""

from __future__ import annotations

from django.db.models import Case, F, QuerySet, TextField, Value, When
from django.db.models.functions import Concat, Now

from .models import Delivery

State = Delivery.State
RETRYABLE = (State.DEAD, State.DISCARDED)
DISCARDABLE = (State.DEAD, State.WAITING)
BEFORE = "Before the retry: "


def retry(deliveries: QuerySet[Delivery]) -> int:
    """Let those that are dead or discarded wait again, due now, with all their attempts. Gives how many.

    Nobody is woken: a relay looks every second. The reason is kept, marked as that of the time before.
    """
    before, nothing = (Value(words, output_field=TextField()) for words in (BEFORE, ""))
    reason = Case(When(reason="", then=nothing), default=Concat(before, F("reason")))
    return deliveries.filter(state__in=RETRYABLE).update(
        state=State.WAITING, attempts=0, next_try=Now(), holder="", reason=reason
    )


def discard(deliveries: QuerySet[Delivery]) -> int:
    """Give up those that are dead or waiting; one that is being carried just now is left alone. Gives how many."""
    return deliveries.filter(state__in=DISCARDABLE).update(state=State.DISCARDED, holder="")
