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
from uuid import UUID

from django.core import mail
from django.db import connections

from .head import using
from .intents import Intents
from .layer import LOOK_WHEN_DOWN, layer
from .loop import Loop

logger = logging.getLogger(__name__)
SWEEP = 1.0  # seconds between two looks of a relay
SQLITE_PAUSE = 0.02  # seconds between two numberings on SQLite, else they starve the writers
AT_EXIT = 0.1  # seconds a process that ends waits for its last alerts to be numbered


class Bell:
    """`ring`, `tell`, `announce` and `settle` may be called from any thread, at any time, and never wait."""

    def __init__(self) -> None:
        self.sweeps = False
        self.after_numbering: list[Callable[[], None]] = []
        self._is_rung = True
        self._numbered_at = 0.0
        self._hints: deque[dict[str, Any]] = deque(maxlen=10_000)
        self._intents = Intents()
        self._loop = Loop("numbering", self._work, self._every, at_end=layer.close)
        self._numberer: Any = None

    def ring(self) -> None:
        """An alert was committed in this process."""
        self._is_rung = True
        self._wake()

    def tell(self, hint: dict[str, Any]) -> None:
        """Hand a hint to the readers of every process, after what was rung before."""
        self._hints.append(hint)
        self.ring()

    def announce(self, uid: UUID, hint: dict[str, Any], *, at_once: bool = False) -> None:
        """An act has begun whose alert will have this id: tell the readers, unless it is over within a moment."""
        self._intents.announce(uid, hint, at_once=at_once)
        self._wake()

    def settle(self, uid: UUID) -> None:
        """That act is over."""
        self._intents.settle(uid)

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

    def _wake(self) -> None:
        self._loop.wake()
        if not self._loop.is_running and not is_test_run():
            self._loop.start()

    def _work(self) -> bool:
        self._send_intents()
        interval = self._interval()
        if not self._is_rung and (interval is None or time.monotonic() < self._numbered_at + interval):
            return False
        is_rung, self._is_rung = self._is_rung, False  # first: whoever rings from here on is heard by the next round
        try:
            numbered = self._number(is_rung=is_rung)
        except BaseException:
            self._is_rung = True
            raise
        self._numbered_at = time.monotonic()
        while self._hints:
            if not layer.send(self._hints.popleft()):
                self._hints.clear()  # the readers look by themselves while the layer is down
        if numbered is None:
            return False
        for wake in self.after_numbering:
            wake()
        if connections[using()].vendor == "sqlite":
            time.sleep(SQLITE_PAUSE)
        self._is_rung = self._is_rung or numbered.is_more
        return bool(numbered.is_more)

    def _send_intents(self) -> None:
        for hint in self._intents.take_due():
            layer.send(hint)

    def _number(self, *, is_rung: bool = False) -> Any:
        from .numbering import Busy, Numberer
        from .publishing import publish

        if self._numberer is None:
            self._numberer = Numberer()
        while True:
            try:
                numbered = self._numberer.number(is_rung=is_rung)
            except Busy:
                self._send_intents()
                time.sleep(0.005)
                continue
            if numbered is not None:
                publish(numbered)
            return numbered

    def _every(self) -> float | None:
        interval = self._interval()
        until_sweep = None if interval is None else max(self._numbered_at + interval - time.monotonic(), 0.0)
        pauses = [self._intents.pause(), until_sweep]
        return min((pause for pause in pauses if pause is not None), default=None)

    def _interval(self) -> float | None:
        """Seconds between two looks at the log when nobody rings."""
        if not self.sweeps:
            return None
        return LOOK_WHEN_DOWN if layer.is_down else SWEEP

    def _forget(self) -> None:
        self._intents = Intents()
        self._loop.forget()


def is_test_run() -> bool:
    """Django's test runner redirects mail to `mail.outbox`. A test's database is no place for a thread of ours."""
    return hasattr(mail, "outbox")


bell = Bell()
atexit.register(bell.stop, AT_EXIT)
os.register_at_fork(after_in_child=bell._forget)
