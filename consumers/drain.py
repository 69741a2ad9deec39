"""The drain: at SIGTERM or Ctrl-C every socket hears `bye` and closes with 4012, before the server below us ends.

Servers end in ways of their own, and tell an application too late or never: uvicorn closes with 1012 before lifespan's
shutdown, Daphne cuts (trap D5), and may forget to end its applications (trap D12). So their signal handlers wait: ours
comes first, lets the sockets go, and hands the signal on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

logger = logging.getLogger(__name__)
ENDS = (signal.SIGTERM, signal.SIGINT)


class Drain:
    """One per process. `drained` lets the sockets go and returns soon, whatever a client does."""

    def __init__(self, drained: Callable[[], Awaitable[None]]) -> None:
        self._drained = drained
        self._before: dict[int, Any] = {}
        self._is_asked = False
        self._draining: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Stand before the signal handlers of the server. Belongs to its loop; idempotent.

        A loop outside the main thread (runserver's reloader) can hear no signals: there is no drain then.
        """
        if self._before:
            return
        loop = asyncio.get_running_loop()
        try:
            for number in ENDS:
                self._before[number] = signal.signal(number, partial(self._ended, loop))
        except ValueError:
            self._before.clear()

    def leave(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _ended(self, loop: asyncio.AbstractEventLoop, number: int, frame: object) -> None:
        """A signal handler. The first signal drains; a second one is the server's at once, though the loop be stuck."""
        if self._is_asked or loop.is_closed():
            self._hand_on(number, frame)
        else:
            self._is_asked = True
            loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        self._draining = asyncio.create_task(self._drain(number))

    async def _drain(self, number: int) -> None:
        try:
            await self._drained()
        except Exception:
            logger.exception("The drain failed; the server ends without it.")
        if self._before:  # else a second signal has ended the server meanwhile, which ends in its own time
            self._hand_on(number, None)

    def _hand_on(self, number: int, frame: object) -> None:
        handler = self._before.get(number, signal.SIG_DFL)
        if callable(handler):
            handler(number, frame)
        elif handler != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
