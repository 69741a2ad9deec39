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
    """A wrapper around each statement of one connection. Outside a transaction, and at its BEGIN, it tries again.

    Of an `executemany` outside a transaction the rows before a failure are committed: SQLite itself waits, once.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        connection = context["connection"]
        if not connection.autocommit:
            return execute(sql, params, many, context)
        if many:
            _wait_itself(connection, self.seconds)
            try:
                return execute(sql, params, many, context)
            finally:
                _wait_itself(connection, min(self.seconds, STEP))
        until = 0.0
        while True:
            try:
                return execute(sql, params, many, context)
            except OperationalError as error:
                if not is_lock(error):
                    raise
                now = time.monotonic()
                until = until or now + self.seconds
                if now >= until:
                    raise
                traceback.clear_frames(error.__traceback__)
            time.sleep(random.uniform(0, PAUSE))


def keep_patience(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """`connection_created`: the `timeout` of the site's settings is kept, in steps.

    Where BEGIN does not take the lock, a statement inside a transaction waits for it, and cannot be tried again: there
    SQLite's own wait stays as it is.
    """
    if connection.vendor != "sqlite" or not _begins_with_the_lock(connection):
        return
    seconds = _timeout(connection)
    _wait_itself(connection, min(seconds, STEP))
    if _of(connection) is None:
        # Below the others: `connection.execute_wrapper()` takes off the topmost, and may be open already.
        connection.execute_wrappers.insert(0, Patience(seconds))


@contextmanager
def without_waiting(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """No wait at all in this block: what finds SQLite locked fails at once."""
    connection.ensure_connection()
    if connection.vendor != "sqlite":
        yield
        return
    patience = _of(connection)
    seconds = _timeout(connection) if patience is None else patience.seconds
    if patience is not None:
        patience.seconds = 0.0
    _wait_itself(connection, 0.0)
    try:
        yield
    finally:
        if patience is not None:
            patience.seconds = seconds
        if connection.connection is not None:
            _wait_itself(connection, seconds if patience is None else min(seconds, STEP))


def is_lock(error: OperationalError) -> bool:
    """SQLite's "database is locked", PostgreSQL's lock_timeout (55P03)."""
    return "locked" in str(error) or getattr(error.__cause__, "sqlstate", None) == "55P03"


def _of(connection: BaseDatabaseWrapper) -> Patience | None:
    return next((wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, Patience)), None)


def _timeout(connection: BaseDatabaseWrapper) -> float:
    return float(connection.settings_dict["OPTIONS"].get("timeout", 5.0))  # Python's default


def _begins_with_the_lock(connection: BaseDatabaseWrapper) -> bool:
    mode = connection.settings_dict["OPTIONS"].get("transaction_mode") or ""
    return mode.upper() in ("IMMEDIATE", "EXCLUSIVE")


def _wait_itself(connection: BaseDatabaseWrapper, seconds: float) -> None:
    raw: Any = connection.connection
    raw.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}").close()
