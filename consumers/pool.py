"""The threads that ask the database: few, our own, never the one `database_sync_to_async` work shares (trap C2).

Each kind of work has a lane of its own: commands that wait for a lock hold up no handshake, and neither holds up the
log, which every live socket reads. A thread has one connection, so a process has as many as there are threads here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connections

P = ParamSpec("P")
R = TypeVar("R")


class Lane:
    """Threads for one kind of work."""

    def __init__(self, name: str, threads: int) -> None:
        self.threads = threads
        self.executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=f"alerts-{name}")

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an idempotent database call. A connection that broke meanwhile is met anew, once (trap C10)."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.executor, lambda: _with_retry(function, *args, **kwargs))


log_lane = Lane("log", 2)  # the tail
people_lane = Lane("people", 2)  # who somebody is, and what they may see
command_lane = Lane("commands", 2)  # what browsers ask for
LANES = (log_lane, people_lane, command_lane)


def _with_retry(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return function(*args, **kwargs)
    except (OperationalError, InterfaceError):
        connections.close_all()
        return function(*args, **kwargs)
