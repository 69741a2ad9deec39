"""How far an alert has been carried, for its page."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from .. import kinds
from ..models import Alert, Delivery

SHOWN = 50  # deliveries in full; an alert for everyone has one for each user


@dataclass(frozen=True)
class Carriage:
    """How many deliveries of an alert are in each state, up to 50 of them, the worst first, or why there are none."""

    states: list[tuple[Delivery.State, int]]
    some: list[Delivery]
    emptiness: str

    @classmethod
    def of(cls, alert: Alert) -> Carriage:
        deliveries = Delivery.objects.filter(alert=alert)
        states = deliveries.order_by("state").values_list("state").annotate(Count("pk"))
        # In the order of the alphabet: dead, discarded and dropped are before leased, sending, sent and waiting.
        return cls(
            states=[(Delivery.State(state), count) for state, count in states],
            some=list(deliveries.order_by("state", "pk")[:SHOWN]),
            emptiness=_why_none(alert),
        )

    @property
    def count(self) -> int:
        return sum(count for _, count in self.states)


def _why_none(alert: Alert) -> str:
    if alert.expanded_at is None:
        return "None yet: a relay plans them."
    if not kinds.transports_of(alert.kind):
        return "None: alerts of this kind are shown on the dashboard alone."
    return "None: nobody in its audience had an address."
