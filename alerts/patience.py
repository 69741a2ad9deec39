"""How long a SQLite connection waits for the one writer: in short steps, with the connection free between them.

SQLite's own wait (`timeout`, 30 s here) holds the connection's mutex. Python's garbage collector runs in any thread,
and a cursor it finalizes there asks for that mutex: a thread that collects in the middle of its transaction then waits
for the connection that waits for this very transaction, until the 30 s are over and one of them fails with "database
is locked". In short steps both go on. Nor does a failed try leave a cursor to be collected: its traceback is cleared.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

STEP = 0.05  # seconds of SQLite's own wait
PAUSE = 0.01  # seconds between two steps, at most


class Patience:
    """A wrapper around each statement of one connection. Outside a transaction, and at its BEGIN, it tries again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        until = 0.0
        while True:
            try:
                return execute(sql, params, many, context)
            except OperationalError as error:
                if not is_lock(error) or context["connection"].in_atomic_block:
                    raise
                now = time.monotonic()
                until = until or now + self.seconds
                if now >= until:
                    raise
                traceback.clear_frames(error.__traceback__)
            time.sleep(random.uniform(0, PAUSE))


def keep_patience(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """`connection_created`: the `timeout` of the site's settings is kept, in steps."""
    if connection.vendor != "sqlite":
        return
    seconds = float(connection.settings_dict["OPTIONS"].get("timeout", 5.0))  # Python's default
    _wait_itself(connection, min(seconds, STEP))
    if _of(connection) is None:
        connection.execute_wrappers.append(Patience(seconds))


@contextmanager
def without_waiting(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """No wait at all in this block: what finds SQLite locked fails at once."""
    connection.ensure_connection()
    patience = _of(connection)
    if patience is None:
        yield
        return
    seconds, patience.seconds = patience.seconds, 0.0
    _wait_itself(connection, 0.0)
    try:
        yield
    finally:
        patience.seconds = seconds
        if connection.connection is not None:
            _wait_itself(connection, min(seconds, STEP))


def is_lock(error: OperationalError) -> bool:
    """SQLite's "database is locked", PostgreSQL's lock_timeout (55P03)."""
    return "locked" in str(error) or getattr(error.__cause__, "sqlstate", None) == "55P03"


def _of(connection: BaseDatabaseWrapper) -> Patience | None:
    return next((wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, Patience)), None)


def _wait_itself(connection: BaseDatabaseWrapper, seconds: float) -> None:
    raw: Any = connection.connection
    raw.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}").close()
