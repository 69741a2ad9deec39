"""The publisher: raises alerts at a pace, in a process of its own. Each title carries the moment it was raised."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

_numbers = itertools.count()
BODY = "What happened, in a sentence or two, as an alert has it: about a hundred characters for a person to read."


def title() -> str:
    """What subscribers.c counts and times."""
    return f"bench {time.time_ns() // 1000} {next(_numbers)} "


def at_a_pace(act: Callable[[int], Any], count: int, per_second: float) -> float:
    """Acts `count` times, `per_second` of them in a second (0: one after the other). Gives the seconds it took."""
    began = time.monotonic()
    for number in range(count):
        if per_second:
            time.sleep(max(began + number / per_second - time.monotonic(), 0))
        act(number)
    return time.monotonic() - began


def raise_alerts(count: int, per_second: float, audiences: Sequence[str] = ("staff",)) -> float:
    """One alert in one transaction each, for these audiences in turn. Gives the seconds it took."""
    from alerts.outbox import record

    def act(number: int) -> None:
        with transaction.atomic():
            record(kind="bench.alert", audience=audiences[number % len(audiences)], title=title(), body=BODY)

    return at_a_pace(act, count, per_second)


def raise_at_once(count: int) -> float:
    """All in one transaction. Gives the seconds it took."""
    with transaction.atomic():
        return raise_alerts(count, 0)


def raise_silently(count: int, per_second: float) -> float:
    """As `raise_alerts`, but this process never numbers: a relay has to find the alerts by itself."""
    from alerts.relay.bell import bell

    bell.ring = lambda: None  # type: ignore[method-assign]
    return raise_alerts(count, per_second)
