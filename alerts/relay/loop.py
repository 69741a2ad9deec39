"""A thread that does one piece of work again and again: at once when woken, else at an interval."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connections

logger = logging.getLogger(__name__)
LONGEST_PAUSE = 5.0  # seconds between two tries while the work fails


class Loop:
    """Runs `work` in a daemon thread. `work` gives True when there is more to do at once.

    `every` gives the seconds until the next look when nobody wakes it; None waits for a wake-up alone. Failing work is
    logged, its database connections are closed (so a restarted server is met anew), and it is tried again after
    0.25 s doubling to 5 s. No failure ends the loop.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], bool],
        every: Callable[[], float | None],
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.work = work
        self.every = every
        self.at_end = at_end  # called in the thread, for what belongs to it
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """Any thread may call this; it never waits."""
        self._woken.set()

    def start(self) -> None:
        """Idempotent."""
        with self._starting:
            if not self.is_running:
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name=f"alerts-{self.name}", daemon=True)
                self._thread.start()

    def stop(self, timeout: float) -> None:
        """Ask the loop to end after the work at hand, and wait for that, `timeout` seconds at most."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def forget(self) -> None:
        """In a forked child the thread is gone: start anew when asked to."""
        self._thread = None
        self._starting = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()

    def _run(self) -> None:
        pause = 0.0
        try:
            while True:
                try:
                    is_more = self.work()
                    pause = 0.0
                except Exception as error:
                    is_more = False
                    if not pause:
                        is_expected = isinstance(error, (DatabaseError, InterfaceError))
                        logger.log(
                            logging.WARNING if is_expected else logging.ERROR,
                            "The %s loop failed and tries again: %s",
                            self.name,
                            error,
                            exc_info=not is_expected,
                        )
                    pause = min(max(pause * 2, 0.25), LONGEST_PAUSE)
                    connections.close_all()
                if self._stopping.is_set():
                    return
                if pause:
                    self._stopping.wait(pause)
                elif not is_more:
                    self._woken.wait(self.every())
                    self._woken.clear()
        finally:
            connections.close_all()
            self.at_end()
