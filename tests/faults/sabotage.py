"""What happens without a safeguard: each function here takes one away, in the process that loads it."""

import os
from collections.abc import Callable
from typing import Any

from django.apps import AppConfig
from django.db import transaction

Switch = Callable[[], None]
switches: dict[str, Switch] = {}


def safeguard(switch: Switch) -> Switch:
    switches[switch.__name__] = switch
    return switch


@safeguard
def outbox() -> None:
    """The textbook: the alert is written by `on_commit`, after the transaction of what it reports."""
    from alerts import outbox

    write = outbox.write

    def write_later(*arguments: Any) -> None:
        transaction.on_commit(lambda: write(*arguments))

    outbox.write = write_later  # type: ignore[assignment]


@safeguard
def position() -> None:
    """The serial key is the order: whoever has seen a higher one never sees a lower one that is committed later."""
    from django.db.models import F, Max

    from alerts.models import Alert, LogHead
    from alerts.relay.numbering import Numbered, Numberer

    def number(self: Numberer, **_: bool) -> Numbered | None:
        head = LogHead.objects.get_or_create(pk=1, defaults={"epoch": "x" * 22})[0]
        new = Alert.objects.filter(position=None, seq__gt=head.position)
        last = new.aggregate(last=Max("seq"))["last"]
        if last is None:
            return None
        first = head.position + 1
        new.update(position=F("seq"))
        LogHead.objects.update(position=last)
        alerts = Alert.objects.filter(position__range=(first, last)).order_by("position")
        return Numbered(head.epoch, list(alerts), is_more=False)

    Numberer.number = number  # type: ignore[method-assign]


@safeguard
def sweep() -> None:
    """Nobody looks at the log unless somebody rings."""
    from alerts.relay.bell import Bell

    Bell._interval = lambda self: None  # type: ignore[method-assign]


@safeguard
def lease() -> None:
    """Whoever finds a delivery carries it, whether somebody holds it or not."""
    from alerts.relay import leases

    leases.PATIENCE = 0.0


@safeguard
def ack_window() -> None:
    """The server sends on, whatever was acknowledged."""
    from consumers.window import Window

    Window.is_full = False  # type: ignore[assignment, method-assign]


@safeguard
def revocation() -> None:
    """Rights are read at the handshake, as Channels itself does it."""
    from consumers.watch import Watch

    async def do_nothing(self: Watch, users: object) -> None:
        return

    Watch.look = do_nothing  # type: ignore[method-assign]


@safeguard
def act_identity() -> None:
    """Each row is an act of its own."""
    from alerts import acts

    acts._act_at_hand = lambda using: None


class Sabotage(AppConfig):
    name = "tests.faults.sabotage"

    def ready(self) -> None:
        switches[os.environ["ALERTS_WITHOUT"]]()
