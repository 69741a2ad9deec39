"""How the pipeline is: what waits for the relay or for a transport, and for how long."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.db.models.functions import Now

from .models import Alert, Delivery
from .relay.head import read_head, using

State = Delivery.State
UNDER_WAY = (State.LEASED, State.SENDING)


@dataclass(frozen=True)
class Vitals:
    """One look at the database. Ages in seconds; 0 where nothing waits."""

    head: int
    database_ms: float
    unnumbered: float  # age of the oldest committed alert without a position
    unexpanded: float  # age of the oldest alert whose deliveries are not planned yet
    overdue: float  # how long the longest waiting delivery has been due
    oldest_unsent: float  # age of the oldest delivery that is neither sent nor given up
    deliveries: dict[str, int]  # by state: waiting, under way, dead
    held_up: dict[str, int]  # by transport: deliveries that wait because its server is out of reach


def take() -> Vitals:
    """Read them, in a handful of indexed queries. Raises whatever the database says.

    Ages are by the database's clock, as `next_try` is: this process's own may have jumped.
    """
    began = time.perf_counter()
    head = read_head()
    database_ms = (time.perf_counter() - began) * 1000
    alerts = Alert.objects.using(using()).order_by("seq").values_list("created", Now())
    deliveries = Delivery.objects.using(using())
    unsent = deliveries.filter(state__in=(State.WAITING, *UNDER_WAY)).order_by("pk")
    due = deliveries.filter(state=State.WAITING).order_by("next_try").values_list("next_try", Now())
    return Vitals(
        head=head.position,
        database_ms=round(database_ms, 1),
        unnumbered=_age(alerts.filter(position=None).first()),
        unexpanded=_age(alerts.filter(expanded_at=None).first()),
        overdue=_age(due.first()),
        oldest_unsent=_age(unsent.values_list("alert__created", Now()).first()),
        deliveries={
            "waiting": deliveries.filter(state=State.WAITING).count(),
            "under_way": deliveries.filter(state__in=UNDER_WAY).count(),
            "dead": deliveries.filter(state=State.DEAD).count(),
        },
        held_up=dict(
            deliveries.filter(state=State.WAITING, is_held_up=True)
            .order_by("transport")
            .values_list("transport")
            .annotate(Count("pk"))
        ),
    )


def _age(found: tuple[datetime, datetime] | None) -> float:
    """Seconds between a moment and now, both as the database gives them."""
    return 0.0 if found is None else round(max((found[1] - found[0]).total_seconds(), 0.0), 1)
