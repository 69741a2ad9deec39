"""The bell: rung after each commit, it wakes a thread of the same process that numbers and publishes at once.

Any process that raises an alert has one: web, shell, cron. It starts with the first ring and, where no relay runs, does
nothing until it is rung again. A process that dies before it comes to that is no harm: a relay looks every second.
"""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from django.core import mail
from django.db import connections

from .head import using
from .layer import LOOK_WHEN_DOWN, layer
from .loop import Loop

logger = logging.getLogger(__name__)
SWEEP = 1.0  # seconds between two looks of a relay
SQLITE_PAUSE = 0.02  # seconds between two numberings on SQLite, else they starve the writers
AT_EXIT = 0.1  # seconds a process that ends waits for its last alerts to be numbered


class Bell:
    """`ring` and `tell` may be called from any thread, at any time, and never wait."""

    def __init__(self) -> None:
        self.sweeps = False
        self.after_numbering: list[Callable[[], None]] = []
        self._hints: deque[dict[str, Any]] = deque(maxlen=10_000)
        self._loop = Loop("numbering", self._work, self._every, at_end=layer.close)
        self._numberer: Any = None

    def ring(self) -> None:
        """An alert was committed in this process."""
        self._loop.wake()
        if not self._loop.is_running and not is_test_run():
            self._loop.start()

    def tell(self, hint: dict[str, Any]) -> None:
        """Hand a hint to the readers of every process, after what was rung before."""
        self._hints.append(hint)
        self.ring()

    def sweep(self) -> None:
        """Look at the log every second as well: the relay's part, for processes that died before they rang."""
        self.sweeps = True
        self._loop.start()
        self._loop.wake()

    def stop(self, timeout: float) -> None:
        self.sweeps = False
        self._loop.stop(timeout)

    def number_all(self) -> int:
        """Number and publish in the calling thread until nothing is left. Gives the head's position, or 0."""
        last = 0
        while True:
            numbered = self._number()
            if numbered is None:
                return last
            last = numbered.last

    def _work(self) -> bool:
        numbered = self._number()
        while self._hints:
            if not layer.send(self._hints.popleft()):
                self._hints.clear()  # the readers look by themselves while the layer is down
        if numbered is None:
            return False
        for wake in self.after_numbering:
            wake()
        if connections[using()].vendor == "sqlite":
            time.sleep(SQLITE_PAUSE)
        return bool(numbered.is_more)

    def _number(self) -> Any:
        from .numbering import Busy, Numberer
        from .publishing import publish

        if self._numberer is None:
            self._numberer = Numberer()
        while True:
            try:
                numbered = self._numberer.number()
            except Busy:
                time.sleep(0.005)
                continue
            if numbered is not None:
                publish(numbered)
            return numbered

    def _every(self) -> float | None:
        if not self.sweeps:
            return None
        return LOOK_WHEN_DOWN if layer.is_down else SWEEP

    def _forget(self) -> None:
        self._loop.forget()


def is_test_run() -> bool:
    """Django's test runner redirects mail to `mail.outbox`. A test's database is no place for a thread of ours."""
    return hasattr(mail, "outbox")


bell = Bell()
atexit.register(bell.stop, AT_EXIT)
os.register_at_fork(after_in_child=bell._forget)
