"""The threads that ask the database: few, our own, never the one `database_sync_to_async` work shares (trap C2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connections

P = ParamSpec("P")
R = TypeVar("R")
executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="alerts-consumers")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an idempotent database call in the pool. A connection that broke meanwhile is met anew, once (trap C10)."""
    return await asyncio.get_running_loop().run_in_executor(executor, lambda: _with_retry(function, *args, **kwargs))


def _with_retry(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return function(*args, **kwargs)
    except (OperationalError, InterfaceError):
        connections.close_all()
        return function(*args, **kwargs)
