"""Starts and ends the relay's loops: numbering, expanding, and for each transport delivering and its beat."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..transports import registered
from .bell import bell
from .delivering import Deliverer
from .expanding import Expander
from .layer import layer
from .leases import BEAT
from .loop import Loop

LOOK = 1.0  # seconds between two looks for work nobody woke us for


class Relay:
    """One per process that relays. Any number of processes may: they share the work and never do it twice."""

    def __init__(self) -> None:
        self._expander = Expander()
        self._deliverers = [Deliverer(transport) for transport in registered.values()]
        self._delivering = [
            Loop(f"delivering-{deliverer.transport.name}", deliverer.deliver, lambda: LOOK)
            for deliverer in self._deliverers
        ]
        beats = [
            Loop(f"beat-{deliverer.transport.name}", _again(deliverer), lambda: BEAT) for deliverer in self._deliverers
        ]
        self._expanding = Loop("expanding", self._expand, lambda: LOOK)
        self._loops = [self._expanding, *self._delivering, *beats]

    def start(self) -> None:
        bell.after_numbering.append(self._expanding.wake)
        bell.sweep()
        for loop in self._loops:
            loop.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the message at hand, within `timeout` seconds; leases not begun are given back."""
        if self._expanding.wake in bell.after_numbering:
            bell.after_numbering.remove(self._expanding.wake)
        for deliverer in self._deliverers:
            deliverer.is_stopping = True
        until = time.monotonic() + timeout
        if not bell.after_numbering:  # no other relay is left in this process
            bell.stop(timeout)
        for loop in self._loops:
            loop.stop(0)
        for loop in self._loops:
            loop.stop(max(until - time.monotonic(), 0))

    def run_once(self) -> None:
        """Number, publish, expand and deliver all that is due, in the calling thread."""
        bell.number_all()
        while self._expander.expand():
            pass
        for deliverer in self._deliverers:
            while deliverer.deliver():
                pass
        layer.close()

    def _expand(self) -> bool:
        is_more = self._expander.expand()
        for loop in self._delivering:
            loop.wake()
        return is_more


def _again(deliverer: Deliverer) -> Callable[[], bool]:
    def beat() -> bool:
        deliverer.leases.beat()
        return False

    return beat
