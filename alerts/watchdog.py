"""Ends what takes too long, where no time-out of its own would: each answer may come in time, and all of them not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchdog:
    """Calls `bite` in a thread of its own when what goes on in `watch()` takes longer than `seconds`.

    One thread for all that is watched, one after another: it sleeps `seconds` at a time, and whatever began meanwhile
    ends no sooner than that. `close` when nothing will be watched any more.
    """

    def __init__(self, seconds: float, bite: Callable[[], None]) -> None:
        self._seconds = seconds
        self._bite = bite
        self._until: float | None = None
        self._is_closed = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self) -> Iterator[None]:
        self._until = time.monotonic() + self._seconds
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="alerts-watchdog", daemon=True)
            self._thread.start()
        try:
            yield
        finally:
            self._until = None

    def close(self) -> None:
        """Idempotent; does not wait for the thread."""
        self._is_closed.set()

    def _run(self) -> None:
        pause = self._seconds
        while not self._is_closed.wait(pause):
            until = self._until
            pause = self._seconds if until is None else until - time.monotonic()
            if pause <= 0:
                self._bite()
                pause = self._seconds
