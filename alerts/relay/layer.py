"""The one door to the channel layer for threads. A layer message is a hint: losing it costs a moment, never an alert.

No call here waits longer than a second (trap R13), and after a failure the layer counts as down for 5 seconds: nobody
asks it then but one probe, and the readers look at the log itself every 250 ms.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Coroutine
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer

logger = logging.getLogger(__name__)
GROUP = "alerts.log"
TYPE = "alerts.message"  # fixed: in a layer message the type picks the method (trap C5)
VERSION = 1
LIMIT = 1.0  # seconds a call may take
PAUSE = 5.0  # seconds the layer counts as down after a failure
LOOK_WHEN_DOWN = 0.25  # seconds between two looks at the log meanwhile


class Layer:
    """One per process. `send` may be called from any thread but the server's own."""

    def __init__(self) -> None:
        self._server_loop: asyncio.AbstractEventLoop | None = None
        self._own = threading.local()
        self._down_until = 0.0

    @property
    def is_down(self) -> bool:
        return time.monotonic() < self._down_until

    def failed(self, error: BaseException) -> None:
        if not self.is_down:
            logger.warning(
                "The channel layer does not answer (%s: %s). Delivery goes on from the log.",
                type(error).__name__,
                error,
            )
        self._down_until = time.monotonic() + PAUSE

    def serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """The server's loop is the only one that may call the layer in this process (traps M3, R12)."""
        self._server_loop = loop

    def leave(self) -> None:
        self._server_loop = None

    def send(self, message: dict[str, Any]) -> bool:
        """Hand one message to every process that reads the log. Gives whether the layer took it."""
        if self.is_down:
            return False
        layer = get_channel_layer()
        loop = self._server_loop
        if layer is None or (loop is None and isinstance(layer, InMemoryChannelLayer)):
            return False  # nobody in this process listens, and no other could hear
        message = {"type": TYPE, "v": VERSION, **message}
        try:
            if loop is not None:
                asyncio.run_coroutine_threadsafe(_limited(layer.group_send(GROUP, message)), loop).result(LIMIT * 2)
            else:
                self._own_runner().run(_limited(layer.group_send(GROUP, message)))
        except Exception as error:
            self.failed(error)
            return False
        return True

    def close(self) -> None:
        """End this thread's own loop, if it had one."""
        runner: asyncio.Runner | None = getattr(self._own, "runner", None)
        if runner is not None:
            del self._own.runner
            runner.close()

    def _own_runner(self) -> asyncio.Runner:
        if not hasattr(self._own, "runner"):
            self._own.runner = asyncio.Runner()
        runner: asyncio.Runner = self._own.runner
        return runner


async def _limited(call: Coroutine[Any, Any, None]) -> None:
    await asyncio.wait_for(call, LIMIT)


layer = Layer()
